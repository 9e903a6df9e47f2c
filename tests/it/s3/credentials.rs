//! Why there are no credentials decides the exit code: 4 only where waiting may help.

use tests::http_server::{HttpServer, Reply, closed_port};

use super::Desk;
use crate::machine::Ran;

const NONE: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", "")];

async fn list(desk: &Desk, variables: &[(&str, &str)]) -> Ran {
    let path = std::env::var("PATH").unwrap_or_default();
    let ran = desk.run_with(&["list"], &[&NONE[..], &[("PATH", path.as_str())], variables].concat()).await;
    assert!(desk.s3.take_requests().is_empty(), "nothing is asked for without credentials");
    ran
}

#[tokio::test]
async fn a_credential_process_says_by_its_exit_code() {
    let desk = Desk::start().await;
    for (process, expected) in [
        ("exit 1", 1),
        ("exit 3", 3),
        ("exit 4", 4),
        ("exit 127", 1),
        ("echo nonsense", 1),
        ("echo '{\"Version\": 1}'", 1),
        ("/nonexistent/helper", 1),
    ] {
        desk.file("config", format!("[profile x]\ncredential_process = {process}\n").as_bytes());
        let config = desk.path("config");
        let ran = list(&desk, &[("AWS_CONFIG_FILE", config.to_str().unwrap()), ("AWS_PROFILE", "x")]).await;
        assert_eq!(ran.code(), Some(expected), "{process}: {}", ran.stderr());
    }
    let ran = list(&desk, &[("AWS_CONFIG_FILE", "/nonexistent"), ("AWS_PROFILE", "x")]).await;
    assert_eq!(ran.code(), Some(1), "no such profile: {}", ran.stderr());
}

/// The SDK's own limit is five seconds; `credvend get-credentials` takes its time when the identity provider does.
#[tokio::test]
async fn a_credential_process_may_take_its_time() {
    let desk = Desk::start().await;
    let printed = r#"{"Version": 1, "AccessKeyId": "AKIA", "SecretAccessKey": "x"}"#;
    desk.file("helper", format!("sleep 6; echo '{printed}'").as_bytes());
    let helper = desk.path("helper");
    desk.file("config", format!("[profile x]\ncredential_process = sh {}\n", helper.display()).as_bytes());
    let (config, path) = (desk.path("config"), std::env::var("PATH").unwrap_or_default());
    let profile = [("AWS_CONFIG_FILE", config.to_str().unwrap()), ("AWS_PROFILE", "x"), ("PATH", &path)];
    let ran = desk.run_with(&["list"], &[&NONE[..], &profile[..]].concat()).await;
    assert_eq!((ran.code(), ran.stderr()), (Some(0), String::new()));
}

#[tokio::test]
async fn a_container_endpoint_says_by_its_status() {
    let desk = Desk::start().await;
    for (status, expected) in [(401, 3), (403, 3), (404, 1), (500, 4), (503, 4), (429, 4)] {
        let server = HttpServer::start(move |_| async move { Reply::json(status, "{}") }).await;
        let url = format!("{}/credentials", server.url());
        let ran = list(&desk, &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url)]).await;
        assert_eq!(ran.code(), Some(expected), "{status}: {}", ran.stderr());
    }
    let nobody = closed_port().await;
    let ran = list(&desk, &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &nobody)]).await;
    assert_eq!(ran.code(), Some(4), "{}", ran.stderr());
    let ran = list(&desk, &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://192.0.2.1/")]).await;
    assert_eq!(ran.code(), Some(1), "not on loopback: {}", ran.stderr());
}

#[tokio::test]
async fn sts_says_by_its_code() {
    let desk = Desk::start().await;
    desk.file("token", b"a.b.c");
    let token = desk.path("token");
    let web_identity = |url: &str, file: &str| {
        [
            ("AWS_WEB_IDENTITY_TOKEN_FILE", file.to_owned()),
            ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/x".to_owned()),
            ("AWS_ENDPOINT_URL_STS", url.to_owned()),
        ]
    };
    for (status, code, expected) in [
        (403, "AccessDenied", 3),
        (400, "InvalidIdentityToken", 3),
        (400, "ExpiredTokenException", 3),
        (400, "IDPCommunicationError", 4),
        (400, "ValidationError", 1),
        (503, "ServiceUnavailable", 4),
    ] {
        let body = format!("<ErrorResponse><Error><Code>{code}</Code><Message>x</Message></Error></ErrorResponse>");
        let server = HttpServer::start(move |_| {
            let body = body.clone();
            async move { Reply::Whole(status, vec![("content-type".into(), "text/xml".into())], body.into_bytes()) }
        })
        .await;
        let variables = web_identity(&server.url(), token.to_str().unwrap());
        let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let ran = list(&desk, &variables).await;
        assert_eq!(ran.code(), Some(expected), "{code}: {}", ran.stderr());
    }
    for (url, file, expected) in
        [(closed_port().await, token.to_str().unwrap(), 4), (closed_port().await, "/nonexistent/token", 1)]
    {
        let variables = web_identity(&url, file);
        let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let ran = list(&desk, &variables).await;
        assert_eq!(ran.code(), Some(expected), "{file}: {}", ran.stderr());
    }
}
