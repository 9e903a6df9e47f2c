//! Each provider's whole flow, from its token to the credentials.

use crate::machine::{Machine, run};
use crate::service::token;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::process::Command;
use tests::process::binary;
use tests::token::now;
use tests::upstream::{Fault, SECRET_ACCESS_KEY, Service};

use super::{Host, REQUEST_TOKEN, ROLE, SECRET, assert_whole_flow, expected, fields, web_identity};

#[tokio::test]
async fn auth0() {
    let host = Host::start().await;
    assert_whole_flow(&host, "auth0", "auth0-client").await;
    let request = host.only_request(Service::Token);
    assert_eq!(request.path, "/oauth/token");
    assert!(!request.headers.contains_key("authorization"));
    let sent = [
        ("grant_type", "client_credentials"),
        ("audience", "https://credvend.example"),
        ("client_id", "auth0-client"),
        ("client_secret", SECRET),
    ];
    assert_eq!(fields(&request), expected(&sent));
}

#[tokio::test]
async fn entra() {
    let host = Host::start().await;
    assert_whole_flow(&host, "entra", "entra-client").await;
    let request = host.only_request(Service::Token);
    assert_eq!(request.path, "/tenant/oauth2/v2.0/token");
    let sent = [
        ("grant_type", "client_credentials"),
        ("scope", "api://credvend/.default"),
        ("client_id", "entra-client"),
        ("client_secret", SECRET),
    ];
    assert_eq!(fields(&request), expected(&sent));
}

#[tokio::test]
async fn github() {
    let host = Host::start().await;
    assert_whole_flow(&host, "github", "oidc-credential-provider").await;
    let request = host.only_request(Service::Token);
    assert_eq!((request.method.as_str(), request.body.len()), ("GET", 0));
    assert_eq!(request.path, "/job/idtoken?api-version=2.0&audience=sts.amazonaws.com");
    assert_eq!(request.headers["authorization"], format!("Bearer {REQUEST_TOKEN}"));
    host.forget();
    host.get_credentials("github", &[("GITHUB_AUDIENCE", "https://a.example/b c&d")]).await.credentials();
    let path = host.only_request(Service::Token).path;
    assert_eq!(path, "/job/idtoken?api-version=2.0&audience=https%3A%2F%2Fa.example%2Fb+c%26d");
    // Another job on the same machine is somebody else.
    host.upstream.forget_requests();
    host.get_credentials("github", &[("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "another")]).await.credentials();
    assert_eq!(host.only_request(Service::Token).headers["authorization"], "Bearer another");
}

#[tokio::test]
async fn oidc_by_metadata() {
    let host = Host::start().await;
    assert_whole_flow(&host, "oidc", "oidc-client").await;
    assert_eq!(host.only_request(Service::Metadata).method, "GET");
    let request = host.only_request(Service::Token);
    assert_eq!(request.path, "/token");
    assert_eq!(fields(&request), expected(&[("grant_type", "client_credentials")]));
    let basic = request.headers["authorization"].strip_prefix("Basic ").expect("Basic").to_owned();
    let pair = String::from_utf8(STANDARD.decode(basic).unwrap()).unwrap();
    assert_eq!(pair, "oidc-client:CANARY-idp%2Fsecret%2B1+%25", "RFC 6749 §2.3.1: both parts are form-encoded");

    // The metadata stays in the cache when the token and the credentials have gone.
    for entry in std::fs::read_dir(host.home.path().join("cache")).unwrap() {
        let path = entry.unwrap().path();
        if !path.file_name().unwrap().to_str().unwrap().starts_with("metadata-") {
            std::fs::remove_file(path).unwrap();
        }
    }
    host.upstream.forget_requests();
    let changes =
        [("OIDC_AUDIENCE", "https://a.example"), ("OIDC_RESOURCE", "urn:b"), ("OIDC_SCOPES", " write  read ")];
    host.get_credentials("oidc", &[]).await.credentials();
    assert_eq!(host.upstream.received(Service::Metadata).len(), 0);
    host.forget();
    host.get_credentials("oidc", &changes).await.credentials();
    let sent = [
        ("grant_type", "client_credentials"),
        ("audience", "https://a.example"),
        ("resource", "urn:b"),
        ("scope", "write read"),
    ];
    assert_eq!(fields(&host.only_request(Service::Token)), expected(&sent));
}

#[tokio::test]
async fn oidc_as_the_metadata_or_the_user_says() {
    let host = Host::start().await;
    let url = host.upstream.url();
    let post = [("client_id", "oidc-client"), ("client_secret", SECRET), ("grant_type", "client_credentials")];
    let metadata = json!({
        "issuer": url, "token_endpoint": format!("{url}/as/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
    });
    host.upstream.set_metadata(metadata.to_string());
    host.get_credentials("oidc", &[]).await.credentials();
    let request = host.only_request(Service::Token);
    assert_eq!(request.path, "/as/token");
    assert!(!request.headers.contains_key("authorization"));
    assert_eq!(fields(&request), expected(&post));

    host.forget();
    let endpoint = format!("{url}/elsewhere/token");
    let changes = [("OIDC_TOKEN_ENDPOINT", endpoint.as_str())];
    host.get_credentials("oidc", &changes).await.credentials();
    let request = host.only_request(Service::Token);
    assert!(request.path == "/elsewhere/token" && request.headers.contains_key("authorization"));
    assert_eq!(host.upstream.received(Service::Metadata).len(), 0);
    host.forget();
    let changes = [changes[0], ("OIDC_TOKEN_ENDPOINT_AUTH_METHOD", "client_secret_post")];
    host.get_credentials("oidc", &changes).await.credentials();
    assert_eq!(fields(&host.only_request(Service::Token)), expected(&post));
}

/// One issuer must not speak for another, nor lead a secret into the clear.
#[tokio::test]
async fn metadata_that_is_not_believed() {
    let host = Host::start().await;
    let url = host.upstream.url();
    let token_endpoint = format!("{url}/token");
    for (metadata, words) in [
        (json!({"issuer": "https://evil.example", "token_endpoint": token_endpoint}), "`https://evil.example`"),
        (json!({"issuer": format!("{url}/"), "token_endpoint": token_endpoint}), "exactly as the issuer calls itself"),
        (json!({"issuer": url, "token_endpoint": "http://idp.example/token"}), "plain http"),
        (json!({"issuer": url, "token_endpoint": "not a URL"}), "not an absolute URL"),
    ] {
        host.forget();
        host.upstream.set_metadata(metadata.to_string());
        let ran = host.get_credentials("oidc", &[]).await;
        assert_eq!(ran.code(), Some(1), "{metadata}: {}", ran.stderr());
        assert!(ran.stderr().contains(words), "{}", ran.stderr());
        assert_eq!(host.upstream.received(Service::Token).len(), 0, "nothing is sent there");
    }
}

#[tokio::test]
async fn an_endpoint_that_has_moved_is_found_again() {
    let host = Host::start().await;
    host.get_credentials("oidc", &[]).await.credentials();
    for entry in std::fs::read_dir(host.home.path().join("cache")).unwrap() {
        let path = entry.unwrap().path();
        if !path.file_name().unwrap().to_str().unwrap().starts_with("metadata-") {
            std::fs::remove_file(path).unwrap();
        }
    }
    host.upstream.forget_requests();
    host.upstream.break_service(Service::Token, Fault::StatusFirst(1, 404, String::new()));
    host.get_credentials("oidc", &[]).await.credentials();
    assert_eq!(host.upstream.received(Service::Metadata).len(), 1);
}

#[tokio::test]
async fn a_token_file_is_read_for_every_exchange() {
    let host = Host::start().await;
    assert_whole_flow(&host, "file", "oidc-credential-provider").await;
    assert_eq!(host.upstream.received(Service::Token).len(), 0);
    let cached: Vec<_> = std::fs::read_dir(host.home.path().join("cache"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(!cached.iter().any(|name| name.starts_with("token-")), "{cached:?}");

    // STS stumbles, and meanwhile the file has been replaced.
    host.forget();
    let variables = host.variables("file");
    host.upstream.break_service(Service::Sts, Fault::Status(503, String::new()));
    let command = host.command(&["get-credentials"], &variables, &[]);
    let running = tokio::spawn(run(command));
    while host.upstream.received(Service::Sts).is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let renewed = web_identity(json!({"jti": "renewed"}));
    std::fs::write(host.token_file(), &renewed).unwrap();
    // One more may have been under way with the old token.
    let before = host.upstream.received(Service::Sts).len();
    while host.upstream.received(Service::Sts).len() < before + 2 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    host.upstream.mend();
    running.await.unwrap().credentials();
    let last = host.upstream.received(Service::Sts).pop().unwrap();
    assert_eq!(fields(&last)["WebIdentityToken"], renewed);
}

#[tokio::test]
async fn token_files_that_hold_no_token() {
    let expired = web_identity(json!({"exp": now() - 60}));
    let mut ways = tokio::task::JoinSet::new();
    for (content, code, words) in [
        (Some(expired.into_bytes()), 4, "whatever writes it has stopped"),
        (Some(b"\n".to_vec()), 4, "is empty"),
        (Some(b"two words".to_vec()), 1, "holds more than a token"),
        (Some(vec![b'x'; 70_000]), 1, "is larger than 65536 bytes"),
        (Some(vec![0xff, 0xfe]), 1, "is not UTF-8 text"),
        (None, 1, "cannot be read: No such file"),
    ] {
        ways.spawn(async move {
            let host = Host::start().await;
            let variables = host.variables("file");
            match content {
                Some(content) => std::fs::write(host.token_file(), content).unwrap(),
                None => std::fs::remove_file(host.token_file()).unwrap(),
            }
            let ran = run(host.command(&["get-credentials"], &variables, &[])).await;
            assert_eq!(ran.code(), Some(code), "{words}: {}", ran.stderr());
            assert!(ran.stderr().contains(words) && ran.stderr().contains("OIDC_TOKEN_FILE"), "{}", ran.stderr());
            assert_eq!(host.upstream.received(Service::Sts).len(), 0);
        });
    }
    while let Some(ended) = ways.join_next().await {
        ended.unwrap();
    }
}

/// The vending API takes the tokens of other providers too.
#[tokio::test]
async fn the_vending_api_instead_of_sts() {
    let machine = Machine::start().await;
    let host = Host::start().await;
    let variables = host.variables("file");
    std::fs::write(host.token_file(), token()).unwrap();
    let changes = [("AWS_ROLE_ARN", ""), ("CREDENTIAL_API_URL", machine.service.url.as_str())];
    let credentials = run(host.command(&["get-credentials"], &variables, &changes)).await.credentials();
    assert_eq!(credentials["SecretAccessKey"], SECRET_ACCESS_KEY);
    assert_eq!(host.upstream.received(Service::Sts).len(), 0);
    let doctor = run(host.command(&["doctor"], &variables, &changes)).await;
    assert_eq!(doctor.code(), Some(0), "{}", doctor.stdout());
    for changes in [[("AWS_ROLE_ARN", ""), ("X", "")], [("CREDENTIAL_API_URL", "https://api.example"), ("X", "")]] {
        let ran = run(host.command(&["get-credentials"], &variables, &changes)).await;
        assert_eq!(ran.code(), Some(1), "neither and both: {}", ran.stderr());
        assert!(ran.stderr().contains("AWS_ROLE_ARN") && ran.stderr().contains("CREDENTIAL_API_URL"));
    }
}

#[tokio::test]
async fn all_missing_names_of_each_provider_in_one_message() {
    let names = [
        ("", vec!["AUTH0_DOMAIN", "AUTH0_CLIENT_ID", "AUTH0_CLIENT_SECRET", "AUTH0_AUDIENCE"]),
        ("entra", vec!["ENTRA_TENANT_ID", "ENTRA_CLIENT_ID", "ENTRA_CLIENT_SECRET", "ENTRA_SCOPE"]),
        ("github", vec!["ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "id-token: write"]),
        ("oidc", vec!["OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET"]),
        ("file", vec!["OIDC_TOKEN_FILE"]),
    ];
    for (idp_type, expected) in names {
        let mut command = Command::new(binary("credvend"));
        command.arg("get-credentials").env_clear().env("IDP_TYPE", idp_type);
        let ran = run(command).await;
        assert_eq!(ran.code(), Some(1));
        for name in expected.iter().chain(&["AWS_ROLE_ARN"]) {
            assert!(ran.stderr().contains(name), "{idp_type}: {name} is not in {}", ran.stderr());
        }
    }
}

/// SDKs with `account_id_endpoint_mode=required` ask for it, wherever the credentials come from.
#[tokio::test]
async fn the_account_of_an_assumed_role_is_in_every_output() {
    let host = Host::start().await;
    let variables = host.variables("file");
    let folder = host.home.path().join("published");
    for (role, account) in [
        (ROLE, "123456789012"),
        ("arn:aws:iam::000000000042:role/path/server-01", "000000000042"),
        ("arn:aws-us-gov:iam::210987654321:role/server-01", "210987654321"),
        ("arn:aws-cn:iam::111122223333:role/server-01", "111122223333"),
    ] {
        let changes = [("AWS_ROLE_ARN", role), ("AWS_REGION", "eu-west-1")];
        let started = async |arguments: &[&str]| {
            let ran = run(host.command(arguments, &variables, &changes)).await;
            assert_eq!(ran.code(), Some(0), "{arguments:?}: {}", ran.stderr());
            ran.stdout()
        };
        let process: Value = serde_json::from_str(&started(&["get-credentials"]).await).unwrap();
        assert_eq!(process["AccountId"], account);

        let ask = "exec curl -sS -H \"Authorization: $AWS_CONTAINER_AUTHORIZATION_TOKEN\" \"$AWS_CONTAINER_CREDENTIALS_FULL_URI\"";
        let asked = started(&["exec", "--", "/bin/sh", "-c", &format!("PATH=/usr/bin:/bin; {ask}")]).await;
        let container: Value = serde_json::from_str(&asked).unwrap_or_else(|error| panic!("{error} in {asked}"));
        assert_eq!((&container["AccountId"], &container["RoleArn"]), (&account.into(), &role.into()));

        let line = format!("AWS_ACCOUNT_ID={account}");
        for command in [&["exec", "--static", "--", "/usr/bin/env"][..], &["env"]] {
            let printed = started(command).await;
            assert!(printed.lines().any(|found| found.trim_start_matches("export ") == line), "{line}: {printed}");
        }

        started(&["credential-daemon", "--once", "--creds-dir", folder.to_str().unwrap()]).await;
        let file = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
        let json: Value = serde_json::from_str(&file("aws-credentials.json")).unwrap();
        assert_eq!(json["AccountId"], account);
        for (name, line) in
            [("aws-credentials.env", format!("export {line}")), ("credentials", format!("aws_account_id = {account}"))]
        {
            assert!(file(name).lines().any(|found| found == line), "{line} is not in {name}: {}", file(name));
        }
    }
}
