//! nginx and Caddy in front of an API, with the files of `deploy/forward-auth`.

use std::process::Command;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use tests::http_server::closed_port;
use tests::process::{Process, repository};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::super::raw_upstream::{RawRequest, RawUpstream};
use super::super::{Answer, Gateway, read_to_end};
use super::{ask, auth_address, bearer, gateway};
use crate::service::{CLIENT_ID, ISSUER, token_with};

/// A proxy with one of the ready configurations, before a gateway and an API.
struct Proxy {
    gateway: Gateway,
    address: String,
    process: Process,
    folder: TempDir,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Kind {
    Nginx,
    Caddy,
}

impl Proxy {
    async fn start(kind: Kind, gateway: Gateway) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the proxy");
        let address = closed_port().await.replace("http://", "");
        let file = match kind {
            Kind::Nginx => "nginx/credvend.conf",
            Kind::Caddy => "caddy/Caddyfile",
        };
        let text = std::fs::read_to_string(repository().join("deploy/forward-auth").join(file)).expect("it is there");
        let api = gateway.api.address.to_string();
        let mut text = text;
        for (theirs, ours) in
            [("127.0.0.1:8088", address.as_str()), ("127.0.0.1:8001", auth_address(&gateway)), ("127.0.0.1:8080", &api)]
        {
            assert_eq!(text.matches(theirs).count(), 1, "{file} names {theirs} once");
            text = text.replace(theirs, ours);
        }
        let configuration = folder.path().join("configuration");
        std::fs::write(&configuration, text).expect("it can be written");
        let command = match kind {
            Kind::Nginx => nginx(&folder),
            Kind::Caddy => caddy(&folder),
        };
        let mut process = Process::spawn(command);
        while TcpStream::connect(&address).await.is_err() {
            let ended = process.child.try_wait().expect("a child can be waited for");
            assert!(ended.is_none(), "{kind:?} does not start: {}", process.output());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Self { gateway, address, process, folder }
    }

    async fn ask(&self, line: &str, headers: &[&str]) -> Answer {
        ask(&self.address, line, headers).await
    }

    fn api(&self) -> &RawUpstream {
        &self.gateway.api
    }
}

/// What a distribution's nginx.conf says around `conf.d`.
fn nginx(folder: &TempDir) -> Command {
    let path = folder.path().display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|what| format!("{what}_temp_path {path}/{what};\n"))
        .concat();
    let main = format!(
        "daemon off;\nmaster_process off;\npid {path}/pid;\nerror_log stderr;\nevents {{}}\n\
         http {{\naccess_log off;\n{temporary}include {path}/configuration;\n}}\n"
    );
    std::fs::write(folder.path().join("nginx.conf"), main).expect("it can be written");
    let mut command = Command::new("/usr/sbin/nginx");
    command.arg("-p").arg(folder.path()).arg("-c").arg(folder.path().join("nginx.conf"));
    command
}

fn caddy(folder: &TempDir) -> Command {
    let caddy = repository().join(".tools/gateway/bin/caddy");
    assert!(caddy.exists(), "Caddy is missing: run scripts/setup --gateway");
    let mut command = Command::new(caddy);
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(folder.path().join("configuration"));
    command.env_clear().env("HOME", folder.path());
    command
}

#[tokio::test]
async fn nginx_with_our_configuration() {
    in_front_of_the_api(Kind::Nginx).await;
}

#[tokio::test]
async fn caddy_with_our_configuration() {
    in_front_of_the_api(Kind::Caddy).await;
}

async fn in_front_of_the_api(kind: Kind) {
    let proxy = Proxy::start(kind, gateway(&[]).await).await;
    let forged = token_with(json!({"exp": 1}));
    let forged = format!("Authorization: Bearer {forged}");
    refusals(&proxy, &forged).await;
    who_the_caller_is(&proxy).await;
    what_others_were_caught_by(&proxy).await;
    what_connection_names(&proxy).await;
    a_large_token(&proxy).await;
    bodies(&proxy).await;
    tricks_with_the_path(&proxy).await;
    let Proxy { gateway, address, process: _proxy, folder: _folder } = proxy;
    let Gateway { api, process, .. } = gateway;
    drop(process);
    let answer = ask(&address, "GET /public/x", &[&bearer()]).await;
    assert!(answer.status >= 500, "without a gateway: {answer:?}");
    assert!(api.requests().is_empty(), "nothing is let through without a decision");

    let proxy = Proxy::start(kind, self::gateway(&[("JWKS_URI", &closed_port().await)]).await).await;
    let answer = proxy.ask("GET /public/x", &[&bearer()]).await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(!answer.header("retry-after").is_empty(), "{answer:?}");
    assert!(proxy.api().requests().is_empty());
}

async fn refusals(proxy: &Proxy, forged: &str) {
    let token = bearer();
    for (line, headers, status, header, value) in [
        ("GET /public/x", vec![], 401, "www-authenticate", "Bearer"),
        ("GET /public/x", vec![forged], 401, "www-authenticate", "invalid_token"),
        ("GET /public/x", vec!["Authorization: Basic eDp5"], 401, "www-authenticate", "Bearer"),
        ("GET /admin/x", vec![token.as_str()], 403, "x-request-id", ""),
        ("GET /nowhere", vec![&token], 404, "x-request-id", ""),
        ("POST /db/x", vec![&token, "Content-Length: 0"], 405, "allow", "GET, HEAD"),
        ("GET /public/x", vec![&token, &token], 400, "x-request-id", ""),
    ] {
        let answer = proxy.ask(line, &headers).await;
        assert_eq!(answer.status, status, "{line} {headers:?}: {answer:?}");
        let has_header = answer.headers.iter().any(|(name, _)| name == header) && answer.header(header).contains(value);
        // Two tokens are refused by nginx itself.
        assert!(has_header || status == 400, "{line}: {header} is missing in {answer:?}");
    }
    assert!(proxy.api().requests().is_empty(), "nothing of these reached the API");
    assert_eq!(proxy.ask("GET /seldom", &[&token]).await.status, 200);
    proxy.api().take_only_request();
    let limited = proxy.ask("GET /seldom", &[&token]).await;
    assert_eq!(limited.status, 429);
    assert!(limited.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds > 0), "{limited:?}");
    assert!(proxy.api().requests().is_empty());
}

/// The API learns it from the gateway, whatever the caller writes, in any spelling.
async fn who_the_caller_is(proxy: &Proxy) {
    let token = bearer();
    let mut headers = vec![token.as_str(), "Accept: text/plain", "X-Of-The-Caller: stays"];
    headers.extend([
        "X-M2M-Client-ID: forged",
        "x-m2m-client-id: forged",
        "X_M2M_Client_ID: forged",
        "X-M2M_Client-ID: forged",
        "X.M2M.Client.ID: forged",
        "X~M2M~Client~ID: forged",
        "X-M2M-Scope: forged",
        "X_M2M_SCOPE: forged",
        "X-M2M-Issuer: forged",
        "X-Request-Id: forged",
        "X_Request_Id: forged",
        "X-Forwarded-For: 203.0.113.66",
        "X_Forwarded_For: forged",
        "X-Forwarded-Host: forged",
        "X-Forwarded-Proto: forged",
        "X-Forwarded-Prefix: forged",
        "X-Forwarded-Uri: /public/forged",
        "X-Forwarded-Method: GET",
        "Forwarded: for=forged",
        "X-Original-URL: /forged",
        "X-Original-URI: /public/forged",
        "X-Original-Method: GET",
        "X-Rewrite-URL: /forged",
        "X-Real-IP: forged",
        "True-Client-IP: forged",
        "X-HTTP-Method-Override: DELETE",
        "X-HTTP-Method: DELETE",
        "X-Method-Override: DELETE",
        "X_Method_Override: DELETE",
        "Authorization_: forged",
    ]);
    let answer = proxy.ask("GET /db/x?a=b", &headers).await;
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"ok"[..]), "{answer:?}");
    let request = proxy.api().take_only_request();
    assert_eq!(request.target(), "/db/x?a=b");
    assert_eq!(request.value("x-m2m-client-id"), CLIENT_ID);
    assert_eq!(request.value("x-m2m-scope"), "credvend-api/write credvend-api/read");
    assert_eq!(request.value("x-m2m-issuer"), ISSUER);
    assert_eq!(request.value("x-forwarded-for"), "127.0.0.1");
    assert_eq!(request.value("x-of-the-caller"), "stays");
    assert!(request.value("x-request-id").len() >= 16);
    for (name, value) in &request.fields {
        let is_forged = value.contains("forged") || value == "DELETE" || value.contains("203.0.113.66");
        assert!(!is_forged && !name.contains(['_', '.']), "{name}: {value}");
        assert!(!name.to_ascii_lowercase().contains("authorization"), "{name}: {value}");
    }
}

/// oauth2-proxy's of 2025 and 2026: a health check's `User-Agent`, a caller's `X-Forwarded-Uri` (CVE-2026-40575), a fragment
/// or another spelling of the path (CVE-2026-41059), and `_` for `-` (CVE-2025-64484).
async fn what_others_were_caught_by(proxy: &Proxy) {
    let token = bearer();
    for (target, headers, statuses) in [
        ("/public/x", vec!["User-Agent: kube-probe/1.31"], [401, 401]),
        ("/public/x", vec!["User-Agent: GoogleHC/1.0"], [401, 401]),
        ("/health", vec!["User-Agent: ELB-HealthChecker/2.0"], [401, 401]),
        ("/ping", vec![], [401, 401]),
        ("/admin/x", vec![&token, "X-Forwarded-Uri: /public/x"], [403, 403]),
        ("/admin/x", vec![&token, "X-Forwarded-Uri: /public/x", "X-Forwarded-Method: GET"], [403, 403]),
        ("/admin/x", vec![&token, "X-Original-URI: /public/x", "X-Original-Method: GET"], [403, 403]),
        ("/admin/x", vec![&token, "X_Forwarded_Uri: /public/x", "X_Original_URI: /public/x"], [403, 403]),
        ("/admin/x", vec![&token, "X-Forwarded-For: 127.0.0.1", "X-Original-URL: /public/x"], [403, 403]),
        ("/admin/x?/public/", vec![&token], [403, 403]),
        ("/admin/x#/public/x", vec![&token], [400, 404]),
        ("/admin/x%23/../../public/x", vec![&token], [400, 404]),
        ("/public/%23/../../admin/x", vec![&token], [400, 404]),
    ] {
        let answer = proxy.ask(&format!("GET {target}"), &headers).await;
        let [least, most] = statuses;
        assert!((least..=most).contains(&answer.status), "{target} {headers:?}: {answer:?}");
        assert!(proxy.api().requests().is_empty(), "{target} {headers:?}");
    }
}

/// RFC 9110 §7.6.1: what `Connection` names ends at the next hop. What the proxy has set may not be among it.
async fn what_connection_names(proxy: &Proxy) {
    let token = bearer();
    for named in
        ["X-M2M-Client-ID", "x-m2m-scope, X-Request-Id", "X-Forwarded-Uri", "X-Forwarded-Method,X-Forwarded-For"]
    {
        let answer = proxy.ask("GET /db/x", &[&token, &format!("Connection: {named}")]).await;
        let requests = proxy.api().take_requests();
        if answer.status == 400 {
            assert!(requests.is_empty(), "{named}");
            continue;
        }
        assert_eq!((answer.status, requests.len()), (200, 1), "{named}: {answer:?}");
        assert_eq!(requests[0].value("x-m2m-client-id"), CLIENT_ID, "{named}");
        assert_eq!(requests[0].value("x-m2m-scope"), "credvend-api/write credvend-api/read", "{named}");
        assert_eq!(requests[0].value("x-forwarded-for"), "127.0.0.1", "{named}");
    }
    let answer = proxy.ask("GET /admin/x", &[&token, "Connection: X-Forwarded-Uri", "X-Original-URI: /public/x"]).await;
    assert!([400, 403].contains(&answer.status), "{answer:?}");
    assert!(proxy.api().requests().is_empty());
}

/// Entra's roles and Auth0's permissions make scopes of several kilobytes.
async fn a_large_token(proxy: &Proxy) {
    let scopes: Vec<_> = (0..400).map(|number| format!("credvend-api/s{number:07}")).collect();
    let scopes = format!("credvend-api/read {}", scopes.join(" "));
    let token = format!("Authorization: Bearer {}", token_with(json!({"scope": scopes})));
    assert!(token.len() > 11_000);
    let answer = proxy.ask("HEAD /db/x", &[&token]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(proxy.api().take_only_request().value("x-m2m-scope"), scopes);
}

/// They pass the gateway by: it is asked without them, and the API gets them whole.
async fn bodies(proxy: &Proxy) {
    let token = bearer();
    let post = "POST /public/x";
    for (headers, body) in [
        (vec![token.as_str(), "Content-Length: 5"], "hello"),
        (vec![&token, "Transfer-Encoding: chunked"], "5\r\nhello\r\n0\r\n\r\n"),
        (vec![&token, "Content-Length: 5", "Expect: 100-continue"], "hello"),
        (
            vec![&token, "Transfer-Encoding: chunked", "Trailer: X-M2M-Client-ID, X-Request-Id"],
            "5\r\nhello\r\n0\r\nX-M2M-Client-ID: forged\r\nX-Request-Id: forged\r\n\r\n",
        ),
    ] {
        let mut stream = TcpStream::connect(&proxy.address).await.expect("the proxy listens");
        let headers = headers.join("\r\n");
        let request =
            format!("{post} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{headers}\r\n\r\n{body}", proxy.address);
        stream.write_all(request.as_bytes()).await.expect("the request is taken");
        let answers = Answer::read_all(&read_to_end(&mut stream).await);
        assert_eq!(answers.last().map(|answer| answer.status), Some(200), "{headers}: {answers:?}");
        let request = proxy.api().take_only_request();
        assert_eq!((request.target(), request.body.as_slice()), ("/public/x", &b"hello"[..]));
        assert_eq!(request.value("x-m2m-client-id"), CLIENT_ID);
        assert!(request.trailers.is_empty(), "{:?}", request.trailers);
    }
}

/// Either nothing arrives, or what was decided: never a path that some API reads as another.
async fn tricks_with_the_path(proxy: &Proxy) {
    let token = bearer();
    for target in [
        "/public/../admin/x",
        "/admin/../public/x",
        "/public//../admin/x",
        "//admin/x",
        "/public//x",
        "/public/./x",
        "/public/..",
        "/%61dmin/x",
        "/%70ublic/x",
        "/public/%2e%2e/admin/x",
        "/public/.%2E/admin/x",
        "/public%2f..%2fadmin/x",
        "/public/%2F../admin",
        "/public%5c..%5cadmin/x",
        "/public\\..\\admin\\x",
        "/public/..;/admin/x",
        "/public;/../admin/x",
        "/public;a=b/x",
        "/public%3b/x",
        "/public/x#/../../admin",
        "/public/%00",
        "/public/%c0%ae%c0%ae/admin",
        "/public/%252e%252e/admin",
        "/PUBLIC/x",
        "http://HOST/admin/x",
        "http://HOST/public/../admin/x",
        "/",
        "*",
    ] {
        let target = target.replace("HOST", &proxy.address);
        let answer = proxy.ask(&format!("GET {target}"), &[&token]).await;
        let requests = proxy.api().take_requests();
        let arrived: Vec<_> = requests.iter().map(RawRequest::target).collect();
        assert!((400..=404).contains(&answer.status), "{target}: {answer:?}, and the API got {arrived:?}");
        assert!(arrived.is_empty(), "{target}: the API got {arrived:?}");
    }
    // Raw bytes are no URI: refused, or encoded before anybody is asked.
    let answer = proxy.ask("GET /public/\u{e4}", &[&token]).await;
    let requests = proxy.api().take_requests();
    let arrived: Vec<_> = requests.iter().map(RawRequest::target).collect();
    assert!(answer.status == 400 || arrived == ["/public/%C3%A4"], "{answer:?} {arrived:?}");
    for target in ["/public/x", "/public/a%20b?/../admin", "/public/%c3%a4", "/public/a%3Fb%23c"] {
        assert_eq!(proxy.ask(&format!("GET {target}"), &[&token]).await.status, 200, "{target}");
        assert_eq!(proxy.api().take_only_request().target(), target);
    }
}
