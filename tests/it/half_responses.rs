//! Half a response of a dependency is no response: it is 503, and never credentials, a refusal or an empty table.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::upstream::{Fault, SECRET_ACCESS_KEY, SESSION_TOKEN, Service as Upstream, item, sts_error};

use crate::service::{CLIENT_ID, Service, Setup, token, token_with};

const EXPIRATION: &str = "<Expiration>2099-01-01T00:00:00Z</Expiration>";

fn document(expiration: &str) -> String {
    format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><AssumedRoleUser>\
         <AssumedRoleId>AROAEXAMPLE:web-01</AssumedRoleId><Arn>arn:aws:sts::123456789012:assumed-role/a/b</Arn>\
         </AssumedRoleUser><Credentials><AccessKeyId>ASIAEXAMPLE000000001</AccessKeyId>\
         <SecretAccessKey>{SECRET_ACCESS_KEY}</SecretAccessKey><SessionToken>{SESSION_TOKEN}</SessionToken>\
         {expiration}</Credentials></AssumeRoleResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>\
         </AssumeRoleResponse>"
    )
}

async fn verdict(service: &Service, broken: Upstream, status: u16, body: &str) -> (u16, String) {
    service.upstream.break_service(broken, Fault::Status(status, body.to_owned()));
    let answer = service.vend(&token()).await;
    assert!(!answer.body.to_string().contains("CANARY") || answer.status == 200, "{}", answer.body);
    assert_eq!(answer.status == 503, answer.body["retryable"] == true, "{}", answer.body);
    (answer.status, answer.verdict().1.to_owned())
}

#[tokio::test]
async fn a_document_of_sts_that_ends_early() {
    let service = Service::start(Setup::default()).await;
    let whole = document(EXPIRATION);
    assert_eq!(verdict(&service, Upstream::Sts, 200, &whole).await, (200, "ok".to_owned()));
    for end in 0..whole.len() {
        let verdict = verdict(&service, Upstream::Sts, 200, &whole[..end]).await;
        assert_eq!(verdict, (503, "sts_unavailable".to_owned()), "{}", &whole[..end]);
    }
    for fault in [Fault::CutOff, Fault::WrongBody, Fault::Garbage] {
        service.upstream.break_service(Upstream::Sts, fault);
        assert_eq!(service.vend(&token()).await.verdict(), (503, "sts_unavailable"));
    }
}

#[tokio::test]
async fn credentials_without_a_time_or_a_part() {
    let service = Service::start(Setup::default()).await;
    let whole = document(EXPIRATION);
    let without = |element: &str| {
        let (start, end) = (format!("<{element}>"), format!("</{element}>"));
        let (before, rest) = whole.split_once(&start).expect("it is there");
        format!("{before}{}", rest.split_once(&end).expect("it ends").1)
    };
    for (name, body) in [
        ("no Expiration", document("")),
        ("an empty Expiration", document("<Expiration></Expiration>")),
        ("an expired one", document("<Expiration>2020-01-01T00:00:00Z</Expiration>")),
        ("1970", document("<Expiration>1970-01-01T00:00:00Z</Expiration>")),
        ("before 1970", document("<Expiration>1900-01-01T00:00:00Z</Expiration>")),
        ("a time that is none", document("<Expiration>tomorrow</Expiration>")),
        ("no session token", without("SessionToken")),
        ("an empty session token", whole.replace(SESSION_TOKEN, "")),
        ("no secret", without("SecretAccessKey")),
        ("no key id", without("AccessKeyId")),
        ("no credentials", without("Credentials")),
        ("another document", "<html><body>portal</body></html>".to_owned()),
    ] {
        assert_eq!(verdict(&service, Upstream::Sts, 200, &body).await, (503, "sts_unavailable".to_owned()), "{name}");
    }
}

#[tokio::test]
async fn half_a_refusal_of_sts_refuses_nothing() {
    let service = Service::start(Setup::default()).await;
    for (code, expected) in [("AccessDenied", (502, "role_not_assumable")), ("ValidationError", (500, "misconfigured"))]
    {
        let whole = sts_error(code, "no");
        // A session that was refused is not asked for again at once: each of these is another one.
        let another_session = |id: String| {
            service
                .upstream
                .put_item(CLIENT_ID, item(CLIENT_ID, json!({"external_id": {"S": format!("{code}-{id}")}})));
        };
        another_session("whole".to_owned());
        service.upstream.break_service(Upstream::Sts, Fault::Status(403, whole.clone()));
        assert_eq!(service.vend(&token()).await.verdict(), expected);
        let behind_code = whole.find("</Code>").expect("it has a code") + "</Code>".len();
        for end in [behind_code, behind_code + 4, whole.len() - 1] {
            another_session(end.to_string());
            let verdict = verdict(&service, Upstream::Sts, 403, &whole[..end]).await;
            assert_eq!(verdict, (503, "sts_unavailable".to_owned()), "{}", &whole[..end]);
        }
    }
}

#[tokio::test]
async fn a_table_that_says_nothing_is_not_empty() {
    let service = Service::start(Setup::default()).await;
    let whole = json!({"Item": item(CLIENT_ID, json!({}))}).to_string();
    assert_eq!(verdict(&service, Upstream::DynamoDb, 200, &whole).await, (200, "ok".to_owned()));
    let mut bodies: Vec<String> = ["", " ", "null", "[]", "\"\"", "<html></html>"].map(str::to_owned).to_vec();
    bodies.extend((0..whole.len()).step_by(7).map(|end| whole[..end].to_owned()));
    bodies.push(json!({"Item": item("another-client", json!({}))}).to_string());
    bodies.push(json!({"Item": {}}).to_string());
    for body in bodies {
        let verdict = verdict(&service, Upstream::DynamoDb, 200, &body).await;
        assert_eq!(verdict, (503, "mapping_unavailable".to_owned()), "{body:?}");
    }
    let nothing = json!({"Responses": {"credvend-clients": []}}).to_string();
    let no_item = verdict(&service, Upstream::DynamoDb, 200, &nothing).await;
    assert_eq!(no_item, (403, "client_not_registered".to_owned()), "an item that is not there");
}

/// A client of a token with many scopes, none of which it has an item of its own for.
#[tokio::test]
async fn scopes_are_read_together_and_whole() {
    let scopes: Vec<_> = (0..50).map(|number| format!("api/{number:02}")).collect();
    let unknown = token_with(json!({"scope": scopes.join(" ")}));
    // Another token, so that it is looked up at once.
    let token = token_with(json!({"scope": scopes.iter().rev().cloned().collect::<Vec<_>>().join(" ")}));
    let service = Service::start(Setup::default()).await;
    service.upstream.delete_item(CLIENT_ID);
    assert_eq!(service.vend(&unknown).await.verdict(), (403, "client_not_registered"));
    let targets: Vec<_> = service.upstream.received(Upstream::DynamoDb).iter().map(target).collect();
    assert_eq!(targets, ["DynamoDB_20120810.GetItem", "DynamoDB_20120810.BatchGetItem"]);
    let batch: Value =
        serde_json::from_slice(&service.upstream.received(Upstream::DynamoDb)[1].body).expect("the request is JSON");
    let asked = &batch["RequestItems"]["credvend-clients"];
    assert_eq!((asked["Keys"].as_array().map(Vec::len), &asked["ConsistentRead"]), (Some(50), &json!(true)));

    service.upstream.put_item("scope#api/07", item("scope#api/07", json!({})));
    service.upstream.put_item("scope#api/09", item("scope#api/09", json!({})));
    assert_eq!(service.vend(&token).await.verdict(), (200, "ok"), "two items that agree");
    let other = json!({"role_arn": {"S": "arn:aws:iam::123456789012:role/other"}});
    service.upstream.put_item("scope#api/09", item("scope#api/09", other));
    assert_eq!(service.vend(&token).await.verdict(), (403, "client_not_registered"), "two that do not");
}

fn target(request: &tests::http_server::Received) -> String {
    request.headers.get("x-amz-target").cloned().unwrap_or_default()
}

#[tokio::test]
async fn a_batch_that_is_not_whole() {
    let service = Service::start(Setup::default()).await;
    service.upstream.delete_item(CLIENT_ID);
    // The first read is the client's own item; every body below is good for "no such item" there.
    let foreign = json!({"Responses": {"credvend-clients": [item("scope#else", json!({}))]}});
    let unread = json!({"Responses": {"credvend-clients": []}, "UnprocessedKeys": {"credvend-clients": {
        "Keys": [{"client_id": {"S": "scope#credvend-api/read"}}], "ConsistentRead": true}}});
    for body in [json!({}), json!({"UnprocessedKeys": {}}), foreign, unread] {
        let verdict = verdict(&service, Upstream::DynamoDb, 200, &body.to_string()).await;
        assert_eq!(verdict, (503, "mapping_unavailable".to_owned()), "{body}");
    }
    let nothing = json!({"Responses": {"credvend-clients": []}, "UnprocessedKeys": {}}).to_string();
    let verdict = verdict(&service, Upstream::DynamoDb, 200, &nothing).await;
    assert_eq!(verdict, (403, "client_not_registered".to_owned()));
}

/// What is asked for again at once is cut short again.
#[tokio::test]
async fn keys_that_were_not_read_are_asked_for_after_a_pause() {
    let service = Service::start(Setup::default()).await;
    service.upstream.delete_item(CLIENT_ID);
    service.upstream.put_item("scope#credvend-api/read", item("scope#credvend-api/read", json!({})));
    let unread = json!({"Responses": {"credvend-clients": []}, "UnprocessedKeys": {"credvend-clients": {
        "Keys": [{"client_id": {"S": "scope#credvend-api/read"}}], "ConsistentRead": true}}});
    // The first request is for the client's own item, for which the same body says that there is none.
    for (cut_short, requests, verdict, pauses) in [
        (1, 2, (200, "ok"), 0),
        (2, 3, (200, "ok"), 50),
        (3, 4, (200, "ok"), 150),
        (9, 4, (503, "mapping_unavailable"), 150),
    ] {
        service.upstream.forget_requests();
        service.upstream.break_service(Upstream::DynamoDb, Fault::StatusFirst(cut_short, 200, unread.to_string()));
        let started = Instant::now();
        let answer = service.vend(&token()).await;
        assert_eq!(answer.verdict(), verdict, "{cut_short}: {}", answer.body);
        // The shortest that the pauses can be: no machine is too slow for that.
        assert!(started.elapsed() >= Duration::from_millis(pauses), "{cut_short}: {:?}", started.elapsed());
        let asked = service.upstream.received(Upstream::DynamoDb);
        assert_eq!(asked.len(), requests, "{cut_short}");
        let last: Value = serde_json::from_slice(&asked[requests - 1].body).expect("the request is JSON");
        let keys = last["RequestItems"]["credvend-clients"]["Keys"].as_array().map(Vec::len);
        assert_eq!(keys, Some(if cut_short == 1 { 2 } else { 1 }), "only what was left: {last}");
    }
}

#[tokio::test]
async fn a_table_with_another_key_does_not_get_better_by_waiting() {
    let service = Service::start(Setup::default()).await;
    let body = json!({"__type": "com.amazon.coral.validate#ValidationException",
                      "message": "CANARY The provided key element does not match the schema"});
    service.upstream.break_service(Upstream::DynamoDb, Fault::Status(400, body.to_string()));
    let answer = service.vend(&token()).await;
    assert_eq!(answer.verdict(), (500, "misconfigured"), "{}", answer.body);
    assert_eq!(answer.body["retryable"], false);
    let description = answer.body["error_description"].as_str().unwrap_or_default();
    assert!(description.contains("`client_id` (S)") && !description.contains("CANARY"), "{description}");
    for code in ["ProvisionedThroughputExceededException", "InternalServerError", "AccessDeniedException"] {
        let body = json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{code}")});
        service.upstream.break_service(Upstream::DynamoDb, Fault::Status(400, body.to_string()));
        assert_eq!(service.vend(&token()).await.verdict(), (503, "mapping_unavailable"), "{code}");
    }
}
