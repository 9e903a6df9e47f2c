//! Where the service's own credentials come from, that they are refreshed, and which endpoints they are sent to.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tests::http_server::{HttpServer, Received, Reply, closed_port};
use tests::upstream::{Lifetimes, Service as Upstream};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::service::{Function, Service, token, upstream};

/// An endpoint beside the container, or an instance's metadata: each credentials that it hands out have another key.
struct CredentialsEndpoint {
    server: HttpServer,
    received: Arc<Mutex<Vec<Received>>>,
}

impl CredentialsEndpoint {
    /// Its credentials last so many seconds.
    async fn start(lifetime: u64) -> Self {
        let received = Arc::new(Mutex::new(Vec::new()));
        let (log, count) = (Arc::clone(&received), AtomicU64::new(0));
        let server = HttpServer::start(move |request: Received| {
            let path = request.path.clone();
            log.lock().unwrap().push(request);
            let reply = match path.trim_end_matches('/') {
                "/latest/api/token" => Reply::Whole(
                    200,
                    vec![("x-aws-ec2-metadata-token-ttl-seconds".into(), "21600".into())],
                    b"imds-token".to_vec(),
                ),
                "/latest/meta-data/iam/security-credentials" => Reply::Whole(200, vec![], b"the-role".to_vec()),
                _ => {
                    let ends = OffsetDateTime::now_utc() + Duration::from_secs(lifetime);
                    let ends = (ends - Duration::from_nanos(u64::from(ends.nanosecond()))).format(&Rfc3339).unwrap();
                    let key = format!("ASIAOWN{}", count.fetch_add(1, Ordering::Relaxed));
                    let credentials = json!({
                        "Code": "Success", "Type": "AWS-HMAC", "LastUpdated": "2026-01-01T00:00:00Z",
                        "AccessKeyId": key, "SecretAccessKey": "CANARY", "Token": "CANARY", "Expiration": ends,
                    });
                    Reply::json(200, credentials.to_string())
                }
            };
            std::future::ready(reply)
        })
        .await;
        Self { server, received }
    }

    fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

/// No credentials in the environment, and no instance's metadata unless the test has it.
async fn variables(changes: Vec<(&'static str, String)>) -> Vec<(&'static str, String)> {
    let mut variables = vec![
        ("AWS_ACCESS_KEY_ID", String::new()),
        ("AWS_SECRET_ACCESS_KEY", String::new()),
        ("AWS_SESSION_TOKEN", String::new()),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", closed_port().await),
    ];
    variables.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    variables.extend(changes);
    variables
}

/// Whose key signed the last requests to DynamoDB and STS.
fn keys(service: &tests::upstream::Upstream) -> Vec<String> {
    let signed = [Upstream::DynamoDb, Upstream::Sts].into_iter().flat_map(|upstream| service.received(upstream));
    let signatures = signed.filter_map(|received| received.headers.get("authorization").cloned());
    signatures
        .map(|signature| {
            let (_, key) = signature.split_once("Credential=").expect("SigV4");
            key.split('/').next().unwrap_or_default().to_owned()
        })
        .collect()
}

/// The client of `DynamoDB` and that of STS ask for credentials of their own, and keep them.
fn assert_each_client_kept(keys: &[String], calls: usize) {
    let expected = [vec!["ASIAOWN0"; calls], vec!["ASIAOWN1"; calls]].concat();
    assert_eq!(keys, expected);
}

#[tokio::test]
async fn a_container_s_endpoint_with_a_token_file() {
    let endpoint = CredentialsEndpoint::start(3600).await;
    let folder = tempfile::tempdir().unwrap();
    let token_file = folder.path().join("token");
    std::fs::write(&token_file, "pod-token").unwrap();
    // A loopback name is not looked up, and a proxy has no part in it.
    let url = format!("http://pod.localhost:{}/v1/credentials", endpoint.server.address.port());
    let environment = variables(vec![
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", url),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token_file.display().to_string()),
        ("HTTP_PROXY", closed_port().await),
        ("HTTPS_PROXY", closed_port().await),
    ]);
    let service = Service::start_on(upstream(json!({})).await, environment.await).await;
    assert!(endpoint.received().is_empty(), "nothing is asked at the start");
    for _ in 0..3 {
        assert_eq!(service.vend(&token()).await.verdict(), (200, "ok"));
    }
    assert_each_client_kept(&keys(&service.upstream), 3);
    let received = endpoint.received();
    assert_eq!(received.len(), 2, "the client of each service asks once");
    assert_eq!(received[0].headers["authorization"], "pod-token");
}

#[tokio::test]
async fn credentials_are_refreshed_before_they_expire() {
    let endpoint = CredentialsEndpoint::start(3).await;
    let folder = tempfile::tempdir().unwrap();
    let token_file = folder.path().join("token");
    std::fs::write(&token_file, "first").unwrap();
    let environment = variables(vec![
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/credentials", endpoint.server.url())),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token_file.display().to_string()),
    ]);
    let service = Service::start_on(upstream(json!({})).await, environment.await).await;
    assert_eq!(service.vend(&token()).await.status, 200);
    std::fs::write(&token_file, "second").unwrap();
    service.upstream.forget_requests();
    assert_eq!(service.vend(&token()).await.status, 200);
    let keys = keys(&service.upstream);
    assert!(keys.iter().all(|key| !["ASIAOWN0", "ASIAOWN1"].contains(&key.as_str())), "{keys:?}");
    let last = endpoint.received().pop().unwrap();
    assert_eq!(last.headers["authorization"], "second", "the token file is read again");
}

#[tokio::test]
async fn web_identity() {
    let folder = tempfile::tempdir().unwrap();
    let token_file = folder.path().join("token");
    std::fs::write(&token_file, "service-account-token").unwrap();
    let environment = variables(vec![
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token_file.display().to_string()),
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/vending".to_owned()),
    ]);
    let upstream = upstream(json!({})).await;
    let lasting = |seconds| Lifetimes { credentials: Duration::from_secs(seconds), token: Duration::from_secs(3600) };
    upstream.set_lifetimes(lasting(3));
    let service = Service::start_on(upstream, environment.await).await;
    let exchanges = || {
        let calls = service.upstream.received(Upstream::Sts).into_iter();
        let bodies = calls.map(|call| String::from_utf8(call.body).unwrap());
        bodies.filter(|body| body.contains("Action=AssumeRoleWithWebIdentity")).collect::<Vec<_>>()
    };
    assert_eq!(service.vend(&token()).await.verdict(), (200, "ok"));
    assert!(exchanges()[0].contains("WebIdentityToken=service-account-token"));
    assert!(exchanges()[0].contains("RoleSessionName=vending-lambda"));
    service.upstream.set_lifetimes(lasting(3600));
    service.upstream.forget_requests();
    for _ in 0..3 {
        assert_eq!(service.vend(&token()).await.status, 200);
    }
    assert_eq!(exchanges().len(), 2, "each client refreshed once, since the first were about to expire");
    // Without its token file there are no credentials, and that is no denial.
    std::fs::remove_file(&token_file).unwrap();
    let other = Service::start_on(
        crate::service::upstream(json!({})).await,
        vec![
            ("AWS_ACCESS_KEY_ID", String::new()),
            ("AWS_SECRET_ACCESS_KEY", String::new()),
            ("AWS_SESSION_TOKEN", String::new()),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", token_file.display().to_string()),
            ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/vending".to_owned()),
        ],
    )
    .await;
    let answer = other.vend(&token()).await;
    assert_eq!(answer.verdict(), (503, "mapping_unavailable"));
    assert!(
        answer.body["error_description"].as_str().unwrap().contains("no credentials of its own"),
        "{}",
        answer.body
    );
}

#[tokio::test]
async fn an_instance_s_metadata() {
    let endpoint = CredentialsEndpoint::start(3600).await;
    let environment = variables(vec![("AWS_EC2_METADATA_SERVICE_ENDPOINT", endpoint.server.url())]);
    let service = Service::start_on(upstream(json!({})).await, environment.await).await;
    for _ in 0..2 {
        assert_eq!(service.vend(&token()).await.verdict(), (200, "ok"));
    }
    assert_each_client_kept(&keys(&service.upstream), 2);
    let received = endpoint.received();
    assert_eq!((received[0].method.as_str(), received[0].path.as_str()), ("PUT", "/latest/api/token"));
    assert!(received[1..].iter().all(|request| request.headers["x-aws-ec2-metadata-token"] == "imds-token"));
}

/// A snapshot outlives the credentials of the environment, so Lambda gives the container's variables in their place.
#[tokio::test]
async fn a_lambda_restored_from_a_snapshot() {
    let endpoint = CredentialsEndpoint::start(3600).await;
    let environment = variables(vec![
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/2021-04-23/credentials", endpoint.server.url())),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "lambda-token".to_owned()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "snap-start".to_owned()),
    ]);
    let function = Function::start(environment.await).await;
    let response = function.runtime.invoke_json(&json!({"access_token": token()})).await;
    assert_eq!(response["statusCode"], 200, "{response}");
    assert_each_client_kept(&keys(&function.upstream), 1);
    assert_eq!(endpoint.received()[0].headers["authorization"], "lambda-token");
}

#[tokio::test]
async fn without_any_credentials_it_is_not_ready_and_says_why() {
    let service = Service::start_on(upstream(json!({})).await, variables(vec![]).await).await;
    let ready = service.send(service.request("GET", "/ready")).await;
    assert_eq!(ready.status, 503);
    assert!(ready.body.to_string().contains("the service has no credentials of its own"), "{}", ready.body);
    assert_eq!(service.send(service.request("GET", "/health")).await.status, 200);
}

/// The proxy sees which endpoints are asked for.
#[tokio::test]
async fn fips_and_dual_stack_endpoints() {
    for (variable, dynamodb, sts) in [
        ("AWS_USE_FIPS_ENDPOINT", "dynamodb-fips.us-east-1.amazonaws.com:443", "sts-fips.us-east-1.amazonaws.com:443"),
        ("AWS_USE_DUALSTACK_ENDPOINT", "dynamodb.us-east-1.api.aws:443", "sts.us-east-1.api.aws:443"),
        ("AWS_USE_FIPS_ENDPOINT ", "dynamodb.us-east-1.amazonaws.com:443", "sts.us-east-1.amazonaws.com:443"),
    ] {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        let proxy = HttpServer::start(move |request: Received| {
            log.lock().unwrap().push(format!("{} {}", request.method, request.path));
            std::future::ready(Reply::json(502, "{}"))
        })
        .await;
        let environment = vec![
            ("AWS_ENDPOINT_URL", String::new()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("HTTPS_PROXY", proxy.url()),
            (variable, "true".to_owned()),
        ];
        let service = Service::start_on(upstream(json!({})).await, environment).await;
        assert_eq!(service.send(service.request("GET", "/ready")).await.status, 503);
        let asked = asked.lock().unwrap().clone();
        for host in [dynamodb, sts] {
            assert!(asked.contains(&format!("CONNECT {host}")), "{variable}: {asked:?}");
        }
        assert!(asked.iter().all(|line| [dynamodb, sts].iter().any(|host| line.ends_with(host))), "{asked:?}");
    }
}

/// A directory locks an account after a few tries with one wrong password, and the proxy's fault is not AWS's.
#[tokio::test]
async fn a_proxy_that_refuses_is_asked_once_and_told_apart_from_aws() {
    for (status, times, told) in [
        (407, 1, "the proxy in HTTPS_PROXY refused its user name and password (407)"),
        (403, 3, "the proxy in HTTPS_PROXY cannot be used"),
        (502, 3, "the proxy in HTTPS_PROXY cannot be used"),
        (503, 3, "the proxy in HTTPS_PROXY cannot be used"),
    ] {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        let proxy = HttpServer::start(move |request: Received| {
            log.lock().unwrap().push(request.path);
            std::future::ready(Reply::ThenClose(status, vec![], vec![]))
        })
        .await;
        let environment = vec![
            ("AWS_ENDPOINT_URL", String::new()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("HTTPS_PROXY", proxy.url().replace("http://", "http://user:CANARY@")),
        ];
        let service = Service::start_on(upstream(json!({})).await, environment).await;
        let ready = service.send(service.request("GET", "/ready")).await;
        assert_eq!(ready.status, 503, "{status}: {}", ready.body);
        let shown = ready.body.to_string();
        assert!(shown.contains(told) && !shown.contains("127.0.0.1") && !shown.contains("CANARY"), "{status}: {shown}");
        for host in ["dynamodb.us-east-1.amazonaws.com:443", "sts.us-east-1.amazonaws.com:443"] {
            let tries = asked.lock().unwrap().iter().filter(|path| *path == host).count();
            assert_eq!(tries, times, "{status}: {host}");
        }
    }
}
