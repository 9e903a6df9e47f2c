//! A process limit that is reached for a while: no thread can be made. `strace` refuses the calls that would make one,
//! since limits do not bind root.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::process::{Process, binary};

use crate::machine::{Machine, run};
use crate::service::{client, environment, token, upstream};

/// `injected`: which calls fail, as strace writes it (`when=…`).
fn without_threads(machine: &Machine, injected: &str, arguments: &[&str], changes: &[(&str, &str)]) -> Command {
    let mut command = Command::new("strace");
    let inject = format!("inject=clone,clone3:error=EAGAIN{injected}");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=clone,clone3", "-e", &inject]);
    command.arg(binary("credvend")).args(arguments).env_clear().envs(machine.environment());
    command.envs(changes.iter().copied());
    command
}

/// The look-up of a name takes a thread.
const BY_NAME: (&str, &str) = ("COGNITO_TOKEN_ENDPOINT", "https://idp.example.com/oauth2/token");

#[tokio::test]
async fn a_command_fails_in_order() {
    let machine = Machine::start().await;
    let mut runs = tokio::task::JoinSet::new();
    for arguments in [&["get-credentials"][..], &["env"], &["get-credentials", "--check"]] {
        let command = without_threads(&machine, "", arguments, &[BY_NAME]);
        runs.spawn(async move {
            let ran = run(command).await;
            assert_eq!(ran.code(), Some(4), "{arguments:?}: {}", ran.stderr());
            assert!(ran.stderr().contains("no thread") && !ran.stderr().contains("panicked"), "{}", ran.stderr());
            assert!(ran.stdout().is_empty(), "{}", ran.stdout());
        });
    }
    while let Some(ended) = runs.join_next().await {
        ended.unwrap();
    }
}

#[tokio::test]
async fn what_is_valid_in_the_cache_is_handed_out() {
    let machine = Machine::start().await;
    let before = machine.get_credentials().await.credentials();
    // Past half of their life they are refreshed; the cached token has ended, so the identity provider is asked.
    let folder = machine.cache();
    let cached =
        machine.cache_files().into_iter().find(|(path, ..)| path.display().to_string().contains("/credentials-"));
    let (path, text, _) = cached.expect("cached credentials");
    let mut credentials: serde_json::Value = serde_json::from_str(&text).unwrap();
    let aged = credentials["obtained_at"].as_u64().unwrap() - 4_000_000;
    credentials["obtained_at"] = aged.into();
    credentials["obtained_at_uptime_millis"] = serde_json::Value::Null;
    std::fs::write(&path, credentials.to_string()).unwrap();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with("token-") {
            std::fs::remove_file(path).unwrap();
        }
    }
    // Under the same cache entry: the endpoint is the same, and the proxy's name has to be looked up.
    let proxy = ("HTTPS_PROXY", "http://proxy.example.com:3128");
    let ran = run(without_threads(&machine, "", &["get-credentials"], &[proxy])).await;
    assert_eq!(ran.credentials()["AccessKeyId"], before["AccessKeyId"]);
}

/// The first threads for a refresh cannot be had; later ones can. The endpoint serves in the end, by the same process.
#[tokio::test]
async fn serve_tries_again() {
    let machine = Machine::start().await;
    let token_file = machine.home.path().join("token");
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--token-file", token_file.to_str().unwrap()];
    let arguments = [&["--log-level", "info"][..], &arguments].concat();
    let process = Process::spawn(without_threads(&machine, ":when=1..3", &arguments, &[]));
    let deadline = Instant::now() + Duration::from_secs(60);
    let address = loop {
        let output = process.output();
        if let Some((_, rest)) = output.split_once("listening on http://") {
            break rest.split_whitespace().next().unwrap().to_owned();
        }
        assert!(Instant::now() < deadline, "it does not start: {output}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    let token = std::fs::read_to_string(&token_file).expect("it listens, so the token is there");
    let client = reqwest::Client::new();
    loop {
        let request = client.get(format!("http://{address}/credentials")).header("authorization", &token);
        let status = request.send().await.map(|response| response.status().as_u16());
        if matches!(status, Ok(200)) {
            break;
        }
        assert!(Instant::now() < deadline, "it never serves: {status:?} {}", process.output());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let output = process.output();
    assert!(output.contains("no thread can be started") && !output.contains("panicked"), "{output}");
    let live = client.get(format!("http://{address}/livez")).send().await.unwrap();
    assert_eq!(live.status(), 200);
}

#[tokio::test]
async fn a_daemon_tries_again() {
    let machine = Machine::start().await;
    let folder = machine.home.path().join("aws-creds");
    let arguments = ["credential-daemon", "--creds-dir", folder.to_str().unwrap()];
    let process = Process::spawn(without_threads(&machine, ":when=1..2", &arguments, &[]));
    let deadline = Instant::now() + Duration::from_secs(60);
    while !folder.join("credentials").exists() {
        assert!(Instant::now() < deadline, "no files: {}", process.output());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(process.output().contains("no thread can be started"), "{}", process.output());
}

/// The SDK looks up its services' names, which takes a thread: without one, the service cannot be reached for a while.
#[tokio::test]
async fn the_service_says_that_it_will_pass() {
    let upstream = upstream(json!({})).await;
    let mut command = Command::new("strace");
    // The first thread is the one that writes standard output.
    let inject = "inject=clone,clone3:error=EAGAIN:when=2+";
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=clone,clone3", "-e", inject]);
    command.arg(binary("vending-lambda")).env_clear().envs(environment(&upstream));
    command.envs([("AWS_ENDPOINT_URL", ""), ("AWS_REGION", "us-east-1")]);
    let mut process = Process::spawn(command);
    let address = process.wait_for("listening on ").await;
    let url = address.split('"').next().unwrap();
    for round in 1..=3 {
        let request = client().post(format!("{url}/credentials")).bearer_auth(token());
        let response = request.send().await.expect("a response, whatever happens");
        assert_eq!(response.status(), 503, "round {round}");
        let text = response.text().await.unwrap();
        let body: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&body["error"], &body["retryable"]), (&"mapping_unavailable".into(), &true.into()), "{text}");
        for told in ["thread", "tokio", ".rs", "panic", "CANARY"] {
            assert!(!text.contains(told), "{told}: {text}");
        }
        let health = client().get(format!("{url}/health")).send().await.unwrap();
        assert_eq!(health.status(), 200, "round {round}");
    }
    let output = process.output();
    assert!(!output.contains("panicked") && !output.contains("CANARY"), "{output}");
}
