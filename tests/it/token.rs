//! `credvend token`: the access token for programs that call an API, from the cache that all commands share.

use std::collections::HashSet;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tests::http_server::{HttpServer, Reply};
use tests::upstream::{Fault, Lifetimes, Service as Upstream};

use crate::machine::{Machine, Ran, run};
use crate::service::{CLIENT_ID, token, token_with};

/// No vending API: a token is for an API of somebody else.
const NO_EXCHANGE: (&str, &str) = ("COGNITO_CREDENTIAL_API_URL", "");

async fn start() -> (Machine, String) {
    let (machine, token) = (Machine::start().await, token());
    machine.service.upstream.set_token(&token);
    (machine, token)
}

async fn print(machine: &Machine, form: &str) -> Ran {
    machine.run(&["token", "--output", form], &[NO_EXCHANGE]).await
}

fn token_requests(machine: &Machine) -> usize {
    machine.service.upstream.received(Upstream::Token).len()
}

/// The process's clock stands so many seconds later (libfaketime).
async fn later(machine: &Machine, seconds: i64) -> Ran {
    let library = crate::machine::faketime_library().display().to_string();
    let offset = format!("{seconds:+}s");
    let clock = [("LD_PRELOAD", library.as_str()), ("FAKETIME", &offset), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")];
    machine.run(&["token"], &[&clock[..], &[NO_EXCHANGE]].concat()).await
}

#[tokio::test]
async fn twenty_callers_make_one_token_request_and_the_cache_is_private() {
    let (machine, token) = start().await;
    let mut runs = tokio::task::JoinSet::new();
    for _ in 0..20 {
        runs.spawn(run(machine.command(&["token"], &[NO_EXCHANGE])));
    }
    let mut printed = HashSet::new();
    while let Some(ran) = runs.join_next().await {
        let ran = ran.unwrap();
        assert_eq!((ran.code(), ran.stderr()), (Some(0), String::new()));
        printed.insert(ran.stdout());
    }
    assert_eq!(printed, HashSet::from([format!("{token}\n")]));
    for _ in 0..20 {
        assert_eq!(machine.run(&["token"], &[NO_EXCHANGE]).await.stdout(), format!("{token}\n"));
    }
    assert_eq!(token_requests(&machine), 1);
    let files = machine.cache_files();
    assert!(files.iter().any(|(_, text, _)| text.contains(&token)));
    for (path, _, mode) in files {
        assert_eq!(mode, 0o600, "{}", path.display());
    }
}

#[tokio::test]
async fn with_an_exchange_configured_it_is_the_token_of_get_credentials() {
    let (machine, token) = start().await;
    machine.get_credentials().await.credentials();
    assert_eq!(machine.run(&["token"], &[]).await.stdout(), format!("{token}\n"));
    assert_eq!(token_requests(&machine), 1);
}

#[tokio::test]
async fn json_says_until_when_and_for_which_scopes() {
    let machine = Machine::start().await;
    let token = token_with(json!({"scope": "api.example.com/read api.example.com/write"}));
    machine.service.upstream.set_token(&token);
    let ran = print(&machine, "json").await;
    let printed: Value =
        serde_json::from_str(&ran.stdout()).unwrap_or_else(|error| panic!("{error}: {}", ran.stderr()));
    assert_eq!((&printed["access_token"], &printed["token_type"]), (&json!(token), &json!("Bearer")));
    assert_eq!(printed["scope"], "api.example.com/read api.example.com/write");
    let left = printed["expires_in"].as_i64().unwrap();
    assert!((3000..=3600).contains(&left), "{printed}");
    assert!(printed["expiration"].as_str().unwrap().ends_with('Z'), "{printed}");
    assert_eq!(printed.as_object().unwrap().len(), 5, "{printed}");
}

/// What curl sends when it is configured by each form, as docs/client.md shows it.
#[tokio::test]
async fn curl_takes_every_form_and_no_argument_holds_the_token() {
    let (machine, token) = start().await;
    let api = HttpServer::start(|received| {
        let sent = received.headers.get("authorization").cloned().unwrap_or_default();
        std::future::ready(Reply::json(200, json!({"sent": sent}).to_string()))
    })
    .await;
    for call in [
        "\"$CREDVEND\" token --output curl | curl --silent --config - \"$API\"",
        "curl --silent --config <(\"$CREDVEND\" token --output curl) \"$API\"",
        "curl --silent --header @<(\"$CREDVEND\" token --output header) \"$API\"",
        "printf 'header = \"Authorization: Bearer %s\"' \"$(\"$CREDVEND\" token)\" | curl --silent --config - \"$API\"",
    ] {
        let mut command = Command::new("bash");
        command.args(["-c", call]).env_clear().envs(machine.environment()).stdin(Stdio::null());
        command.env("CREDVEND", tests::process::binary("credvend")).env("API", api.url());
        let ran = run(command).await;
        let answered: Value =
            serde_json::from_str(&ran.stdout()).unwrap_or_else(|_| panic!("{call}: {}", ran.stderr()));
        assert_eq!(answered["sent"], format!("Bearer {token}"), "{call}");
    }
    assert_eq!(token_requests(&machine), 1, "a loop of curls is one token request");
}

#[tokio::test]
async fn it_is_replaced_before_its_end_and_an_expired_one_is_never_printed() {
    let (machine, first) = start().await;
    let hour = Duration::from_secs(3600);
    machine.service.upstream.set_lifetimes(Lifetimes { credentials: hour, token: hour });
    assert_eq!(later(&machine, 0).await.stdout(), format!("{first}\n"));
    let second = token_with(json!({"jti": "second"}));
    machine.service.upstream.set_token(&second);
    assert_eq!(later(&machine, 20 * 60).await.stdout(), format!("{first}\n"), "fresh for 27 minutes");
    assert_eq!(token_requests(&machine), 1);
    assert_eq!(later(&machine, 31 * 60).await.stdout(), format!("{second}\n"), "from half of its life on");
    machine.service.upstream.break_service(Upstream::Token, Fault::Status(503, String::new()));
    let ran = later(&machine, 3 * 3600).await;
    assert_eq!((ran.code(), ran.stdout()), (Some(4), String::new()), "{}", ran.stderr());
}

/// Every way in which an identity provider is down: the token that is still valid is printed, with a warning.
#[tokio::test]
async fn a_valid_token_is_kept_while_the_identity_provider_is_down() {
    for fault in [
        Fault::Status(503, String::new()),
        Fault::TooMany(60),
        Fault::Garbage,
        Fault::CutOff,
        Fault::WrongBody,
        Fault::Slow,
        Fault::Status(401, r#"{"error":"invalid_client"}"#.to_owned()),
    ] {
        let (machine, token) = start().await;
        assert_eq!(later(&machine, 0).await.code(), Some(0));
        machine.service.upstream.break_service(Upstream::Token, fault.clone());
        let ran = later(&machine, 40 * 60).await;
        assert_eq!((ran.code(), ran.stdout()), (Some(0), format!("{token}\n")), "{fault:?}: {}", ran.stderr());
        assert!(ran.stderr().contains("using the cached token, valid until"), "{fault:?}: {}", ran.stderr());
        let asked = token_requests(&machine);
        assert_eq!(later(&machine, 40 * 60).await.stdout(), format!("{token}\n"), "{fault:?}");
        assert_eq!(token_requests(&machine), asked, "{fault:?}: nobody asks again at once");
    }
}

/// The vending API is another service: its outage keeps nobody from a token.
#[tokio::test]
async fn a_failed_exchange_does_not_stand_in_the_way() {
    let (machine, token) = start().await;
    let api = HttpServer::start(|_| {
        std::future::ready(Reply::Whole(429, vec![("retry-after".into(), "300".into())], b"{}".to_vec()))
    })
    .await;
    let url = format!("{}/credentials", api.url());
    let changes = [("COGNITO_CREDENTIAL_API_URL", url.as_str())];
    assert_eq!(machine.run(&["get-credentials"], &changes).await.code(), Some(4));
    // The failure that is noted in the cache is the exchange's, and asks to wait for five minutes.
    let (path, ..) =
        machine.cache_files().into_iter().find(|(_, text, _)| text.contains(&token)).expect("a cached token");
    std::fs::remove_file(path).expect("it was just listed");
    let ran = machine.run(&["token"], &changes).await;
    assert_eq!((ran.code(), ran.stdout()), (Some(0), format!("{token}\n")), "{}", ran.stderr());
}

#[tokio::test]
async fn failures_have_the_exit_codes_of_all_commands_and_print_nothing() {
    let (machine, token) = start().await;
    machine
        .service
        .upstream
        .break_service(Upstream::Token, Fault::Status(400, r#"{"error":"invalid_client"}"#.to_owned()));
    let refused = print(&machine, "header").await;
    assert_eq!((refused.code(), refused.stdout()), (Some(3), String::new()));
    assert!(refused.stderr().contains(CLIENT_ID) && !refused.stderr().contains("CANARY"), "{}", refused.stderr());
    assert_eq!(token_requests(&machine), 1, "final: not tried again");
    let missing = machine.run(&["token"], &[NO_EXCHANGE, ("COGNITO_CLIENT_ID", "")]).await;
    assert_eq!((missing.code(), missing.stdout()), (Some(1), String::new()));
    assert!(missing.stderr().contains("COGNITO_CLIENT_ID"), "{}", missing.stderr());
    assert_eq!(print(&machine, "yaml").await.code(), Some(2));
    machine.service.upstream.mend();
    let ran = machine.run(&["--log-level", "debug", "token"], &[NO_EXCHANGE]).await;
    assert_eq!(ran.stdout(), format!("{token}\n"));
    assert!(!ran.stderr().contains(&token), "no log line holds a token");
}

/// A token that is already in a file, and one of GitHub's runner, are printed and never cached.
#[tokio::test]
async fn tokens_that_cost_nothing_are_printed_and_not_cached() {
    let (machine, token) = start().await;
    let file = machine.home.path().join("token");
    std::fs::write(&file, format!("{token}\n")).unwrap();
    let file = file.display().to_string();
    let url = format!("{}/job/idtoken?api-version=2.0", machine.service.upstream.url());
    let github = [
        ("IDP_TYPE", "github"),
        ("ACTIONS_ID_TOKEN_REQUEST_URL", url.as_str()),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "CANARY-request"),
    ];
    for changes in [&[("IDP_TYPE", "file"), ("OIDC_TOKEN_FILE", file.as_str())][..], &github[..]] {
        let ran = machine.run(&["token", "--output", "header"], changes).await;
        assert_eq!(ran.stdout(), format!("Authorization: Bearer {token}\n"), "{}", ran.stderr());
    }
    assert!(machine.cache_files().is_empty());
}
