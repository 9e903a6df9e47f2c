//! The path that is matched is the path that is sent.

use super::raw_upstream::RawUpstream;
use super::{Answer, Gateway, Setup};
use crate::service::token;

/// The caller has `read`, and nobody has `admin`.
const ROUTES: &str = r#"
[[route]]
path = "/admin/*"
scopes = ["credvend-api/admin"]
[[route]]
path = "/db/*"
methods = ["GET"]
scopes = ["credvend-api/read"]
"#;

/// A request with a valid token; the target is bytes.
async fn get(gateway: &Gateway, method: &str, target: &[u8], more: &str) -> Answer {
    let head = format!(" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {}\r\n{more}\r\n", token());
    let bytes = gateway.exchange(&[method.as_bytes(), b" ", target, head.as_bytes()].concat()).await;
    Answer::read_all(&bytes).into_iter().next().unwrap_or_else(|| panic!("{} has no answer", target.escape_ascii()))
}

#[tokio::test]
async fn no_spelling_of_a_path_gets_around_its_scopes() {
    let gateway = Gateway::start(Setup { routes: Some(ROUTES), ..Setup::default() }).await;
    for target in [
        &b"/admin"[..],
        b"/admin/",
        b"/admin/x",
        b"/admin?x",
        b"/admin/x?/db/",
        b"//admin/x",
        b"///admin//x",
        b"/./admin/x",
        b"/db/../admin/x",
        b"/db/x/../../admin/x",
        b"/db/%2e%2e/admin/x",
        b"/db/%2E./admin",
        b"/db/.%2e/admin",
        b"/%61dmin/x",
        b"/%61%64%6D%69%6e",
        b"/db/%2e%2e/%61dmin",
        b"/health/../admin",
        b"/health/./../admin",
        b"http://x/admin",
        b"http://x//admin",
        b"http://x/db/../admin",
    ] {
        let verdict = get(&gateway, "GET", target, "").await.verdict();
        assert_eq!(verdict, (403, "insufficient_scope".to_owned()), "{}", target.escape_ascii());
    }
    for target in [
        &b"/db/..;/admin"[..],
        b"/db/..%3b/admin",
        b"/db;/../admin",
        b"/admin;x",
        b"/admin;x=y/z",
        b"/admin%3bx",
        b"/db%2f..%2fadmin",
        b"/db/..%2fadmin",
        b"/db/..%5cadmin",
        b"/db\\..\\admin",
        b"/db/..\\admin",
        b"/\\admin",
        b"/db/%252e%252e/admin",
        b"/%2561dmin",
        b"/db/%25%32%65%25%32%65/admin",
        b"/db/%252%65./admin",
        b"/db/..%25%32%66admin",
        b"/%25%36%31dmin",
        b"/db/%c0%ae%c0%ae/admin",
        b"/db/%e0%80%ae/admin",
        b"/db/\xc0\xae\xc0\xae/admin",
        b"/db/\xff",
        b"/db/%ff",
        b"/db/%",
        b"/db/%2",
        b"/db/%u002e",
        b"/db/%00/../../admin",
        b"/db/%0d%0aX:y",
        b"/db/%7f",
        b"/..",
        b"/../admin",
        b"/db/../../admin",
        b"/db#/../admin",
        b"/admin#/health",
        b"/health#/../admin",
        b"/db?x#y",
        b"*",
        b"admin",
    ] {
        let verdict = get(&gateway, "GET", target, "").await.verdict();
        assert_eq!(verdict, (400, "invalid_request".to_owned()), "{}", target.escape_ascii());
    }
    // What points some server at another resource or method (oauth2-proxy's advisories of 2026, and their relatives).
    for header in [
        "User-Agent: GoogleHC/1.0",
        "User-Agent: kube-probe/1.31",
        "User-Agent: ELB-HealthChecker/2.0",
        "X-Forwarded-Uri: /health",
        "X-Forwarded-Uri: /db/x\r\nX-Forwarded-Method: GET",
        "X-Original-URI: /health",
        "X-Original-URL: /db/x",
        "X-Rewrite-URL: /health",
        "X-Forwarded-Prefix: /health",
        "X-HTTP-Method-Override: HEAD",
    ] {
        let verdict = get(&gateway, "GET", b"/admin/x", &format!("{header}\r\n")).await.verdict();
        assert_eq!(verdict, (403, "insufficient_scope".to_owned()), "{header}");
        let without_token = format!("GET /admin/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{header}\r\n\r\n");
        let answers = Answer::read_all(&gateway.exchange(without_token.as_bytes()).await);
        assert_eq!(answers[0].verdict(), (401, "invalid_token".to_owned()), "{header}");
    }
    for method in ["POST", "DELETE", "get", "GETX", "PROPFIND"] {
        let answer = get(&gateway, method, b"/db/x", "").await;
        assert_eq!((answer.status, answer.header("allow")), (405, "GET, HEAD"), "{method}");
    }
    assert_eq!(gateway.api.connections().len(), 0);
}

#[tokio::test]
async fn the_upstream_gets_the_path_that_was_matched_and_the_query_as_it_came() {
    let api = RawUpstream::ok().await;
    let prefixed = vec![("UPSTREAM_URL", format!("{}/v1/", api.url()))];
    let (gateway, below) = tokio::join!(
        Gateway::start(Setup { routes: Some(ROUTES), ..Setup::default() }),
        Gateway::start(Setup { routes: Some(ROUTES), environment: prefixed, ..Setup::default() })
    );
    for (target, sent) in [
        ("/db/x", "/db/x"),
        ("/", "/"),
        ("//", "/"),
        ("/db//x/", "/db/x/"),
        ("/db/./x/../y", "/db/y"),
        ("/%64b/%7euser", "/db/~user"),
        ("/db/a%20b%c3%a4", "/db/a%20b%C3%A4"),
        ("/db/\u{e4}", "/db/%C3%A4"),
        ("/db/a%3Fb", "/db/a%3Fb"),
        ("/db/100%25", "/db/100%25"),
        ("http://x/db/x", "/db/x"),
        ("http://x", "/"),
        ("/db?", "/db?"),
        ("/db??", "/db??"),
        ("/db/../db?a=b", "/db?a=b"),
        ("/db?../../admin", "/db?../../admin"),
        ("/db?a=%2e%2e%2f&b=//x/../y;z\\w", "/db?a=%2e%2e%2f&b=//x/../y;z\\w"),
        ("/db?a=%zz%&b=%00%c0%af", "/db?a=%zz%&b=%00%c0%af"),
        ("/db?http://y/?c=d", "/db?http://y/?c=d"),
        ("/db?a=|{c}^`[d]'", "/db?a=|{c}^`[d]'"),
    ] {
        let answer = get(&gateway, "GET", target.as_bytes(), "").await;
        assert_eq!(answer.status, 200, "{target}: {:?}", answer.json());
        assert_eq!(gateway.api.take_only_request().target(), sent, "{target}");
        assert_eq!(get(&below, "GET", target.as_bytes(), "").await.status, 200, "{target}");
        assert_eq!(api.take_only_request().target(), format!("/v1{sent}"), "{target}");
    }
    // What no URI holds arrives as it is, or not at all.
    for target in [&b"/db?\xc3\xa4"[..], b"/db?\xff\xfe", b"/db?\xc0\xaf", b"/db?a=\"b\"", b"/db?<x>"] {
        let answer = get(&gateway, "GET", target, "").await;
        if answer.status == 200 {
            let bytes = gateway.api.connections().concat();
            assert!(bytes.windows(target.len()).any(|window| window == target), "{}", target.escape_ascii());
        } else {
            assert_eq!(answer.verdict(), (400, "invalid_request".to_owned()), "{}", target.escape_ascii());
        }
    }
    // Nothing leads out of the prefix.
    for target in ["/..", "/../v2/x", "/%2e%2e/v2", "/..%2fv2", "/db/../../v2"] {
        assert_eq!(get(&below, "GET", target.as_bytes(), "").await.status, 400, "{target}");
    }
    assert!(api.requests().is_empty());
}

#[tokio::test]
async fn health_is_one_path_and_two_methods() {
    let gateway = Gateway::start(Setup { routes: Some(ROUTES), ..Setup::default() }).await;
    for target in [
        "/health",
        "//health",
        "/./health",
        "/%68ealth",
        "/admin/../health",
        "/health?x=/admin",
        "http://api.example.com/health",
    ] {
        let answer = gateway.send(&format!("GET {target}"), &[], b"").await;
        assert_eq!((answer.status, answer.json()["status"].as_str()), (200, Some("healthy")), "{target}");
    }
    assert_eq!(gateway.send("HEAD /health", &[], b"").await.status, 200);
    for what in [
        "GET /health/",
        "GET /health/x",
        "GET /HEALTH",
        "GET /health%20",
        "GET /healthz",
        "POST /health",
        "DELETE /health",
    ] {
        assert_eq!(gateway.send(what, &[], b"").await.verdict(), (401, "invalid_token".to_owned()), "{what}");
    }
    assert_eq!(gateway.send("GET /health;x", &[], b"").await.verdict().0, 400);
    assert!(gateway.api.connections().is_empty());
    assert_eq!(gateway.call("POST /health").await.status, 200);
    assert_eq!(gateway.api.take_only_request().line, "POST /health HTTP/1.1");

    // Its body is no request.
    let inner = format!("GET /inner HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n", token());
    let chunk = format!("Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{inner}\r\n0\r\n\r\n", inner.len());
    for body in [format!("Content-Length: {}\r\n\r\n{inner}", inner.len()), chunk] {
        let end = "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        let bytes = gateway.exchange(format!("GET /health HTTP/1.1\r\nHost: x\r\n{body}{end}").as_bytes()).await;
        let answers = Answer::read_all(&bytes);
        assert!((1..=2).contains(&answers.len()), "{answers:?}");
        assert!(answers.iter().all(|answer| answer.json()["status"] == "healthy"), "{answers:?}");
    }
    assert!(gateway.api.requests().is_empty());
}
