//! `credvend token-daemon`.

use serde_json::json;
use tests::process::Process;
use tests::upstream::{Fault, Service as Upstream};

use super::*;
use crate::machine::run;
use crate::service::{token, token_with};

/// And the token that the identity provider hands out.
async fn start() -> (Machine, String) {
    let (machine, token) = (Machine::start().await, token());
    machine.service.upstream.set_token(&token);
    (machine, token)
}

fn token_file(machine: &Machine) -> PathBuf {
    machine.home.path().join("run/oidc/token")
}

/// An Auth0 tenant in the place of Cognito, and no role.
fn auth0(machine: &Machine) -> Vec<(&'static str, String)> {
    vec![
        ("IDP_TYPE", "auth0".to_owned()),
        ("AUTH0_TOKEN_ENDPOINT", format!("{}/oauth/token", machine.service.upstream.url())),
        ("AUTH0_CLIENT_ID", "auth0-client".to_owned()),
        ("AUTH0_CLIENT_SECRET", "CANARY-auth0".to_owned()),
        ("AUTH0_AUDIENCE", "https://credvend.example".to_owned()),
    ]
}

fn token_daemon(machine: &Machine, arguments: &[&str], changes: &[(&'static str, String)]) -> Command {
    let file = token_file(machine).display().to_string();
    let common = ["--log-level", "info", "token-daemon", "--token-file", &file];
    let changes: Vec<_> = changes.iter().map(|(name, value)| (*name, value.as_str())).collect();
    machine.command(&[&common[..], arguments].concat(), &changes)
}

fn held(machine: &Machine) -> String {
    std::fs::read_to_string(token_file(machine)).unwrap_or_default()
}

#[tokio::test]
async fn the_token_and_nothing_else_without_any_role() {
    let (machine, token) = start().await;
    let ran = run(token_daemon(&machine, &["--once"], &auth0(&machine))).await;
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    assert_eq!(held(&machine), token, "no newline: SDKs send the file as it is");
    assert_eq!(mode(&token_file(&machine)), 0o600);
    assert_eq!(mode(token_file(&machine).parent().unwrap()), 0o700);
    let again = run(token_daemon(&machine, &["--once", "--mode", "0644"], &auth0(&machine))).await;
    assert_eq!((again.code(), mode(&token_file(&machine))), (Some(0), 0o644));
    assert_eq!(machine.service.upstream.received(Upstream::Token).len(), 1, "the token of the cache is used");
    assert!(!ran.stderr().contains(&token));
}

/// The link itself would be replaced: of /dev/stdout, for the whole machine.
#[tokio::test]
async fn a_link_is_not_replaced() {
    let (machine, _) = start().await;
    let file = token_file(&machine);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink("/proc/self/fd/1", &file).unwrap();
    let ran = run(token_daemon(&machine, &["--once"], &auth0(&machine))).await;
    assert_eq!(ran.code(), Some(1));
    assert!(ran.stderr().contains("is not a regular file"), "{}", ran.stderr());
    assert!(file.is_symlink());
}

/// With the role configured as well, one token does for both.
#[tokio::test]
async fn the_cache_is_shared_with_those_who_exchange_the_token() {
    let (machine, token) = start().await;
    let mut variables = auth0(&machine);
    variables.push(("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/server-01".to_owned()));
    variables.push(("AWS_ENDPOINT_URL_STS", machine.service.upstream.url()));
    let changes: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    machine.run(&["get-credentials"], &changes).await.credentials();
    assert_eq!(run(token_daemon(&machine, &["--once"], &variables)).await.code(), Some(0));
    assert_eq!(held(&machine), token);
    assert_eq!(machine.service.upstream.received(Upstream::Token).len(), 1);
}

#[tokio::test]
async fn it_is_replaced_from_half_of_its_life_on_and_kept_while_that_fails() {
    let machine = Machine::start().await;
    let hour = Duration::from_secs(3600);
    machine.service.upstream.set_lifetimes(Lifetimes { credentials: hour, token: Duration::from_secs(6) });
    let tokens = [1, 2, 3].map(|number| token_with(json!({"jti": number.to_string()})));
    machine.service.upstream.set_token(&tokens[0]);
    let process = Process::spawn(token_daemon(&machine, &[], &auth0(&machine)));
    until("a token", &process, || held(&machine) == tokens[0]).await;
    machine.service.upstream.set_token(&tokens[1]);
    until("the next one", &process, || held(&machine) == tokens[1]).await;
    machine.service.upstream.break_service(Upstream::Token, Fault::Status(503, String::new()));
    let asked = || machine.service.upstream.received(Upstream::Token).len();
    let before = asked();
    until("tries", &process, || asked() > before + 1).await;
    assert_eq!(held(&machine), tokens[1]);
    machine.service.upstream.set_token(&tokens[2]);
    machine.service.upstream.mend();
    until("the third", &process, || held(&machine) == tokens[2]).await;
    stop(process).await;
}

#[tokio::test]
async fn where_a_file_is_of_no_use_it_is_refused_with_the_reason() {
    let machine = Machine::start().await;
    let ran = run(token_daemon(&machine, &[], &[])).await;
    assert_eq!(ran.code(), Some(1));
    assert!(ran.stderr().contains("no `aud`") && ran.stderr().contains("--bearer"), "{}", ran.stderr());
    let file = [("IDP_TYPE", "file".to_owned()), ("OIDC_TOKEN_FILE", "/var/run/token".to_owned())];
    let ran = run(token_daemon(&machine, &[], &file)).await;
    assert_eq!(ran.code(), Some(1));
    assert!(ran.stderr().contains("`/var/run/token` is such a file already"), "{}", ran.stderr());
    assert!(!token_file(&machine).exists());
}

#[tokio::test]
async fn free_tokens_are_not_cached() {
    let (machine, token) = start().await;
    let github = [
        ("IDP_TYPE", "github".to_owned()),
        ("ACTIONS_ID_TOKEN_REQUEST_URL", format!("{}/job/idtoken?api-version=2.0", machine.service.upstream.url())),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "CANARY-request".to_owned()),
    ];
    for count in 1..=2 {
        assert_eq!(run(token_daemon(&machine, &["--once"], &github)).await.code(), Some(0));
        assert_eq!(machine.service.upstream.received(Upstream::Token).len(), count);
    }
    assert_eq!(held(&machine), token);
    assert!(machine.cache_files().is_empty());
}

/// An SDK that calls the vending API itself, with nothing of ours but a file.
#[tokio::test]
async fn with_bearer_boto3_calls_the_vending_api_itself() {
    let (machine, token) = start().await;
    let process = Process::spawn(token_daemon(&machine, &["--bearer"], &[]));
    until("the file", &process, || held(&machine) == format!("Bearer {token}")).await;
    let script = "import boto3; c = boto3.Session().get_credentials(); print(c.method, c.access_key)";
    let url = format!("{}/credentials", machine.service.url);
    let file = token_file(&machine).display().to_string();
    let variables =
        [("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.as_str()), ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &file)];
    let ran = run(python(&machine, script, &variables)).await;
    assert_eq!(ran.stdout(), "container-role ASIAIOSFODNN7EXAMPLE\n", "{}", ran.stderr());
    stop(process).await;
}
