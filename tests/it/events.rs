//! The same API behind Lambda's runtime API: every event shape, one at a time and concurrently.

use serde_json::{Value, json};
use tests::upstream::Service as Upstream;

use crate::service::{CLIENT_ID, Function, token};

fn payload_2(path: &str, headers: Value, body: Option<&str>) -> Value {
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "", "headers": headers,
        "requestContext": {
            "accountId": "123456789012", "apiId": "api", "domainName": "api.execute-api.eu-west-1.amazonaws.com",
            "domainPrefix": "api", "requestId": "id", "routeKey": "$default", "stage": "$default",
            "time": "01/Jan/2026:00:00:00 +0000", "timeEpoch": 1_767_225_600_000_u64,
            "http": {"method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.9", "userAgent": "x"},
        },
        "body": body, "isBase64Encoded": false,
    })
}

fn payload_1(path: &str, headers: Value, multi_value_headers: Value, body: Option<&str>) -> Value {
    json!({
        "version": "1.0", "resource": "/{proxy+}", "path": path, "httpMethod": "POST", "headers": headers,
        "multiValueHeaders": multi_value_headers, "queryStringParameters": null, "multiValueQueryStringParameters": null,
        "pathParameters": {"proxy": "credentials"}, "stageVariables": null,
        "requestContext": {
            "accountId": "123456789012", "apiId": "api", "httpMethod": "POST", "path": "/prod/credentials",
            "protocol": "HTTP/1.1", "requestId": "id", "resourceId": "r", "resourcePath": "/{proxy+}", "stage": "prod",
            "requestTimeEpoch": 1_767_225_600_000_u64, "identity": {"sourceIp": "203.0.113.9", "userAgent": "x"},
        },
        "body": body, "isBase64Encoded": false,
    })
}

fn body(answer: &Value) -> Value {
    serde_json::from_str(answer["body"].as_str().expect("a text body")).expect("a JSON body")
}

#[tokio::test]
async fn every_event_shape_vends() {
    let mut function = Function::start(vec![]).await;
    let bearer = |scheme: &str| format!("{scheme} {}", token());
    let in_body = json!({"access_token": token()}).to_string();
    let mut base64_body = payload_2("/credentials", json!({"content-type": "application/json"}), None);
    base64_body["body"] = json!(base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &in_body));
    base64_body["isBase64Encoded"] = json!(true);
    let mut staged = payload_2("/prod/credentials", json!({"authorization": bearer("Bearer")}), None);
    staged["requestContext"]["stage"] = json!("prod");
    let mut mapped = payload_2("/vend/credentials", json!({"authorization": bearer("Bearer")}), None);
    mapped["requestContext"]["routeKey"] = json!("POST /credentials");
    for (name, event) in [
        ("payload 2.0", payload_2("/credentials", json!({"authorization": bearer("Bearer")}), None)),
        ("lower-case scheme", payload_2("/credentials", json!({"authorization": bearer("bearer")}), None)),
        ("upper-case header", payload_2("/credentials", json!({"AUTHORIZATION": bearer("BEARER")}), None)),
        ("the old client", payload_2("/credentials", json!({"content-type": "application/json"}), Some(&in_body))),
        ("base64 body", base64_body),
        ("a stage", staged),
        ("a custom domain's base path", mapped),
        ("direct invocation", json!({"access_token": token()})),
        (
            "payload 1.0, one map",
            payload_1("/credentials", json!({"Authorization": bearer("Bearer")}), json!(null), None),
        ),
        (
            "payload 1.0, both maps",
            payload_1(
                "/credentials",
                json!({"Authorization": bearer("Bearer")}),
                json!({"Authorization": [bearer("Bearer")]}),
                None,
            ),
        ),
        (
            "payload 1.0, body",
            payload_1(
                "/prod/credentials",
                json!({"Content-Type": "application/json"}),
                json!({"Content-Type": ["application/json"]}),
                Some(&in_body),
            ),
        ),
    ] {
        let answer = function.runtime.invoke_json(&event).await;
        assert_eq!(answer["statusCode"], 200, "{name}: {answer}");
        assert_eq!(body(&answer)["session_name"], format!("server-01-{CLIENT_ID}"), "{name}");
        let headers = if name.starts_with("payload 1.0") {
            &answer["multiValueHeaders"]["cache-control"][0]
        } else {
            &answer["headers"]["cache-control"]
        };
        assert_eq!(headers, "no-store", "{name}");
    }
    assert!(function.process.stop().await.contains(r#""source_ip":"203.0.113.9""#));
}

#[tokio::test]
async fn events_that_must_not_vend() {
    let function = Function::start(vec![]).await;
    let bearer = format!("Bearer {}", token());
    for (name, event, status) in [
        (
            "two headers, joined",
            payload_2("/credentials", json!({"authorization": format!("{bearer},{bearer}")}), None),
            400,
        ),
        (
            "two headers, as a list",
            payload_1(
                "/credentials",
                json!({"Authorization": bearer}),
                json!({"Authorization": ["Bearer a", bearer]}),
                None,
            ),
            400,
        ),
        (
            "one header in two cases",
            payload_1("/credentials", json!({}), json!({"Authorization": [bearer], "authorization": [bearer]}), None),
            400,
        ),
        (
            "an identity from elsewhere",
            payload_2(
                "/credentials",
                json!({"x-client-id": CLIENT_ID}),
                Some(&json!({"client_id": CLIENT_ID}).to_string()),
            ),
            400,
        ),
        ("another path", payload_2("/nothing", json!({"authorization": bearer}), None), 404),
        ("an empty event", json!({}), 400),
        ("a number", json!(1), 400),
        ("a string", json!("x"), 400),
        ("a list", json!([1]), 400),
        ("a direct invocation without a token", json!({"client_id": CLIENT_ID}), 400),
        (
            "broken base64",
            {
                let mut event = payload_2("/credentials", json!({"content-type": "application/json"}), Some("%%%"));
                event["isBase64Encoded"] = json!(true);
                event
            },
            400,
        ),
        ("a path that is no URI", payload_2("/ \u{7f}\\[", json!({"host": "[", "authorization": bearer}), None), 404),
    ] {
        let answer = function.runtime.invoke_json(&event).await;
        assert_eq!(answer["statusCode"], status, "{name}: {answer}");
        assert!(body(&answer)["request_id"].as_str().is_some_and(|id| id.starts_with("00000000-")), "{name}");
    }
    assert!(function.upstream.received(Upstream::Sts).is_empty());
}

#[tokio::test]
async fn an_authorizer_s_claims_are_not_an_identity() {
    let function = Function::start(vec![]).await;
    let mut event = payload_2("/credentials", json!({}), None);
    event["requestContext"]["authorizer"] =
        json!({"jwt": {"claims": {"client_id": CLIENT_ID, "sub": CLIENT_ID, "token_use": "access"}, "scopes": null}});
    assert_eq!(function.runtime.invoke_json(&event).await["statusCode"], 400);
}

#[tokio::test]
async fn concurrent_invocations() {
    let function = Function::start(vec![("AWS_LAMBDA_MAX_CONCURRENCY", "8".to_owned())]).await;
    let event = payload_2("/credentials", json!({"authorization": format!("Bearer {}", token())}), None);
    let invocations = (0..40).map(|_| function.runtime.invoke_json(&event));
    let mut waiting = Vec::new();
    for invocation in invocations {
        waiting.push(invocation);
    }
    for answer in join_all(waiting).await {
        assert_eq!(answer["statusCode"], 200);
    }
    assert_eq!(function.upstream.received(Upstream::Jwks).len(), 1);
}

/// An authorizer's claims and everything else that is not used may have any type.
#[tokio::test]
async fn only_the_fields_that_are_used_are_read() {
    let mut function = Function::start(vec![]).await;
    let headers = json!({"authorization": format!("Bearer {}", token())});
    let changed = |pointer: &str, value: Value| {
        let mut event = payload_2("/credentials", headers.clone(), None);
        let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
        event.pointer_mut(parent).expect("a field")[name] = value;
        event
    };
    let rest = |name: &str, value: Value| {
        let mut event = payload_1("/credentials", headers.clone(), json!(null), None);
        event["requestContext"][name] = value;
        event
    };
    let claims = json!({"exp": 1_795_000_000, "email_verified": true, "groups": ["a"], "address": {"a": 1}});
    for event in [
        changed("/requestContext/authorizer", json!({"jwt": {"claims": claims, "scopes": null}})),
        changed("/requestContext/authorizer", json!({"jwt": {"claims": null, "scopes": "a b"}})),
        changed("/requestContext/authorizer", json!({"lambda": {"a": [1, {"b": null}]}})),
        changed("/requestContext/authorizer", json!({"iam": {"cognitoIdentity": 7}})),
        changed("/requestContext/authorizer", json!("a text")),
        changed("/requestContext/timeEpoch", json!(null)),
        changed("/requestContext/time", json!(0)),
        changed("/requestContext/authentication", json!({"clientCert": {"validity": 1}})),
        changed("/requestContext/accountId", json!(123_456_789_012_u64)),
        changed("/cookies", json!({"a": 1})),
        changed("/queryStringParameters", json!({"a": ["b"]})),
        changed("/pathParameters", json!(1)),
        changed("/isBase64Encoded", json!(null)),
        changed("/version", json!(2.0)),
        changed("/headers/content-length", json!(0)),
        changed("/of_next_year", json!([[]])),
        rest("authorizer", json!({"claims": {"exp": 1_795_000_000, "verified": true}, "integrationLatency": 5})),
        rest("requestTimeEpoch", json!(null)),
        rest("identity", json!({"sourceIp": "203.0.113.9", "clientCert": 1, "user": {}})),
        rest("resourceId", json!([])),
    ] {
        let response = function.runtime.invoke_json(&event).await;
        assert_eq!(response["statusCode"], 200, "{event}: {response}");
    }
    let output = function.process.stop().await;
    assert_eq!(output.matches(r#""source_ip":"203.0.113.9""#).count(), 20, "{output}");
}

/// What is no direct invocation is never taken for one, and neither response nor log is silent about it.
#[tokio::test]
async fn events_of_other_services_are_refused_by_name() {
    let mut function = Function::start(vec![("LOG_LEVEL", "warn".to_owned())]).await;
    let bearer = format!("Bearer {}", token());
    let alb = json!({
        "requestContext": {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/a"}},
        "httpMethod": "GET", "path": "/health", "queryStringParameters": {},
        "headers": {"user-agent": "ELB-HealthChecker/2.0"}, "body": "", "isBase64Encoded": false,
    });
    let mut alb_with_token = alb.clone();
    alb_with_token["httpMethod"] = json!("POST");
    alb_with_token["path"] = json!("/credentials");
    alb_with_token["headers"] = json!({"authorization": bearer});
    let lattice = json!({
        "version": "2.0", "path": "/credentials", "method": "POST", "headers": {"authorization": [bearer]},
        "body": json!({"access_token": token()}).to_string(), "isBase64Encoded": false,
        "requestContext": {"serviceNetworkArn": "a", "serviceArn": "a", "targetGroupArn": "a", "timeEpoch": "1"},
    });
    let mut unreadable_header = payload_2("/credentials", json!({"authorization": {"a": bearer}}), None);
    unreadable_header["requestContext"]["timeEpoch"] = json!(null);
    let mut no_method = payload_2("/credentials", json!({"authorization": bearer}), None);
    no_method["requestContext"]["http"]["method"] = json!(null);
    let mut typed_body = payload_2("/credentials", json!({"content-type": "application/json"}), None);
    typed_body["body"] = json!({"access_token": token()});
    let events = [
        (alb, "requestContext.elb"),
        (alb_with_token, "requestContext.elb"),
        (lattice, "requestContext.serviceNetworkArn"),
        (json!({"raw_path": "/", "method": "GET", "headers": {"authorization": bearer}}), "raw_path"),
        (
            json!({"version": "0", "id": "a", "detail-type": "Scheduled Event", "source": "aws.events", "detail": {}}),
            "detail-type",
        ),
        (
            json!({"Records": [{"eventSource": "aws:sqs", "body": json!({"access_token": token()}).to_string()}]}),
            "Records",
        ),
        (json!({"Records": [{"eventSource": "aws:s3", "s3": {"object": {"key": "access_token"}}}]}), "Records"),
        (json!({"warmer": true, "concurrency": 3}), "warmer"),
        (json!({"source": "serverless-plugin-warmup"}), "source"),
        (json!("ping"), "JSON object"),
        (unreadable_header, "headers.authorization"),
        (no_method, "requestContext.http.method"),
        (typed_body, "`body`"),
    ];
    for (event, named) in &events {
        let response = function.runtime.invoke_json(event).await;
        assert_eq!(response["statusCode"], 400, "{event}: {response}");
        let description = body(&response)["error_description"].as_str().expect("a text").to_owned();
        assert!(description.contains(named), "{event}: {description}");
        assert!(!response["body"].to_string().contains("no access token was sent"), "{event}");
    }
    let output = function.process.stop().await;
    let lines = output.lines().filter(|line| line.contains("the event was not understood"));
    let lines: Vec<Value> = lines.map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let (records, warnings): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line.get("level").is_none());
    assert_eq!((records.len(), warnings.len()), (events.len(), events.len()), "{output}");
    for ((record, warning), (event, named)) in records.iter().zip(&warnings).zip(&events) {
        assert!(warning.to_string().contains(named), "{warning}");
        assert!(record["reason"].as_str().is_some_and(|reason| reason.contains(named)), "{record}");
        assert_eq!((&record["decision"], &record["code"]), (&json!("deny"), &json!("invalid_request")), "{record}");
        assert!(record["request_id"].as_str().is_some_and(|id| id.starts_with("00000000-")), "{record}");
        assert_eq!(record["source_ip"], event["requestContext"]["http"]["sourceIp"], "{record}");
    }
    assert!(!output.contains("Denials") && !output.contains(&token()), "{output}");
    assert!(function.upstream.received(Upstream::Sts).is_empty());
}

/// Two tokens are two tokens, however an event spells them.
#[tokio::test]
async fn a_header_that_is_there_twice_is_seen_twice() {
    let function = Function::start(vec![]).await;
    let bearer = format!("Bearer {}", token());
    for (headers, status) in [
        (json!({"Authorization": bearer, "authorization": bearer}), 400),
        (json!({"AUTHORIZATION": "Bearer a", "authorization": bearer}), 400),
        (json!({"authorization": [bearer, bearer]}), 400),
        (json!({"authorization": ["Bearer a", bearer]}), 400),
        (json!({"authorization": [bearer]}), 200),
        (json!({"authorization": bearer, "X-Other": "1", "x-other": ["2", 3]}), 200),
    ] {
        for event in [
            payload_2("/credentials", headers.clone(), None),
            payload_1("/credentials", headers.clone(), json!(null), None),
        ] {
            let response = function.runtime.invoke_json(&event).await;
            assert_eq!(response["statusCode"], status, "{event}: {response}");
        }
    }
}

/// Headers of the runtime API that nobody needs cannot end the process, or one of its workers.
#[tokio::test]
async fn an_invocation_with_an_unreadable_context_is_served() {
    for concurrency in ["1", "2"] {
        let function = Function::start(vec![("AWS_LAMBDA_MAX_CONCURRENCY", concurrency.to_owned())]).await;
        let event = json!({"access_token": token()}).to_string();
        for (name, value) in [
            ("lambda-runtime-client-context", r#"{"custom": {"retries": 3}}"#),
            ("lambda-runtime-client-context", r#"{"client": {"installation_id": null}}"#),
            ("lambda-runtime-client-context", "not JSON"),
            ("lambda-runtime-client-context", "[]"),
            ("lambda-runtime-cognito-identity", r#"{"identity_id": 1}"#),
            ("lambda-runtime-deadline-ms", "soon"),
            ("lambda-runtime-deadline-ms", ""),
            ("lambda-runtime-invoked-function-arn", "\u{fc}"),
            ("lambda-runtime-invocation-id", "another delivery"),
        ] {
            let (response, _) = function.runtime.invoke_with(&event, vec![(name, value.to_owned())]).await;
            assert!(!response.failed, "{name}: {value}: {}", response.body);
            assert!(response.body.contains(r#""statusCode":200"#), "{name}: {value}: {}", response.body);
        }
    }
}

pub async fn join_all<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut pinned: Vec<_> = futures.into_iter().map(Box::pin).collect();
    let mut done: Vec<Option<F::Output>> = pinned.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, slot) in pinned.iter_mut().zip(&mut done) {
            if slot.is_none()
                && let std::task::Poll::Ready(output) = future.as_mut().poll(context)
            {
                *slot = Some(output);
            }
        }
        if done.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}
