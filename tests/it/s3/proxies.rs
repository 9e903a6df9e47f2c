//! The proxy: whose fault is told, what is sent to it, and what goes past it.

use std::process::Command;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tests::http_server::{HttpServer, Reply, closed_port};
use tests::process::binary;

use super::Desk;
use crate::machine::{Ran, run};

/// An HTTP proxy that lets nobody through; remembers what it was asked for and with which user and password.
struct Proxy {
    server: HttpServer,
    asked: Arc<Mutex<Vec<(String, String)>>>,
}

impl Proxy {
    async fn start(status: u16) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        let server = HttpServer::start(move |received| {
            let basic = received.headers.get("proxy-authorization").and_then(|value| value.strip_prefix("Basic "));
            let decoded = basic.and_then(|basic| BASE64_STANDARD.decode(basic).ok()).unwrap_or_default();
            let target = format!("{} {}", received.method, received.path);
            seen.lock().unwrap().push((target, String::from_utf8(decoded).unwrap()));
            async move { Reply::ThenClose(status, Vec::new(), Vec::new()) }
        })
        .await;
        Self { server, asked }
    }

    fn url(&self, credentials: &str) -> String {
        format!("http://{credentials}{}", self.server.address)
    }

    fn take(&self) -> Vec<(String, String)> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

async fn list(desk: &Desk, variables: &[(&str, &str)]) -> Ran {
    let far = [("AWS_ENDPOINT_URL_S3", "https://s3.invalid")];
    let ran = desk.run_with(&["list"], &[&far[..], variables].concat()).await;
    assert!(!ran.stderr().contains("hunter2"), "{}", ran.stderr());
    ran
}

#[tokio::test]
async fn a_proxy_that_refuses_is_asked_once_and_named() {
    let desk = Desk::start().await;
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        let proxy = Proxy::start(407).await;
        let ran = list(&desk, &[(name, &proxy.url("user:hunter2@"))]).await;
        assert_eq!(ran.code(), Some(3), "{}", ran.stderr());
        let named = format!("the proxy {} refused its user name and password (407)", proxy.url(""));
        assert!(ran.stderr().contains(&named), "{}", ran.stderr());
        // Another try with the same password could lock the account.
        assert_eq!(proxy.take(), [("CONNECT s3.invalid:443".to_owned(), "user:hunter2".to_owned())]);
    }
}

#[tokio::test]
async fn credentials_are_not_asked_for_twice_either() {
    let desk = Desk::start().await;
    desk.file("token", b"a.b.c");
    let proxy = Proxy::start(407).await;
    let variables = [
        ("AWS_ACCESS_KEY_ID", ""),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", desk.path("token").to_str().unwrap()),
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/x"),
        ("AWS_ENDPOINT_URL_STS", "https://sts.invalid"),
        ("HTTPS_PROXY", &proxy.url("user:hunter2@")),
    ]
    .map(|(name, value)| (name, value.to_owned()));
    let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let ran = list(&desk, &variables).await;
    assert_eq!(ran.code(), Some(3), "{}", ran.stderr());
    assert!(ran.stderr().contains("(407)"), "{}", ran.stderr());
    assert_eq!(proxy.take().len(), 1);
}

#[tokio::test]
async fn a_proxy_that_is_down_or_does_not_connect_is_its_own_fault() {
    let desk = Desk::start().await;
    let ran = list(&desk, &[("HTTPS_PROXY", &closed_port().await)]).await;
    assert_eq!(ran.code(), Some(4), "{}", ran.stderr());
    assert!(
        ran.stderr().contains("the proxy http://127.0.0.1:") && ran.stderr().contains("refused"),
        "{}",
        ran.stderr()
    );
    for status in [403, 502, 503] {
        let proxy = Proxy::start(status).await;
        let ran = list(&desk, &[("HTTPS_PROXY", &proxy.url(""))]).await;
        assert_eq!(ran.code(), Some(4), "{}", ran.stderr());
        let named = format!("the proxy {} cannot be used", proxy.url(""));
        assert!(ran.stderr().contains(&named), "{}", ran.stderr());
        assert_eq!(proxy.take().len(), 5, "{status} is tried again");
    }
}

/// `credvend`, on its way to an identity provider behind the same proxy.
async fn get_credentials(desk: &Desk, variables: &[(&str, &str)]) -> Ran {
    let mut command = Command::new(binary("credvend"));
    command.env_clear().arg("get-credentials").current_dir(desk.path("")).envs([
        ("IDP_TYPE", "cognito"),
        ("AWS_REGION", "eu-west-1"),
        ("COGNITO_TOKEN_ENDPOINT", "https://idp.invalid/token"),
        ("COGNITO_CLIENT_ID", "id"),
        ("COGNITO_CLIENT_SECRET", "secret"),
        ("COGNITO_CREDENTIAL_API_URL", "https://api.invalid/credentials"),
        ("CREDVEND_CACHE_DIR", desk.path("cache").to_str().unwrap()),
    ]);
    command.envs(variables.iter().copied());
    run(command).await
}

#[tokio::test]
async fn both_programs_read_one_url_alike() {
    let desk = Desk::start().await;
    for (credentials, sent) in [
        ("user:p@ss@", "user:p@ss"),
        ("user:p%23ss@", "user:p#ss"),
        ("DOM\\user:pass@", "DOM\\user:pass"),
        ("user:p:ss@", "user:p:ss"),
        ("user:100%25%20@", "user:100% "),
        ("user@", "user:"),
        ("", ""),
    ] {
        let proxy = Proxy::start(407).await;
        let url = proxy.url(credentials);
        list(&desk, &[("HTTPS_PROXY", &url)]).await;
        let by_s3 = proxy.take();
        get_credentials(&desk, &[("HTTPS_PROXY", &url)]).await;
        let by_credvend = proxy.take();
        assert_eq!((by_s3[0].1.as_str(), by_credvend[0].1.as_str()), (sent, sent), "{credentials}");
    }
}

#[tokio::test]
async fn a_url_that_cannot_be_read_is_an_error_and_not_a_way_past_the_proxy() {
    let desk = Desk::start().await;
    for url in [
        "http://user:hunter2#x@proxy.invalid:3128",
        "http://user:hunter2/x@proxy.invalid:3128",
        "socks5://proxy.invalid:1080",
        "http://proxy.invalid:port",
        "http://",
    ] {
        // To the loopback fake, which needs no proxy: the fault is told all the same.
        let ran = desk.run_with(&["list"], &[("HTTPS_PROXY", url)]).await;
        assert_eq!(ran.code(), Some(1), "{url}: {}", ran.stderr());
        assert!(ran.stderr().contains("HTTPS_PROXY: ") && !ran.stderr().contains("hunter2"), "{}", ran.stderr());
        assert_eq!(get_credentials(&desk, &[("HTTPS_PROXY", url)]).await.code(), Some(1), "{url}");
    }
    assert_eq!(desk.s3.take_requests(), Vec::<String>::new());
}

#[tokio::test]
async fn what_no_proxy_names_goes_past_it() {
    let desk = Desk::start().await;
    let nobody = closed_port().await.replace("http://", "https://");
    let by_address = nobody.replace("127.0.0.1", "[::1]");
    let ip = |list: &'static str| (list, nobody.as_str());
    let excepted: Vec<(&str, &str)> =
        ["*.invalid", ".invalid", "invalid", "s3.invalid.", "S3.Invalid", "s3.invalid:443"]
            .into_iter()
            .chain(["a.test s3.invalid", "a.test, s3.invalid", "*"])
            .map(|list| (list, "https://s3.invalid"))
            .chain([ip("127.0.0.1"), ip("127.0.0.0/8"), ("[::1]", by_address.as_str()), ("::1", by_address.as_str())])
            .collect();
    let asked =
        [("s3.invalid:8443", "https://s3.invalid"), ("3.invalid", "https://s3.invalid"), ("", "https://s3.invalid")];
    let mut runs = Vec::new();
    for (list, endpoint) in excepted.iter().chain(&asked) {
        for name in ["NO_PROXY", "no_proxy"] {
            let proxy = Proxy::start(407).await;
            let url = proxy.url("");
            let variables = [("AWS_ENDPOINT_URL_S3", *endpoint), ("HTTPS_PROXY", url.as_str()), (name, *list)];
            let command = desk.command(&["list"], &variables);
            let goes_past = excepted.contains(&(list, endpoint));
            runs.push((tokio::spawn(run(command)), proxy, goes_past, format!("{name}={list} {endpoint}")));
        }
    }
    for (ran, proxy, goes_past, name) in runs {
        let ran = ran.await.unwrap();
        assert_eq!(ran.code(), Some(if goes_past { 4 } else { 3 }), "{name}: {}", ran.stderr());
        assert_eq!(proxy.take().is_empty(), goes_past, "{name}");
        // Whatever the resolver says of such a name, and when, the proxy has no part in it.
        assert_eq!(!ran.stderr().contains("the proxy"), goes_past, "{name}: {}", ran.stderr());
    }
}

#[tokio::test]
async fn loopback_goes_past_every_proxy_and_is_not_looked_up() {
    let desk = Desk::start().await;
    desk.s3.put("a", b"x");
    let proxy = Proxy::start(502).await;
    let url = proxy.url("");
    for host in ["localhost", "LOCALHOST", "s3.localhost", "127.0.0.1"] {
        let endpoint = desk.s3.url().replace("127.0.0.1", host);
        let variables = [("AWS_ENDPOINT_URL_S3", endpoint.as_str()), ("HTTPS_PROXY", &url), ("HTTP_PROXY", &url)];
        let ran = desk.run_with(&["list"], &variables).await;
        assert_eq!((ran.code(), ran.stdout()), (Some(0), "a\n".to_owned()), "{host}: {}", ran.stderr());
    }
    // Nor does the endpoint for credentials.
    let endpoint = HttpServer::start(|_| async {
        Reply::json(
            200,
            r#"{"AccessKeyId": "AKIA", "SecretAccessKey": "x", "Token": "t", "Expiration": "2100-01-01T00:00:00Z"}"#,
        )
    })
    .await;
    let credentials = format!("{}/credentials", endpoint.url());
    let variables = [
        ("AWS_ACCESS_KEY_ID", ""),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", credentials.as_str()),
        ("HTTPS_PROXY", &url),
        ("HTTP_PROXY", &url),
        ("ALL_PROXY", &url),
    ];
    let ran = desk.run_with(&["list"], &variables).await;
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    assert_eq!(proxy.take(), []);
}
