//! `credvend get-credentials` as a user has it: the binary, its cache, and services that come and go.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use serde_json::{Value, json};
use tests::http_server::{HttpServer, Reply, closed_port};
use tests::token::now;
use tests::upstream::{Fault, SECRET_ACCESS_KEY, Service as Upstream, assume_role_calls};

use crate::machine::{CLIENT_SECRET, Machine, rfc3339, run};
use crate::service::{CLIENT_ID, token_with};

#[tokio::test]
async fn a_check_says_no_more_than_yes_or_no() {
    let machine = Machine::start().await;
    let check = async || {
        let ran = machine.run(&["get-credentials", "--check"], &[]).await;
        (ran.code(), ran.stdout())
    };
    assert_eq!(check().await, (Some(0), String::new()));
    machine.get_credentials().await.credentials();
    assert_eq!(machine.service.upstream.received(Upstream::Token).len(), 1, "it shares the cache");
    std::fs::remove_dir_all(machine.cache()).expect("it was just filled");
    let refused = Fault::Status(400, r#"{"error":"invalid_client"}"#.to_owned());
    machine.service.upstream.break_service(Upstream::Token, refused);
    assert_eq!(check().await, (Some(3), String::new()));
}

#[tokio::test]
async fn credentials_are_fetched_once_and_then_cached() {
    let machine = Machine::start().await;
    let first = machine.get_credentials().await.credentials();
    assert_eq!(first["SecretAccessKey"], SECRET_ACCESS_KEY);
    assert_eq!(first["AccountId"], "123456789012", "of the role that the API names");
    let second = machine.get_credentials().await.credentials();
    assert_eq!(first, second);
    assert_eq!(machine.service.upstream.received(Upstream::Token).len(), 1);
    assert_eq!(assume_role_calls(&machine.service.upstream).len(), 1);

    let request = &machine.service.upstream.received(Upstream::Token)[0];
    assert_eq!(
        String::from_utf8_lossy(&request.body),
        "grant_type=client_credentials",
        "no scope unless one is asked for"
    );
    assert!(request.headers["authorization"].starts_with("Basic "));

    let mode = std::fs::metadata(machine.cache()).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o700);
    let files = machine.cache_files();
    assert!(files.len() >= 2);
    for (path, _, mode) in files {
        assert_eq!(mode, 0o600, "{}", path.display());
    }
}

#[tokio::test]
async fn two_hundred_callers_at_once_make_one_request_of_each_kind() {
    let machine = Machine::start().await;
    let mut runs = tokio::task::JoinSet::new();
    for _ in 0..200 {
        runs.spawn(run(machine.command(&["get-credentials"], &[])));
    }
    let mut answers = std::collections::HashSet::new();
    while let Some(ran) = runs.join_next().await {
        answers.insert(ran.unwrap().credentials().to_string());
    }
    assert_eq!(answers.len(), 1);
    assert_eq!(machine.service.upstream.received(Upstream::Token).len(), 1);
    assert_eq!(assume_role_calls(&machine.service.upstream).len(), 1);
}

#[tokio::test]
async fn missing_names_are_told_in_one_message() {
    let machine = Machine::start().await;
    let ran = machine
        .run(
            &["get-credentials"],
            &[("COGNITO_CLIENT_ID", ""), ("COGNITO_CLIENT_SECRET", ""), ("COGNITO_CREDENTIAL_API_URL", "")],
        )
        .await;
    assert_eq!(ran.code(), Some(1));
    for name in ["COGNITO_CLIENT_ID", "COGNITO_CLIENT_SECRET", "COGNITO_CREDENTIAL_API_URL"] {
        assert!(ran.stderr().contains(name), "{name} is not in {}", ran.stderr());
    }
    assert_eq!(ran.stdout(), "");
    let ran = machine
        .run(&["get-credentials"], &[("COGNITO_CREDENTIAL_API_URL", "http://api.example.com/credentials")])
        .await;
    assert_eq!(ran.code(), Some(1), "plain http is for loopback: {}", ran.stderr());
    assert_eq!(machine.run(&["no-such-command"], &[]).await.code(), Some(2));
}

#[tokio::test]
async fn secrets_from_files_and_from_systemd() {
    let machine = Machine::start().await;
    let folder = machine.home.path().join("creds");
    std::fs::create_dir(&folder).unwrap();
    let file = folder.join("COGNITO_CLIENT_SECRET");
    std::fs::write(&file, format!("{CLIENT_SECRET}\n")).unwrap();
    let variables =
        [("COGNITO_CLIENT_SECRET_FILE", file.to_str().unwrap()), ("CREDENTIALS_DIRECTORY", folder.to_str().unwrap())];
    for variable in variables {
        let cache = machine.home.path().join(variable.0);
        let changes = [("COGNITO_CLIENT_SECRET", ""), variable, ("CREDVEND_CACHE_DIR", cache.to_str().unwrap())];
        machine.run(&["get-credentials"], &changes).await.credentials();
    }
    let sent: Vec<_> = machine
        .service
        .upstream
        .received(Upstream::Token)
        .iter()
        .map(|request| request.headers["authorization"].clone())
        .collect();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0], sent[1]);
}

#[tokio::test]
async fn a_refused_secret_is_named_by_client_and_endpoint_only() {
    let machine = Machine::start().await;
    for status in [400, 401] {
        machine.service.upstream.forget_requests();
        machine
            .service
            .upstream
            .break_service(Upstream::Token, Fault::Status(status, r#"{"error":"invalid_client"}"#.to_owned()));
        let ran = machine.get_credentials().await;
        assert_eq!(ran.code(), Some(3), "{}", ran.stderr());
        let message = ran.stderr();
        assert!(message.contains(CLIENT_ID) && message.contains("/oauth2/token"), "{message}");
        assert!(!message.contains("CANARY"), "{message}");
        assert_eq!(machine.service.upstream.received(Upstream::Token).len(), 1, "final: not tried again");
    }
    let next = machine.run(&["get-credentials"], &[("COGNITO_CLIENT_SECRET_NEXT", "another")]).await;
    assert_eq!(next.code(), Some(3));
    assert_eq!(machine.service.upstream.received(Upstream::Token).len(), 3, "the next secret was tried");
}

#[tokio::test]
async fn a_refusal_of_the_api_is_final_and_says_why() {
    let machine = Machine::start().await;
    machine.service.upstream.delete_item(CLIENT_ID);
    let ran = machine.get_credentials().await;
    assert_eq!(ran.code(), Some(3), "{}", ran.stderr());
    assert!(ran.stderr().contains("client_not_registered"), "{}", ran.stderr());
}

#[tokio::test]
async fn a_service_that_stumbles_is_tried_again() {
    let machine = Machine::start().await;
    machine.service.upstream.break_service(Upstream::Token, Fault::CutOffFirst(2));
    machine.get_credentials().await.credentials();
    assert_eq!(machine.service.upstream.received(Upstream::Token).len(), 3);
}

/// A call gives up after thirty seconds, so all ways are tried at once, each on a machine of its own.
#[tokio::test]
async fn every_way_to_be_unavailable_is_exit_code_4() {
    let mut ways = tokio::task::JoinSet::new();
    for fault in [
        Some(Fault::Status(500, "<html>".into())),
        Some(Fault::Status(503, String::new())),
        Some(Fault::Garbage),
        Some(Fault::WrongBody),
        Some(Fault::CutOff),
        None,
    ] {
        ways.spawn(async move {
            let machine = Machine::start().await;
            let mut endpoint = format!("{}/oauth2/token", machine.service.upstream.url());
            match fault.clone() {
                Some(fault) => machine.service.upstream.break_service(Upstream::Token, fault),
                None => endpoint = format!("{}/oauth2/token", closed_port().await),
            }
            let ran = machine.run(&["get-credentials"], &[("COGNITO_TOKEN_ENDPOINT", &endpoint)]).await;
            assert_eq!(ran.code(), Some(4), "{fault:?}: {}", ran.stderr());
            assert!(ran.stderr().contains("/oauth2/token"), "{}", ran.stderr());
            assert!(machine.service.upstream.received(Upstream::Token).len() <= 12, "at most 12 requests a call");
        });
    }
    while let Some(ended) = ways.join_next().await {
        ended.unwrap();
    }
}

/// Half an hour of IdP and API outage, on a clock that is moved: nobody with valid credentials notices.
#[tokio::test]
async fn an_outage_of_half_an_hour_is_unseen() {
    let machine = Machine::start().await;
    let before = machine.get_credentials().await.credentials();
    machine.service.upstream.break_service(Upstream::Sts, Fault::Status(503, String::new()));
    for minutes in (26..=56).step_by(5) {
        // One that is silent for an hour: a caller with valid credentials does not wait for it.
        let is_silent = minutes == 41;
        let outage = if is_silent { Fault::Slow } else { Fault::Status(503, String::new()) };
        machine.service.upstream.break_service(Upstream::Token, outage);
        let ran = machine.get_credentials_later(minutes * 60).await;
        assert_eq!(ran.credentials(), before, "after {minutes} minutes");
    }
    let ran = machine.get_credentials_later(61 * 60).await;
    assert_eq!(ran.code(), Some(4), "expired credentials are never handed out: {}", ran.stdout());
}

#[tokio::test]
async fn credentials_are_refreshed_from_half_of_their_lifetime() {
    let machine = Machine::start().await;
    machine.get_credentials().await.credentials();
    machine.get_credentials_later(20 * 60).await.credentials();
    assert_eq!(assume_role_calls(&machine.service.upstream).len(), 1, "too early");
    let renewed = rfc3339(3600 + 31 * 60);
    machine.service.upstream.set_expiration(&renewed);
    let fresh = machine.get_credentials_later(31 * 60).await.credentials();
    assert_eq!(fresh["Expiration"], renewed.as_str());
    assert_eq!(assume_role_calls(&machine.service.upstream).len(), 2);
}

#[tokio::test]
async fn an_expired_token_is_fetched_again() {
    let machine = Machine::start().await;
    machine.service.upstream.set_token(&token_with(json!({"iat": now() - 7200, "exp": now() - 3600})));
    let ran = machine.get_credentials().await;
    assert_eq!(ran.code(), Some(3), "the API refuses it: {}", ran.stderr());
    machine.service.upstream.set_token(&token_with(json!({})));
    machine.get_credentials().await.credentials();
}

#[tokio::test]
async fn a_corrupt_cache_is_set_aside() {
    let machine = Machine::start().await;
    let before = machine.get_credentials().await.credentials();
    for garbage in ["", "{", "null", "\u{0}\u{0}\u{0}", r#"{"Version":1}"#] {
        for (path, _, _) in machine.cache_files() {
            if path.extension().is_some_and(|extension| extension == "json") {
                std::fs::write(&path, garbage).unwrap();
            }
        }
        let ran = machine.get_credentials().await;
        assert_eq!(ran.credentials(), before, "{garbage:?}");
    }
    assert!(machine.cache_files().iter().any(|(path, ..)| path.to_string_lossy().contains("corrupt")));
}

#[tokio::test]
async fn an_unusable_cache_costs_only_speed() {
    let machine = Machine::start().await;
    let real = machine.home.path().join("elsewhere");
    std::fs::create_dir(&real).unwrap();
    let open = machine.home.path().join("open");
    std::fs::create_dir(&open).unwrap();
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).unwrap();
    let file = machine.home.path().join("file");
    std::fs::write(&file, "").unwrap();
    for folder in [open.as_path(), file.as_path(), "/proc/nonexistent".as_ref()] {
        let ran = machine.run(&["get-credentials"], &[("CREDVEND_CACHE_DIR", folder.to_str().unwrap())]).await;
        ran.credentials();
        assert!(ran.stderr().contains(folder.to_str().unwrap()), "{}", ran.stderr());
    }
    assert!(std::fs::read_dir(&open).unwrap().next().is_none(), "nothing is written where others may write");
}

#[tokio::test]
async fn a_symlink_in_the_cache_is_refused_and_its_target_left_alone() {
    let machine = Machine::start().await;
    machine.get_credentials().await.credentials();
    let target = machine.home.path().join("target");
    for (path, text, _) in machine.cache_files() {
        if path.extension().is_some_and(|extension| extension == "json") {
            std::fs::write(&target, &text).unwrap();
            std::fs::remove_file(&path).unwrap();
            symlink(&target, &path).unwrap();
        }
    }
    let before = std::fs::read(&target).unwrap();
    machine.get_credentials().await.credentials();
    assert_eq!(std::fs::read(&target).unwrap(), before);
    assert_eq!(assume_role_calls(&machine.service.upstream).len(), 2, "what lies behind a symlink is not believed");
}

#[tokio::test]
async fn doctor_walks_every_hop_and_names_the_one_that_fails() {
    let machine = Machine::start().await;
    let ran = machine.run(&["doctor"], &[]).await;
    assert_eq!(ran.code(), Some(0), "{}{}", ran.stdout(), ran.stderr());
    machine.service.upstream.delete_item(CLIENT_ID);
    let ran = machine.run(&["doctor"], &[]).await;
    assert_eq!(ran.code(), Some(3), "{}{}", ran.stdout(), ran.stderr());
    assert!(ran.stdout().contains("FAIL") && ran.stdout().contains("client_not_registered"), "{}", ran.stdout());
    let ran = machine.run(&["doctor", "--json"], &[("COGNITO_CLIENT_ID", "")]).await;
    assert_eq!(ran.code(), Some(1));
    serde_json::from_str::<serde_json::Value>(&ran.stdout()).expect("--json prints JSON");
}

#[tokio::test]
async fn completions_and_manual() {
    let machine = Machine::start().await;
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = machine.run(&["completions", shell], &[]).await;
        assert!(ran.code() == Some(0) && ran.stdout().contains("get-credentials"), "{shell}");
    }
    let ran = machine.run(&["man"], &[]).await;
    assert!(ran.code() == Some(0) && ran.stdout().contains(".TH"), "{}", ran.stderr());
    for word in
        ["\\-\\-env\\-file", "\\-\\-creds\\-dir", ".SH \"credvend token\"", ".SH \"credvend setup rclone\"", "IDP_TYPE"]
    {
        assert!(ran.stdout().contains(word), "{word} is not in {}", ran.stdout());
    }
    assert!(!ran.stdout().contains("serve(1)"), "no page of its own");
}

/// Booted before NTP, or with the hardware clock in local time: what was noted then must not count after the correction.
#[tokio::test]
async fn a_failure_noted_by_a_clock_that_was_ahead_locks_nobody_out() {
    let machine = Machine::start().await;
    let invalid_client = Fault::Status(401, r#"{"error":"invalid_client"}"#.to_owned());
    machine.service.upstream.break_service(Upstream::Token, invalid_client);
    assert_eq!(machine.get_credentials_later(24 * 3600).await.code(), Some(3));
    machine.service.upstream.mend();
    machine.get_credentials().await.credentials();
}

#[tokio::test]
async fn the_server_s_wait_is_heeded_by_callers_without_credentials() {
    let machine = Machine::start().await;
    let headers = vec![("retry-after".to_owned(), "60".to_owned())];
    let requests = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&requests);
    let server = tests::http_server::HttpServer::start(move |_| {
        count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let headers = headers.clone();
        async move { tests::http_server::Reply::Whole(429, headers, Vec::new()) }
    })
    .await;
    let endpoint = format!("{}/oauth2/token", server.url());
    let changes = [("COGNITO_TOKEN_ENDPOINT", endpoint.as_str())];
    for _ in 0..3 {
        let ran = machine.run(&["get-credentials"], &changes).await;
        assert_eq!(ran.code(), Some(4), "{}", ran.stderr());
    }
    // A wait beyond the call's own time ends it (`http-client/src/retry.rs`), and the next calls know of it.
    assert_eq!(requests.load(std::sync::atomic::Ordering::SeqCst), 1);
    assert!(
        machine
            .cache_files()
            .iter()
            .any(|(path, text, _)| path.to_string_lossy().contains("failure") && text.contains("true"))
    );
}

#[tokio::test]
async fn a_new_secret_is_not_refused_for_an_old_one() {
    let machine = Machine::start().await;
    machine.service.upstream.break_service(Upstream::Token, Fault::Status(400, r#"{"error":"invalid_client"}"#.into()));
    let mut old = tokio::task::JoinSet::new();
    for _ in 0..5 {
        old.spawn(run(machine.command(&["get-credentials"], &[("COGNITO_CLIENT_SECRET", "old")])));
    }
    while let Some(ran) = old.join_next().await {
        assert_eq!(ran.unwrap().code(), Some(3));
    }
    machine.service.upstream.mend();
    machine.get_credentials().await.credentials();
}

/// The service's word counts; services of the old kind name the role alone, or nothing.
#[tokio::test]
async fn the_account_is_the_service_s_word_or_the_role_s() {
    let machine = Machine::start().await;
    let role = "arn:aws:iam::123456789012:role/server-01";
    for (members, account) in [
        (json!({"account_id": "210987654321", "role_arn": role}), json!("210987654321")),
        (json!({"role_arn": role}), json!("123456789012")),
        (json!({"account_id": "", "role_arn": role}), json!("123456789012")),
        (json!({"account_id": "12\n", "role_arn": role}), json!("123456789012")),
        (json!({"account_id": "210987654321"}), json!("210987654321")),
        (json!({"account_id": "12", "role_arn": "server-01"}), Value::Null),
        (json!({}), Value::Null),
    ] {
        let mut body = json!({
            "credentials": {"access_key_id": "ASIAEXAMPLE", "secret_access_key": SECRET_ACCESS_KEY,
                            "session_token": "token", "expiration": rfc3339(3600)},
            "s3_bucket": "b", "s3_path_prefix": "p/", "aws_region": "eu-west-1",
        });
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let api = HttpServer::start(move |_| std::future::ready(Reply::json(200, body.to_string()))).await;
        let ran = machine.run(&["get-credentials"], &[("COGNITO_CREDENTIAL_API_URL", &api.url())]).await;
        assert_eq!(ran.credentials()["AccountId"], account, "{members}");
    }
}
