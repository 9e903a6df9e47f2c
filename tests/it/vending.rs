//! The vending API over plain HTTP: the happy path, every row of the error table, every rule of the mapping.

use serde_json::{Value, json};
use tests::http_server::closed_port;
use tests::token::{SigningKey, cognito_claims, jwk_set, now};
use tests::upstream::{
    Fault, SECRET_ACCESS_KEY, SESSION_TOKEN, Service as Upstream, assume_role_calls, item, sts_error,
};

use crate::service::{CLIENT_ID, Function, ISSUER, Service, Setup, key, token, token_with};

#[tokio::test]
async fn a_valid_token_becomes_credentials() {
    let service = Service::start(Setup::default()).await;
    let answer = service.vend(&token()).await;
    assert_eq!(answer.verdict(), (200, "ok"), "{}", answer.body);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("access-control-allow-origin"), "");
    let expected = json!({
        "credentials": {
            "access_key_id": "ASIAIOSFODNN7EXAMPLE",
            "secret_access_key": SECRET_ACCESS_KEY,
            "session_token": SESSION_TOKEN,
            "expiration": "2099-01-01T00:00:00Z",
        },
        "s3_bucket": "example-bucket",
        "s3_path_prefix": "logs/server-01/",
        "aws_region": "eu-west-1",
        "role_arn": "arn:aws:iam::123456789012:role/credvend-server-01",
        "account_id": "123456789012",
        "session_name": format!("server-01-{CLIENT_ID}"),
        "source_identity": CLIENT_ID,
        "request_id": answer.header("x-request-id"),
    });
    assert_eq!(answer.body, expected);

    let calls = assume_role_calls(&service.upstream);
    assert_eq!(calls.len(), 1);
    for (name, value) in [
        ("RoleArn", "arn:aws:iam::123456789012:role/credvend-server-01"),
        ("RoleSessionName", &format!("server-01-{CLIENT_ID}")),
        ("DurationSeconds", "3600"),
        ("SourceIdentity", CLIENT_ID),
        ("Tags.member.1.Key", "client_id"),
        ("Tags.member.1.Value", CLIENT_ID),
        ("Tags.member.2.Key", "server_name"),
        ("Tags.member.2.Value", "server-01"),
        ("Tags.member.3.Key", "s3_prefix"),
        ("Tags.member.3.Value", "logs/server-01"),
    ] {
        assert_eq!(calls[0].get(name).map(String::as_str), Some(value), "{name}");
    }
    assert!(!calls[0].contains_key("Policy") && !calls[0].contains_key("ExternalId"));

    let audit = service.audit().await;
    assert_eq!(audit.len(), 1);
    assert_eq!(audit[0]["decision"], "allow");
    assert_eq!(audit[0]["client_id"], CLIENT_ID);
    assert_eq!(audit[0]["access_key_id"], "ASIAIOSFODNN7EXAMPLE");
    assert_eq!(audit[0]["source_ip"], "127.0.0.1");
    assert_eq!(audit[0]["Vends"], 1);
    assert_eq!(audit[0]["ColdStarts"], 1);
    assert_eq!(audit[0]["_aws"]["CloudWatchMetrics"][0]["Namespace"], "credvend");
}

/// The Python client's request: a body with `access_token`, and the four field names it reads from the answer.
#[tokio::test]
async fn the_old_client_is_served_unchanged() {
    let service = Service::start(Setup::default()).await;
    let request = service
        .request("POST", "/credentials")
        .header("content-type", "application/json")
        .header("user-agent", "python-requests/2.31.0")
        .header("accept-encoding", "gzip, deflate")
        .header("accept", "*/*")
        .body(json!({"access_token": token()}).to_string());
    let answer = service.send(request).await;
    assert_eq!(answer.status, 200);
    for field in ["credentials", "s3_bucket", "s3_path_prefix", "aws_region"] {
        assert!(answer.body.get(field).is_some(), "{field}");
    }
    for field in ["access_key_id", "secret_access_key", "session_token", "expiration"] {
        assert!(answer.body["credentials"][field].is_string(), "{field}");
    }
}

#[tokio::test]
async fn an_sdk_gets_its_own_shape() {
    let service = Service::start(Setup::default()).await;
    let answer = service
        .send(service.request("GET", "/credentials").header("authorization", format!("bearer {}", token())))
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.body,
        json!({
            "AccessKeyId": "ASIAIOSFODNN7EXAMPLE", "SecretAccessKey": SECRET_ACCESS_KEY, "Token": SESSION_TOKEN,
            "Expiration": "2099-01-01T00:00:00Z", "RoleArn": "arn:aws:iam::123456789012:role/credvend-server-01",
            "AccountId": "123456789012",
        })
    );
}

#[tokio::test]
async fn requests_that_are_not_understood() {
    let service = Service::start(Setup::default()).await;
    let json_body = |body: &str| {
        service.request("POST", "/credentials").header("content-type", "application/json").body(body.to_owned())
    };
    let post = || service.request("POST", "/credentials");
    let other = key().token(&cognito_claims(ISSUER, "other"));
    for (name, request, verdict) in [
        ("no token", post(), (400, "invalid_request")),
        ("no token for an SDK", service.request("GET", "/credentials"), (400, "invalid_request")),
        (
            "a token in the query",
            service.request("GET", &format!("/credentials?access_token={}", token())),
            (400, "invalid_request"),
        ),
        ("bad JSON", json_body("{"), (400, "invalid_request")),
        ("two headers", post().bearer_auth(token()).bearer_auth(token()), (400, "invalid_request")),
        (
            "two tokens",
            json_body(&json!({"access_token": other}).to_string()).bearer_auth(token()),
            (400, "invalid_request"),
        ),
        ("a duplicate member", json_body(r#"{"access_token":"a","access_token":"b"}"#), (400, "invalid_request")),
        (
            "too short",
            json_body(&json!({"duration_seconds": 899}).to_string()).bearer_auth(token()),
            (400, "invalid_request"),
        ),
        (
            "too long",
            json_body(&json!({"duration_seconds": 3601}).to_string()).bearer_auth(token()),
            (400, "invalid_request"),
        ),
        (
            "an unknown level",
            json_body(&json!({"s3_permissions": "admin"}).to_string()).bearer_auth(token()),
            (400, "invalid_request"),
        ),
        ("another path", service.request("GET", "/nothing"), (404, "not_found")),
        ("another method", service.request("DELETE", "/credentials"), (405, "method_not_allowed")),
        (
            "a form",
            post().header("content-type", "application/x-www-form-urlencoded").body("access_token=a"),
            (415, "unsupported_media_type"),
        ),
        (
            "a large body",
            json_body(&format!("{{\"access_token\":\"{}\"}}", "a".repeat(17_000))),
            (413, "request_too_large"),
        ),
    ] {
        let answer = service.send(request).await;
        assert_eq!(answer.verdict(), verdict, "{name}: {}", answer.body);
        assert_eq!(answer.body["retryable"], false, "{name}");
        assert_eq!(answer.body["request_id"], answer.header("x-request-id"), "{name}");
        assert_eq!(answer.header("cache-control"), "no-store", "{name}");
        if answer.status == 405 {
            assert_eq!(answer.header("allow"), "GET, POST");
        }
    }
    assert!(service.upstream.received(Upstream::DynamoDb).is_empty());
}

#[tokio::test]
async fn tokens_that_are_not_genuine() {
    let service = Service::start(Setup::default()).await;
    let stranger = SigningKey::generate("key-1");
    let unknown = SigningKey::generate("key-2");
    for (name, token) in [
        ("malformed", "a.b".to_owned()),
        ("alg none", key().sign(&json!({"alg": "none", "kid": "key-1"}), &cognito_claims(ISSUER, CLIENT_ID))),
        ("another key under the same kid", stranger.token(&cognito_claims(ISSUER, CLIENT_ID))),
        ("an unknown kid", unknown.token(&cognito_claims(ISSUER, CLIENT_ID))),
        ("another issuer", token_with(json!({"iss": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Other"}))),
        ("an id token", token_with(json!({"token_use": "id"}))),
        ("a person's token", token_with(json!({"sub": "9c2e0c4a-person"}))),
        ("expired", token_with(json!({"iat": now() - 3700, "exp": now() - 100}))),
        ("not yet valid", token_with(json!({"nbf": now() + 100}))),
        ("too large", "a".repeat(16_385)),
    ] {
        let answer = service.vend(&token).await;
        assert_eq!(answer.verdict(), (401, "invalid_token"), "{name}: {}", answer.body);
        assert_eq!(answer.header("www-authenticate"), r#"Bearer error="invalid_token""#, "{name}");
    }
    assert!(service.upstream.received(Upstream::DynamoDb).is_empty(), "no table look-up for an unverified token");
    let audit = service.audit().await;
    assert_eq!(audit.len(), 10);
    assert!(audit.iter().all(|line| line["decision"] == "deny" && line["client_id"].is_null()));
    assert!(audit.iter().all(|line| line["token_sha256"].as_str().is_some_and(|hash| hash.len() == 64)));
}

#[tokio::test]
async fn a_token_with_an_audience_must_name_ours() {
    let environment = vec![("ALLOWED_AUDIENCES", "https://api.example.com other".to_owned())];
    let service = Service::start(Setup { environment, ..Setup::default() }).await;
    assert_eq!(service.vend(&token()).await.status, 200);
    assert_eq!(service.vend(&token_with(json!({"aud": "other"}))).await.status, 200);
    assert_eq!(service.vend(&token_with(json!({"aud": ["x", "other"]}))).await.status, 200);
    for wrong in [json!("api.example.com"), json!([]), json!(1), json!(null)] {
        assert_eq!(service.vend(&token_with(json!({"aud": wrong}))).await.verdict(), (401, "invalid_token"));
    }
}

#[tokio::test]
async fn other_issuers_have_their_own_keys_and_rules() {
    let upstream = crate::service::upstream(json!({})).await;
    let other = tests::upstream::Upstream::start().await;
    let other_key = SigningKey::generate("key-1");
    other.set_jwks(jwk_set(&[&other_key]));
    let issuers = json!([{
        "issuer": "https://idp.example.com/", "jwks_uri": format!("{}/jwks.json", other.url()), "kind": "oidc",
        "audiences": ["credvend"], "client_claim": "azp",
    }]);
    upstream.put_item(CLIENT_ID, item(CLIENT_ID, json!({"issuer": {"S": "https://idp.example.com/"}})));
    let service = Service::start_on(upstream, vec![("TRUSTED_ISSUERS", issuers.to_string())]).await;
    let claims = |aud: Value| {
        json!({"iss": "https://idp.example.com/", "sub": format!("{CLIENT_ID}@clients"), "azp": CLIENT_ID, "aud": aud,
               "exp": now() + 600, "iat": now()})
    };
    assert_eq!(service.vend(&other_key.token(&claims(json!("credvend")))).await.status, 200);
    assert_eq!(service.vend(&other_key.token(&claims(json!("else")))).await.status, 401);
    assert_eq!(service.vend(&key().token(&claims(json!("credvend")))).await.status, 401, "a key of another issuer");
    let crossed = other_key.token(&cognito_claims(ISSUER, CLIENT_ID));
    assert_eq!(service.vend(&crossed).await.status, 401, "the same kid at another issuer");
}

#[tokio::test]
async fn what_sts_says_is_translated_and_never_repeated() {
    let service = Service::start(Setup::default()).await;
    for (status, code, verdict, retryable) in [
        (403, "AccessDenied", (502, "role_not_assumable"), true),
        (400, "ValidationError", (500, "misconfigured"), false),
        (400, "MalformedPolicyDocument", (500, "misconfigured"), false),
        (400, "PackedPolicyTooLarge", (500, "misconfigured"), false),
        (400, "Throttling", (503, "sts_unavailable"), true),
        (403, "InvalidClientTokenId", (503, "sts_unavailable"), true),
        (403, "ExpiredToken", (503, "sts_unavailable"), true),
        (500, "InternalFailure", (503, "sts_unavailable"), true),
    ] {
        // A session that was refused is not asked for again at once: each of these is another one.
        service.upstream.put_item(CLIENT_ID, item(CLIENT_ID, json!({"external_id": {"S": code}})));
        service
            .upstream
            .break_service(Upstream::Sts, Fault::Status(status, sts_error(code, "CANARY arn:aws:iam::1:x")));
        let answer = service.vend(&token()).await;
        assert_eq!(answer.verdict(), verdict, "{code}: {}", answer.body);
        assert_eq!(answer.body["retryable"], retryable, "{code}");
        assert_eq!(answer.header("retry-after").is_empty(), verdict.0 != 503, "{code}");
        assert!(!answer.body.to_string().contains("CANARY"), "{}", answer.body);
    }
}

#[tokio::test]
async fn a_client_that_asks_too_often_is_told_when_to_come_back() {
    let environment = vec![("RATE_LIMIT_PER_MINUTE", "2".to_owned())];
    let service = Service::start(Setup { environment, ..Setup::default() }).await;
    assert_eq!(service.vend(&token()).await.status, 200);
    assert_eq!(service.vend(&token()).await.status, 200);
    let answer = service.vend(&token()).await;
    assert_eq!(answer.verdict(), (429, "rate_limited"));
    assert_eq!(answer.body["retryable"], true);
    assert!((1..=30).contains(&answer.header("retry-after").parse::<u32>().unwrap()));
}

#[tokio::test]
async fn explain_shows_the_decision_and_takes_no_credentials() {
    let service =
        Service::start(Setup { item: json!({"session_policy": {"S": "s3-prefix"}}), ..Setup::default() }).await;
    let explain = |token: String| service.send(service.request("POST", "/explain").bearer_auth(token));
    let answer = explain(token()).await;
    assert_eq!((answer.status, &answer.body["decision"]), (200, &json!("allow")));
    let steps: Vec<_> =
        answer.body["steps"].as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap()).collect();
    assert_eq!(
        steps,
        ["request", "token", "issuer", "jwks", "verify", "rate_limit", "mapping", "authorize", "session"]
    );
    assert!(assume_role_calls(&service.upstream).is_empty());

    service.upstream.put_item(CLIENT_ID, item(CLIENT_ID, json!({"issuer": {"S": "https://idp.example.com"}})));
    let answer = explain(token()).await;
    assert_eq!(answer.body["code"], "client_not_registered");
    assert!(!answer.body.to_string().contains("role/"), "another issuer's client is nobody's business");

    service.upstream.put_item(CLIENT_ID, item(CLIENT_ID, json!({"source_cidrs": {"SS": ["10.1.2.0/24"]}})));
    let answer = explain(token()).await;
    assert_eq!(answer.body["decision"], "deny");
    assert_eq!(answer.body["code"], "source_not_allowed");
    let last = answer.body["steps"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["step"], &last["result"]), (&json!("authorize"), &json!("deny")));
    assert!(!answer.body.to_string().contains("10.1.2"), "a thief must not learn where to ask from");

    let answer = explain(token_with(json!({"exp": now() - 100}))).await;
    assert_eq!(answer.verdict(), (401, "invalid_token"));
    assert_eq!(answer.body["steps"].as_array().unwrap().last().unwrap()["step"], "verify");

    let audit = service.audit().await;
    assert_eq!(audit[0]["Explanations"], 1);
    assert!(audit[0].get("Vends").is_none(), "nothing was vended");
}

/// A decision is 200; what was not decided keeps its status, with the steps up to there.
#[tokio::test]
async fn explain_keeps_the_status_of_a_failure() {
    let environment = vec![("RATE_LIMIT_PER_MINUTE", "60".to_owned())];
    let service = Service::start(Setup { environment, ..Setup::default() }).await;
    let post = || service.request("POST", "/explain").bearer_auth(token());
    let long = json!({"s3_path_prefix": {"S": format!("{}/", "x".repeat(900))}, "session_policy": {"S": "s3-prefix"}});
    for (name, change, status, code, step) in [
        ("no usable role", json!({"role_arn": {"S": "nonsense"}}), 500, "misconfigured", "mapping"),
        ("milliseconds", json!({"expires_at": {"N": "1795000000000"}}), 500, "misconfigured", "mapping"),
        ("a policy too long", long, 500, "misconfigured", "session"),
        ("disabled", json!({"disabled": {"BOOL": true}}), 200, "client_disabled", "authorize"),
        ("expired", json!({"expires_at": {"N": "1"}}), 200, "client_expired", "authorize"),
        ("a scope", json!({"allowed_scopes": {"SS": ["other"]}}), 200, "insufficient_scope", "authorize"),
        ("all well", json!({}), 200, "", "session"),
    ] {
        service.upstream.put_item(CLIENT_ID, item(CLIENT_ID, change));
        let answer = service.send(post()).await;
        let found = answer.body["error"].as_str().or(answer.body["code"].as_str()).unwrap_or_default();
        assert_eq!((answer.status, found), (status, code), "{name}: {}", answer.body);
        assert_eq!(answer.body["steps"].as_array().unwrap().last().unwrap()["step"], step, "{name}");
    }
    let wide = post().header("content-type", "application/json").body(r#"{"s3_path_prefix":"other/"}"#);
    let answer = service.send(wide).await;
    assert_eq!((answer.status, &answer.body["code"]), (200, &json!("invalid_request")), "{}", answer.body);
    service.upstream.break_service(Upstream::DynamoDb, Fault::Status(400, "{}".to_owned()));
    let answer = service.send(post()).await;
    assert_eq!(answer.verdict(), (503, "mapping_unavailable"));
    assert!(!answer.header("retry-after").is_empty());
    service.upstream.mend();
    let limited = loop {
        let answer = service.send(post()).await;
        if answer.status != 200 {
            break answer;
        }
    };
    assert_eq!(limited.verdict(), (429, "rate_limited"), "{}", limited.body);
    assert!(!limited.header("retry-after").is_empty());
    assert_eq!(limited.body["steps"].as_array().unwrap().last().unwrap()["step"], "rate_limit");
}

/// Whatever a caller writes into a path, no log line is longer or broken by it.
#[tokio::test]
async fn a_path_in_the_log_is_short_and_escaped() {
    let function = Function::start(vec![]).await;
    let forged = "/x\n{\"decision\":\"allow\"}\u{1b}[2J\u{202e}";
    for path in [&format!("/{}", "y".repeat(100_000)), forged, "/\r\n\0", "/\u{85}\u{2028}z"] {
        let event = json!({"rawPath": path, "requestContext": {"http": {"method": "GET", "sourceIp": "203.0.113.9"}}});
        let answer = function.runtime.invoke_json(&event).await;
        assert_eq!(answer["statusCode"], 404, "{path:.20}");
        let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        assert!(body["error_description"].as_str().unwrap().len() < 1000, "{path:.20}");
    }
    let mut function = function;
    let log = function.process.stop().await;
    let lines = log.lines().filter(|line| line.contains("GET /"));
    let messages: Vec<_> =
        lines.map(|line| serde_json::from_str::<Value>(line).expect("JSON")["message"].clone()).collect();
    assert_eq!(messages.len(), 4, "{log:.2000}");
    for message in messages {
        let message = message.as_str().unwrap();
        assert!(message.len() < 1000 && !message.contains(|c: char| c.is_control() || c == '\u{202e}'), "{message}");
    }
}

#[tokio::test]
async fn health_touches_nothing_and_ready_touches_everything() {
    let mut service = Service::start(Setup::default()).await;
    service.upstream.forget_requests();
    let answer = service.send(service.request("GET", "/health")).await;
    assert_eq!((answer.status, answer.body), (200, json!({"status": "ok"})));
    assert!(service.upstream.received(Upstream::Sts).is_empty());
    let answer = service.send(service.request("GET", "/ready")).await;
    assert_eq!((answer.status, &answer.body["ready"]), (200, &json!(true)), "{}", answer.body);

    service =
        Service::start(Setup { environment: vec![("AWS_ENDPOINT_URL_STS", closed_port().await)], ..Setup::default() })
            .await;
    let answer = service.send(service.request("GET", "/ready")).await;
    assert_eq!((answer.status, &answer.body["ready"]), (503, &json!(false)));
    assert!(answer.body.to_string().contains("STS cannot be used"), "{}", answer.body);
}

#[tokio::test]
async fn the_openapi_document_names_every_code() {
    let service = Service::start(Setup::default()).await;
    let answer = service.send(service.request("GET", "/openapi.json")).await;
    assert_eq!(answer.body["openapi"], "3.1.0");
    let sources = ["entrance/src/verdict.rs", "authenticate/src/error.rs"];
    let source = sources.map(|path| std::fs::read_to_string(tests::process::repository().join(path)).unwrap()).concat();
    let codes = answer.body["components"]["schemas"]["Error"]["properties"]["error"]["enum"].as_array().unwrap();
    for code in codes {
        assert!(source.contains(&code.to_string()), "{code} is not a code of the service");
    }
}

#[tokio::test]
async fn a_wrong_environment_is_told_at_once() {
    let mut process = crate::service::start_process(&[("SESSION_DURATION_SECONDS", "7200".to_owned())]);
    assert_eq!(process.exit_code().await, Some(1));
    for name in ["COGNITO_ISSUER", "DYNAMODB_TABLE", "AWS_REGION", "SESSION_DURATION_SECONDS", "role chaining"] {
        assert!(process.output().contains(name), "{name} is not in {}", process.output());
    }
}
