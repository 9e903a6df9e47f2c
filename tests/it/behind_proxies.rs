//! The plain-HTTP service behind load balancers and health checks.

use std::net::TcpStream;

use serde_json::json;

use crate::service::{Service, Setup, token};

fn behind_a_proxy() -> Vec<(&'static str, String)> {
    vec![("TRUSTED_PROXY_CIDRS", "127.0.0.0/8".to_owned())]
}

/// `source_cidrs` sees the address without its port, and what cannot be read is nobody's.
#[tokio::test]
async fn a_source_address_with_a_port() {
    let item = json!({"source_cidrs": {"SS": ["203.0.113.0/24", "2001:db8::/32"]}});
    let service = Service::start(Setup { item, environment: behind_a_proxy() }).await;
    for (header, verdict) in [
        ("203.0.113.5:51008", (200, "ok")),
        ("[2001:db8::1]:443", (200, "ok")),
        ("[2001:db8::1]", (200, "ok")),
        ("198.51.100.1, 203.0.113.5:1, 127.0.0.9:2", (200, "ok")),
        ("203.0.113.5, 198.51.100.1:1", (403, "source_not_allowed")),
        ("203.0.113.5:port", (403, "source_not_allowed")),
        ("for=203.0.113.5", (403, "source_not_allowed")),
        ("unknown", (403, "source_not_allowed")),
    ] {
        let request = service.request("POST", "/credentials").bearer_auth(token()).header("x-forwarded-for", header);
        assert_eq!(service.send(request).await.verdict(), verdict, "{header}");
    }
    let sources: Vec<_> = service.audit().await.into_iter().map(|line| line["source_ip"].clone()).collect();
    assert_eq!(sources[..3], [json!("203.0.113.5"), json!("2001:db8::1"), json!("2001:db8::1")]);
    assert_eq!(sources[7], json!(null));
}

/// More idle sockets than there are permits, of the very peer whose next request is served.
#[tokio::test]
async fn idle_sockets_of_one_peer_stop_nobody() {
    let service = Service::start(Setup::default()).await;
    let address = service.url.strip_prefix("http://").expect("a URL");
    let idle: Vec<_> = (0..520).map(|_| TcpStream::connect(address).expect("the kernel's queue takes it")).collect();
    for _ in 0..3 {
        assert_eq!(service.send(service.request("GET", "/health")).await.status, 200);
        assert_eq!(service.vend(&token()).await.status, 200);
    }
    drop(idle);
}

#[tokio::test]
async fn head_is_answered_wherever_get_is_but_at_credentials() {
    let service = Service::start(Setup::default()).await;
    for path in ["/health", "/ready", "/openapi.json"] {
        let response = service.request("HEAD", path).send().await.expect("a response");
        assert_eq!(response.status().as_u16(), 200, "{path}");
        assert!(response.bytes().await.expect("no body").is_empty(), "{path}");
        assert_eq!(service.send(service.request("POST", path)).await.header("allow"), "GET, HEAD", "{path}");
    }
    for path in ["/credentials", "/explain"] {
        let response = service.request("HEAD", path).bearer_auth(token()).send().await.expect("a response");
        assert_eq!(response.status().as_u16(), 405, "{path}");
    }
}

/// One namespace an installation; the latency of a step is a field, which costs nothing, and no metric.
#[tokio::test]
async fn the_namespace_and_the_latencies_of_the_steps() {
    let environment = vec![("METRICS_NAMESPACE", "credvend-two".to_owned())];
    let service = Service::start(Setup { environment, ..Setup::default() }).await;
    assert_eq!(service.vend(&token()).await.status, 200);
    let line = service.audit().await.remove(0);
    let directives = line["_aws"]["CloudWatchMetrics"].as_array().expect("EMF");
    assert!(directives.iter().all(|directive| directive["Namespace"] == "credvend-two"), "{line}");
    let metrics = directives.iter().flat_map(|directive| directive["Metrics"].as_array().expect("a list"));
    let mut names: Vec<_> = metrics.map(|metric| metric["Name"].as_str().expect("a name")).collect();
    names.sort_unstable();
    assert_eq!(names, ["ColdStarts", "JwksRefetches", "LatencyMs", "Vends"]);
    assert!(line["LatencyMs.sts"].is_number() && line["LatencyMs.token"].is_number(), "{line}");
}
