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
    let session =
        super::send(&served.address, "PUT", "/latest/api/token", &[("x-aws-ec2-metadata-token-ttl-seconds", "60")]);
    let header = format!("x-aws-ec2-metadata-token: {}", session.await.body);
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
    command.args(["--config", config.to_str().unwrap()]).env_clear().envs(machine.environment());
    let mut process = Process::spawn(command);
    let url = format!("http://{}/credentials", process.wait_for("listening on http://").await);
    let (status, body) = as_user(STRANGER, &[&url]).await;
    assert_eq!(status, "403", "{body}");
    assert!(body.contains("a user that cannot be told"), "{body}");
}

#[tokio::test]
async fn without_a_token_file_every_identity_needs_users() {
    let machine = Machine::start().await;
    let own = format!("users = [{}]", rustix::process::geteuid().as_raw());
    let config = write_config(&machine, &[("a", &own)]);
    let arguments = ["--log-level", "info", "--config", config.to_str().unwrap(), "serve", "--listen", "127.0.0.1:0"];
    let mut process = Process::spawn(machine.command(&arguments, &[]));
    let address = process.wait_for("listening on http://").await;
    super::send(&address, "GET", "/credentials", &[]).await.credentials();
    if is_root() {
        let url = format!("http://{address}/credentials");
        assert_eq!(as_user(STRANGER, &[&url]).await.0, "403");
    }
    let config = write_config(&machine, &[("a", "users = ['no-such-user']")]);
    let ran = machine.run(&["--config", config.to_str().unwrap(), "serve", "--listen", "127.0.0.1:0"], &[]).await;
    assert_eq!(ran.code(), Some(1));
    assert!(ran.stderr().contains("no-such-user"), "{}", ran.stderr());
}
