//! Who gets what by being a user of this machine, over a unix socket and over TCP.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use tests::process::{Process, binary};

use super::{Served, send_unix, write_config};
use crate::machine::{Machine, run};

/// Nobody on any machine has these.
const FRIEND: u32 = 54_321;
const STRANGER: u32 = 54_322;

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Status and body of what curl gets as another user.
async fn as_user(uid: u32, arguments: &[&str]) -> (String, String) {
    let mut command = Command::new("setpriv");
    let id = uid.to_string();
    command.args(["--reuid", &id, "--regid", &id, "--clear-groups", "curl", "-s", "-w", "\n%{http_code}"]);
    command.args(arguments).env_clear().env("PATH", std::env::var("PATH").unwrap_or_default());
    let stdout = run(command).await.stdout();
    let (body, status) = stdout.rsplit_once('\n').unwrap_or(("", &stdout));
    (status.to_owned(), body.to_owned())
}

async fn on_unix_socket(machine: &Machine, arguments: &[&str]) -> (Process, PathBuf) {
    std::fs::set_permissions(machine.home.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let socket = machine.home.path().join("socket");
    let listen = format!("unix:{}", socket.display());
    let common = ["--log-level", "info", "serve", "--listen", &listen];
    let mut process = Process::spawn(machine.command(&[&common[..], arguments].concat(), &[]));
    process.wait_for("listening on unix:").await;
    (process, socket)
}

#[tokio::test]
async fn a_unix_socket_is_for_the_user_who_runs_it() {
    let machine = Machine::start().await;
    let (mut process, socket) = on_unix_socket(&machine, &[]).await;
    send_unix(&socket, "/credentials").await.credentials();
    if is_root() {
        let path = socket.to_str().unwrap();
        let (status, body) = as_user(STRANGER, &["--unix-socket", path, "http://localhost/credentials"]).await;
        assert_eq!(status, "403", "{body}");
        assert!(body.contains("AccessDenied") && body.contains("54322"), "{body}");
    }
    process.stop().await;
    assert!(!socket.exists(), "a clean stop leaves no socket");
}

#[tokio::test]
async fn an_abandoned_socket_is_replaced_and_a_living_one_is_not() {
    let machine = Machine::start().await;
    let (first, socket) = on_unix_socket(&machine, &[]).await;
    let listen = format!("unix:{}", socket.display());
    let second = machine.run(&["serve", "--listen", &listen], &[]).await;
    assert_eq!(second.code(), Some(1));
    assert!(second.stderr().contains("is it running already?"), "{}", second.stderr());
    drop(first);
    assert!(socket.exists(), "it was killed");
    let (_third, socket) = on_unix_socket(&machine, &[]).await;
    send_unix(&socket, "/credentials").await.credentials();
}

#[tokio::test]
async fn users_of_an_identity_over_a_unix_socket() {
    if !is_root() {
        return eprintln!("skipped: only root can be another user");
    }
    let machine = Machine::start().await;
    let users = format!("users = [{FRIEND}]");
    let config = write_config(&machine, &[("mine", ""), ("shared", &users)]);
    let (_process, socket) = on_unix_socket(&machine, &["--config", config.to_str().unwrap()]).await;
    let socket_path = socket.to_str().unwrap().to_owned();
    let get = async |uid, path: &str| {
        as_user(uid, &["--unix-socket", &socket_path, &format!("http://localhost{path}")]).await.0
    };
    assert_eq!(get(FRIEND, "/credentials/shared").await, "200");
    assert_eq!(get(FRIEND, "/credentials").await, "200", "the user selects it");
    assert_eq!(get(FRIEND, "/credentials/mine").await, "403");
    assert_eq!(get(STRANGER, "/credentials/shared").await, "403");
    assert_eq!(get(STRANGER, "/credentials").await, "403");
    send_unix(&socket, "/credentials/shared").await.credentials();
    send_unix(&socket, "/credentials/mine").await.credentials();
}

#[tokio::test]
async fn users_of_an_identity_over_tcp() {
    if !is_root() {
        return eprintln!("skipped: only root can be another user");
    }
    let machine = Machine::start().await;
    let users = format!("users = [{FRIEND}]");
    let config = write_config(&machine, &[("open", ""), ("shared", &users)]);
    let served = Served::on(machine, &["--config", config.to_str().unwrap(), "--imds"], &[]).await;
    let header = format!("authorization: {}", served.token());
    let get = async |uid, path: &str, header: &str| {
        as_user(uid, &["-H", header, &format!("http://{}{path}", served.address)]).await.0
    };
    assert_eq!(get(FRIEND, "/credentials/shared", &header).await, "200");
    assert_eq!(get(FRIEND, "/credentials", &header).await, "200", "what is for the user comes first");
    assert_eq!(get(FRIEND, "/credentials/open", &header).await, "200");
    assert_eq!(get(FRIEND, "/credentials/shared", "authorization: x").await, "401", "and the token besides");
    assert_eq!(get(STRANGER, "/credentials/shared", &header).await, "403");
    assert_eq!(get(STRANGER, "/credentials", &header).await, "200", "only one is open to all");
    served.ask("/credentials/shared").await.credentials();
    // The same rules where no token is asked for.
    let header = imds_session(&served.address).await;
    let path = "/latest/meta-data/iam/security-credentials/shared";
    assert_eq!(get(FRIEND, path, &header).await, "200");
    assert_eq!(get(STRANGER, path, &header).await, "403");
}

/// In a namespace of users, all whom it does not know look like one, whom a machine calls `nobody`.
#[tokio::test]
async fn strangers_to_the_namespace_of_users_are_not_nobody() {
    let namespace = ["-U", "--map-root-user"];
    if !is_root() || !Command::new("unshare").args(namespace).arg("true").status().is_ok_and(|ended| ended.success()) {
        return eprintln!("skipped: only root can be another user, and a namespace must be allowed");
    }
    let machine = Machine::start().await;
    let config = write_config(&machine, &[("a", "users = [65534]")]);
    let mut command = Command::new("unshare");
    command.args(namespace).arg(binary("credvend")).args(["--log-level", "info", "serve", "--listen", "127.0.0.1:0"]);
    command.args(["--imds", "--config", config.to_str().unwrap()]).env_clear().envs(machine.environment());
    let mut process = Process::spawn(command);
    let address = process.wait_for("listening on http://").await;
    let header = imds_session(&address).await;
    let url = format!("http://{address}/latest/meta-data/iam/security-credentials/a");
    let (status, body) = as_user(STRANGER, &["-H", &header, &url]).await;
    assert_eq!(status, "403", "{body}");
    assert!(body.contains("a user who cannot be determined"), "{body}");
}

/// The header of a session, which every local process can open.
async fn imds_session(address: &str) -> String {
    let lifetime = [("x-aws-ec2-metadata-token-ttl-seconds", "60")];
    let session = super::send(address, "PUT", "/latest/api/token", &lifetime).await;
    format!("x-aws-ec2-metadata-token: {}", session.body)
}

/// A program of the right user that can be made to send a request (SSRF) must not be enough.
#[tokio::test]
async fn over_tcp_a_plain_get_is_refused_whoever_sends_it() {
    let machine = Machine::start().await;
    let own = format!("users = [{}]", rustix::process::geteuid().as_raw());
    let config = write_config(&machine, &[("a", &own)]);
    let config = config.to_str().unwrap();
    let ran = machine.run(&["--config", config, "serve", "--listen", "127.0.0.1:0"], &[]).await;
    assert_eq!(ran.code(), Some(1));
    assert!(ran.stderr().contains("--token-file"), "{}", ran.stderr());
    let ran = machine.run(&["--config", config, "--identity", "a", "serve", "--print-env"], &[]).await;
    assert_eq!(ran.code(), Some(1), "a consumer could set nothing");

    let arguments = ["--log-level", "info", "--config", config, "serve", "--listen", "127.0.0.1:0", "--imds"];
    let mut process = Process::spawn(machine.command(&arguments, &[]));
    let address = process.wait_for("listening on http://").await;
    let imds = "/latest/meta-data/iam/security-credentials/a";
    for (path, code) in
        [("/credentials", 401), ("/credentials/a", 401), ("/2016-11-01/credentialprovider/a", 401), (imds, 401)]
    {
        assert_eq!(super::send(&address, "GET", path, &[]).await.status, code, "{path}");
        assert_eq!(super::send(&address, "GET", path, &[("authorization", "x")]).await.status, code, "{path}");
    }
    let session = imds_session(&address).await;
    let (name, value) = session.split_once(": ").unwrap();
    assert_eq!(super::send(&address, "GET", imds, &[(name, value)]).await.status, 200);
    let token_file = machine.home.path().join("token");
    let arguments = [&arguments[..7], &["--token-file", token_file.to_str().unwrap()]].concat();
    let mut process = Process::spawn(machine.command(&arguments, &[]));
    let address = process.wait_for("listening on http://").await;
    assert_eq!(super::send(&address, "GET", "/credentials", &[]).await.status, 401);
    let token = std::fs::read_to_string(&token_file).unwrap();
    super::send(&address, "GET", "/credentials", &[("authorization", &token)]).await.credentials();
}

#[tokio::test]
async fn a_user_who_does_not_exist_is_named() {
    let machine = Machine::start().await;
    let config = write_config(&machine, &[("a", "users = ['no-such-user']")]);
    let ran = machine.run(&["--config", config.to_str().unwrap(), "serve", "--listen", "127.0.0.1:0"], &[]).await;
    assert_eq!(ran.code(), Some(1));
    assert!(ran.stderr().contains("no-such-user"), "{}", ran.stderr());
}

/// Names of identities, and what fails with the paths of secrets in it, are for those who show the token.
#[tokio::test]
async fn details_of_health_are_for_the_token() {
    let machine = Machine::start().await;
    let config = write_config(&machine, &[("broken", ""), ("secretive", "")]);
    let secret = machine.home.path().join("secret");
    let broken = std::fs::read_to_string(&config).unwrap().replacen(secret.to_str().unwrap(), "/nonexistent/secret", 1);
    std::fs::write(&config, broken).unwrap();
    let served = super::Served::on(machine, &["--config", config.to_str().unwrap()], &[]).await;
    let both = |reply: &super::Reply| reply.body.contains("/nonexistent/secret") && reply.body.contains("ok secretive");
    assert_eq!(served.ask_until("/readyz", both).await.status, 503);
    let token = served.token();
    for authorization in [None, Some("x".to_owned()), Some("Bearer x".to_owned()), Some(format!("Bearer  {token}"))] {
        let headers: Vec<_> = authorization.iter().map(|value| ("authorization", value.as_str())).collect();
        let ready = served.get("/readyz", &headers).await;
        assert_eq!((ready.status, ready.body.as_str()), (503, "failed\n"), "{authorization:?}");
        let metrics = served.get("/metrics", &headers).await;
        assert_eq!(metrics.status, 200);
        for word in ["identity", "secretive", "broken", "nonexistent"] {
            assert!(
                !metrics.body.contains(&format!("{word}=")) && !metrics.body.contains(&format!("\"{word}")),
                "{}",
                metrics.body
            );
        }
        assert!(metrics.body.contains("\ncredvend_ready 0\n"), "{}", metrics.body);
        assert!(metrics.body.contains("\ncredvend_credentials_expiry_timestamp_seconds "), "{}", metrics.body);
    }
    // As Prometheus sends what it reads from a file.
    for authorization in [token.clone(), format!("Bearer {token}")] {
        let metrics = served.get("/metrics", &[("authorization", &authorization)]).await.body;
        assert!(metrics.contains("credvend_ready{identity=\"secretive\"}"), "{metrics}");
    }
}
