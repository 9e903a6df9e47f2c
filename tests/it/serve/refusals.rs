//! Who gets nothing: without the token, from a browser, through a proxy, by the wrong path or method.

use std::os::unix::fs::PermissionsExt as _;

use tests::upstream::{Fault, SECRET_ACCESS_KEY, SESSION_TOKEN, Service as Upstream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::{Served, send, send_raw, token_file, write_config};
use crate::machine::Machine;

#[tokio::test]
async fn credentials_for_the_content_of_the_token_file() {
    let mut served = Served::start(&[]).await;
    let token = served.token();
    assert_eq!(token.len(), 43, "32 bytes, and no newline");
    let mode = std::fs::metadata(token_file(&served.machine)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    for path in ["/credentials", "/credentials/", "/credentials/default", "/2016-11-01/credentialprovider/"] {
        let credentials = served.ask(path).await.credentials();
        assert_eq!(credentials["SecretAccessKey"], SECRET_ACCESS_KEY);
        assert_eq!(credentials["Token"], SESSION_TOKEN);
        assert_eq!(credentials["AccountId"], "123456789012");
        let expiration = credentials["Expiration"].as_str().unwrap();
        assert!(expiration.len() == 20 && expiration.ends_with('Z'), "{expiration}");
        assert_eq!(credentials.as_object().unwrap().len(), 5, "a role that the API chose is not known");
    }
    let long = "a".repeat(43);
    for wrong in ["", "x", &token[1..], &format!("{token}x"), &long, &format!("Bearer {token}")] {
        let reply = served.get("/credentials", &[("authorization", wrong)]).await;
        assert_eq!(reply.code(), (401, "InvalidAuthorizationToken".into()), "{wrong}");
        assert!(!reply.body.contains(&token[1..]));
    }
    assert_eq!(served.get("/credentials", &[]).await.status, 401);
    assert_eq!(served.get("/credentials/other", &[]).await.status, 401, "not even names are told");
    assert_eq!(served.ask("/credentials/other").await.code(), (404, "NoSuchIdentity".into()));
    let output = served.process.stop().await;
    assert!(!output.contains(&token) && !output.contains("CANARY"), "{output}");
}

#[tokio::test]
async fn another_token_after_each_start() {
    let served = Served::start(&[]).await;
    let (first, Served { machine, process, .. }) = (served.token(), served);
    drop(process);
    let again = Served::on(machine, &[], &[]).await;
    assert_ne!(again.token(), first);
    assert_eq!(again.get("/credentials", &[("authorization", &first)]).await.status, 401);
}

/// DNS rebinding and server-side request forgery: what a page or a proxy cannot help sending.
#[tokio::test]
async fn browsers_and_proxies() {
    let served = Served::start(&["--imds"]).await;
    let token = served.token();
    let port = served.address.rsplit_once(':').unwrap().1;
    let paths = ["/credentials", "/livez", "/readyz", "/metrics", "/latest/meta-data/", "/nothing"];
    for path in paths {
        for header in ["origin", "via", "forwarded", "x-forwarded-for", "X-Forwarded-Host", "x-forwarded-proto"] {
            let reply = served.get(path, &[("authorization", &token), (header, "x")]).await;
            assert_eq!(reply.code(), (403, "ForwardedRequest".into()), "{path} {header}");
        }
        for host in ["evil.example", "evil.example:80", "169.254.169.254", "127.0.0.1", "localhost:1", "0.0.0.0"] {
            let reply = served.get(path, &[("authorization", &token), ("host", host)]).await;
            assert_eq!(reply.code(), (403, "InvalidHost".into()), "{path} {host}");
        }
        let reply = served.get(path, &[("authorization", &token), ("host", "")]).await;
        assert_eq!(reply.code(), (400, "BadRequest".into()), "{path}");
    }
    for host in [format!("localhost:{port}"), format!("LocalHost:{port}"), format!("[::1]:{port}")] {
        served.get("/credentials", &[("authorization", &token), ("host", &host)]).await.credentials();
    }
    for (request, status) in [
        (format!("GET http://{0}/credentials HTTP/1.1\r\nhost: {0}\r\n", served.address), 403),
        (format!("GET /credentials HTTP/1.1\r\nhost: {0}\r\nhost: {0}\r\n", served.address), 400),
        ("GET /credentials HTTP/1.1\r\n".to_owned(), 400),
        ("GET /credentials HTTP/1.0\r\n".to_owned(), 403),
    ] {
        let whole = format!("{request}authorization: {token}\r\nconnection: close\r\n\r\n");
        assert_eq!(send_raw(&served.address, &whole).await.status, status, "{request}");
    }
}

#[tokio::test]
async fn paths_and_methods() {
    let served = Served::start(&[]).await;
    let token = served.token();
    for path in ["/", "/credentialsx", "/credentials/a/b", "/latest/meta-data/", "/2016-11-01/", "/../credentials"] {
        assert_eq!(served.ask(path).await.code(), (404, "NotFound".into()), "{path}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "FOO"] {
        let reply = send(&served.address, method, "/credentials", &[("authorization", &token)]).await;
        assert_eq!(reply.code(), (405, "MethodNotAllowed".into()), "{method}");
        assert_eq!(reply.headers["allow"], "GET, HEAD");
    }
    let head = send(&served.address, "HEAD", "/credentials", &[("authorization", &token)]).await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(served.get("/livez", &[]).await.status, 200);
    let ready = served.ask_until("/readyz", |reply| reply.status == 200).await;
    assert!(ready.body.starts_with("ok default: credentials valid until 20"), "{}", ready.body);
}

#[tokio::test]
async fn what_is_too_much_or_too_slow() {
    let served = Served::start(&[]).await;
    let token = served.token();
    let long = "x".repeat(64 * 1024);
    assert_eq!(served.get("/credentials", &[("authorization", &long)]).await.status, 431);
    let whole = format!("GET /livez HTTP/1.1\r\nhost: {}\r\n", served.address);
    // The body of a request is nobody's: it is not waited for.
    let with_body = format!("{whole}content-length: 1000000\r\n\r\n");
    assert_eq!(send_raw(&served.address, &with_body).await.status, 200);
    // Many who send half a request and wait do not keep out the next one, and are hung up on.
    let mut idle = Vec::new();
    for _ in 0..300 {
        let mut stream = TcpStream::connect(&served.address).await.unwrap();
        stream.write_all(whole.as_bytes()).await.unwrap();
        idle.push(stream);
    }
    served.get("/credentials", &[("authorization", &token)]).await.credentials();
    for mut stream in idle {
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        let rest = String::from_utf8_lossy(&rest).into_owned();
        assert!(rest.starts_with("HTTP/1.1 408"), "{rest}");
    }
}

#[tokio::test]
async fn addresses_that_others_could_reach() {
    let machine = Machine::start().await;
    for (listen, expected) in [
        ("0.0.0.0:0", "is reached from other machines"),
        ("[::]:0", "is reached from other machines"),
        ("10.0.0.1:80", "is reached from other machines"),
        ("9911", "is not an address"),
        ("unix:relative", "is not an address"),
    ] {
        let ran = machine.run(&["serve", "--listen", listen, "--token-file", "/nonexistent"], &[]).await;
        assert_eq!(ran.code(), Some(2), "{listen}");
        assert!(ran.stderr().contains(expected), "{}", ran.stderr());
    }
    let ran = machine.run(&["serve", "--listen", "127.0.0.1:0"], &[]).await;
    assert_eq!(ran.code(), Some(1));
    assert!(ran.stderr().contains("--token-file"), "{}", ran.stderr());
    let ran = machine.run(&["serve", "--listen", "127.0.0.1:0", "--token-file", "/nonexistent/token"], &[]).await;
    assert_eq!(ran.code(), Some(1));
    assert!(ran.stderr().contains("`/nonexistent` is not a directory"), "{}", ran.stderr());
}

/// What is wrong is said to who may know it, and a service that is down is never called a refusal.
#[tokio::test]
async fn no_credentials_and_why() {
    let mut cases = JoinSet::new();
    for (fault, status, code) in [
        (Fault::Status(503, String::new()), 503, "ServiceUnavailable"),
        (Fault::TooMany(77), 503, "ServiceUnavailable"),
        (Fault::Garbage, 503, "ServiceUnavailable"),
        (Fault::Status(400, r#"{"error":"invalid_client"}"#.to_owned()), 403, "AccessDenied"),
    ] {
        cases.spawn(no_credentials(fault, status, code));
    }
    cases.join_all().await;
}

async fn no_credentials(fault: Fault, status: u16, code: &str) {
    let machine = Machine::start().await;
    machine.service.upstream.break_service(Upstream::Token, fault.clone());
    let mut served = Served::on(machine, &[], &[]).await;
    let reply = served.ask_until("/credentials", |reply| reply.body.contains("/oauth2/token")).await;
    assert_eq!(reply.code(), (status, code.to_owned()), "{fault:?}");
    let seconds: u64 = reply.headers["retry-after"].parse().unwrap();
    assert!(seconds >= 1, "{fault:?}");
    let bare = served.get("/readyz", &[]).await;
    assert_eq!((bare.status, bare.body.as_str()), (503, "failed\n"));
    let not_ready = served.ask("/readyz").await;
    assert_eq!(not_ready.status, 503);
    assert!(not_ready.body.starts_with("failed default: no credentials: "), "{}", not_ready.body);
    assert_eq!(served.get("/livez", &[]).await.status, 200);
    served.machine.service.upstream.mend();
    if !matches!(fault, Fault::TooMany(_)) {
        served.ask_until("/credentials", |reply| reply.status == 200).await.credentials();
    }
    assert!(!served.process.stop().await.contains("CANARY"));
}

#[tokio::test]
async fn several_identities_are_named_in_the_path() {
    let machine = Machine::start().await;
    let config = write_config(&machine, &[("api", ""), ("logs", "")]);
    let served = Served::on(machine, &["--config", config.to_str().unwrap(), "--imds"], &[]).await;
    for path in ["/credentials/api", "/credentials/logs", "/2016-11-01/credentialprovider/logs"] {
        served.ask(path).await.credentials();
    }
    let reply = served.ask("/credentials").await;
    assert_eq!(reply.code(), (404, "AmbiguousIdentity".into()));
    assert!(reply.body.contains("api, logs"), "{}", reply.body);
    assert_eq!(served.ask("/credentials/default").await.code(), (404, "NoSuchIdentity".into()));
}
