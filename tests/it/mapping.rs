//! What the mapping table says of a client, and what becomes of it: who gets a session, and how wide.

use serde_json::{Value, json};
use tests::token::{cognito_claims, now};
use tests::upstream::{Fault, Service as Upstream, assume_role_calls, item, sts_error};

use crate::service::{CLIENT_ID, ISSUER, Service, Setup, key, token, token_with};

#[tokio::test]
async fn every_rule_of_the_mapping() {
    let service = Service::start(Setup::default()).await;
    let bad_type = json!({"disabled": {"S": "true"}});
    for (name, changes, verdict) in [
        ("enabled", json!({"disabled": {"BOOL": false}}), (200, "ok")),
        ("disabled", json!({"disabled": {"BOOL": true}}), (403, "client_disabled")),
        ("not expired", json!({"expires_at": {"N": (now() + 60).to_string()}}), (200, "ok")),
        ("expired", json!({"expires_at": {"N": (now() - 1).to_string()}}), (403, "client_expired")),
        ("a scope it has", json!({"allowed_scopes": {"SS": ["x", "credvend-api/read"]}}), (200, "ok")),
        (
            "a part of a scope",
            json!({"allowed_scopes": {"SS": ["credvend-api/rea", "read"]}}),
            (403, "insufficient_scope"),
        ),
        ("its network", json!({"source_cidrs": {"SS": ["10.0.0.0/8", "127.0.0.0/8"]}}), (200, "ok")),
        ("another network", json!({"source_cidrs": {"SS": ["10.0.0.0/8", "::1"]}}), (403, "source_not_allowed")),
        ("its issuer", json!({"issuer": {"S": ISSUER}}), (200, "ok")),
        ("another issuer", json!({"issuer": {"S": "https://idp.example.com"}}), (403, "client_not_registered")),
        ("a wrong type", bad_type, (500, "misconfigured")),
        ("no role", json!({"role_arn": {"S": ""}}), (500, "misconfigured")),
        ("an endless session", json!({"session_duration_seconds": {"N": "43200"}}), (500, "misconfigured")),
        ("expired, in milliseconds", json!({"expires_at": {"N": "1767225600000"}}), (500, "misconfigured")),
        (
            "to expire, in milliseconds",
            json!({"expires_at": {"N": (now() * 1000 + 1).to_string()}}),
            (500, "misconfigured"),
        ),
        (
            "to expire, in microseconds",
            json!({"expires_at": {"N": (now() * 1_000_000).to_string()}}),
            (500, "misconfigured"),
        ),
        ("after 2200", json!({"expires_at": {"N": "7258118401"}}), (500, "misconfigured")),
        ("in 2199", json!({"expires_at": {"N": "7258118399"}}), (200, "ok")),
        ("half a policy", json!({"session_policy": {"S": "{"}}), (500, "misconfigured")),
        ("an external id with a blank", json!({"external_id": {"S": "a b"}}), (500, "misconfigured")),
        (
            "a long policy",
            json!({"session_policy": {"S": format!("{{\"a\":\"{}\"}}", "x".repeat(2048))}}),
            (500, "misconfigured"),
        ),
        (
            "a prefix with a wildcard",
            json!({"session_policy": {"S": "s3-prefix"}, "s3_path_prefix": {"S": "logs/*/"}}),
            (500, "misconfigured"),
        ),
    ] {
        service.upstream.put_item(CLIENT_ID, item(CLIENT_ID, changes));
        let answer = service.vend(&token()).await;
        assert_eq!(answer.verdict(), verdict, "{name}: {}", answer.body);
    }
    service.upstream.delete_item(CLIENT_ID);
    assert_eq!(service.vend(&token()).await.verdict(), (403, "client_not_registered"));
}

/// An operator who corrects one attribute after the other would see a 500 for each.
#[tokio::test]
async fn every_fault_of_an_item_is_named_at_once() {
    let service = Service::start(Setup::default()).await;
    for (changes, named) in [
        (json!({"role_arn": {"S": "CANARY"}, "disabled": {"S": "CANARY"}}), vec!["role_arn", "disabled"]),
        (json!({"role_arn": {"N": "1"}, "s3_path_prefix": {"S": ""}}), vec!["role_arn", "s3_path_prefix"]),
        (
            json!({"session_policy": {"S": "CANARY"}, "external_id": {"S": "CANARY id"}, "issuer": {"BOOL": true},
                   "source_cidrs": {"SS": ["CANARY"]}}),
            vec!["session_policy", "external_id", "issuer", "source_cidrs"],
        ),
        (
            json!({"session_policy": {"S": "s3-prefix"}, "s3_path_prefix": {"S": "CANARY/*/"},
                   "expires_at": {"N": "1767225600000"}, "session_duration_seconds": {"N": "7200"}}),
            vec!["s3_path_prefix", "expires_at", "session_duration_seconds"],
        ),
    ] {
        service.upstream.put_item(CLIENT_ID, item(CLIENT_ID, changes));
        let answer = service.vend(&token()).await;
        assert_eq!(answer.verdict(), (500, "misconfigured"), "{}", answer.body);
        let description = answer.body["error_description"].as_str().unwrap_or_default();
        for name in named {
            assert!(description.contains(&format!("attribute `{name}` ")), "{name} is not in {description}");
        }
        assert!(!answer.body.to_string().contains("CANARY"), "{}", answer.body);
    }
}

#[tokio::test]
async fn attributes_reach_sts() {
    let changes = json!({
        "external_id": {"S": "an-external-id"}, "session_duration_seconds": {"N": "900"},
        "session_policy": {"S": "{\"Version\":\"2012-10-17\",\"Statement\":[]}"},
    });
    let service =
        Service::start(Setup { item: changes, environment: vec![("SESSION_IDENTITY", "name".to_owned())] }).await;
    let answer = service.vend(&token()).await;
    assert_eq!(answer.status, 200);
    assert!(answer.body.get("source_identity").is_none());
    let call = &assume_role_calls(&service.upstream)[0];
    assert_eq!(call["ExternalId"], "an-external-id");
    assert_eq!(call["DurationSeconds"], "900");
    assert_eq!(call["Policy"], "{\"Version\":\"2012-10-17\",\"Statement\":[]}");
    assert!(!call.contains_key("SourceIdentity") && !call.keys().any(|name| name.starts_with("Tags")));
    assert_eq!(
        service.vend_with(json!({"s3_path_prefix": "logs/server-01/x/"})).await.verdict(),
        (400, "invalid_request")
    );
}

#[tokio::test]
async fn requests_can_only_narrow() {
    let changes = json!({"s3_permissions": {"S": "read-write"}, "session_duration_seconds": {"N": "1800"}});
    let service = Service::start(Setup { item: changes, ..Setup::default() }).await;
    for (scope_down, status) in [
        (json!({"duration_seconds": 1800}), 200),
        (json!({"duration_seconds": 1801}), 400),
        (json!({"s3_permissions": "write"}), 200),
        (json!({"s3_permissions": "read-write"}), 200),
        (json!({"s3_permissions": "full"}), 400),
        (json!({"s3_path_prefix": "logs/server-01/"}), 200),
        (json!({"s3_path_prefix": "logs/server-01/app/"}), 200),
        (json!({"s3_path_prefix": "logs/server-01"}), 200),
        (json!({"s3_path_prefix": "logs/server-010/"}), 400),
        (json!({"s3_path_prefix": "logs/"}), 400),
        (json!({"s3_path_prefix": ""}), 400),
        (json!({"s3_path_prefix": "logs/server-01/../server-02/"}), 400),
        (json!({"s3_path_prefix": "logs/server-01//x/"}), 400),
        (json!({"s3_path_prefix": "logs/server-01/*"}), 400),
        (json!({"s3_path_prefix": "logs/server-01/${aws:username}/"}), 400),
        (json!({"s3_path_prefix": "logs/server-01/\u{0}/"}), 400),
        (json!({"s3_path_prefix": "logs/server-01/\u{65e5}/"}), 400),
        (json!({"s3_path_prefix": format!("logs/server-01/{}/", "x".repeat(3000))}), 400),
        // Nothing but the verified token selects an identity.
        (json!({"client_id": "other", "role_arn": "arn:aws:iam::123456789012:role/admin", "scope": "x"}), 200),
    ] {
        let answer = service.vend_with(scope_down.clone()).await;
        assert_eq!(answer.status, status, "{scope_down}: {}", answer.body);
    }
    let calls = assume_role_calls(&service.upstream);
    assert!(calls.iter().all(|call| call["RoleArn"].ends_with("role/credvend-server-01")));
}

/// The alarm on `misconfigured` is the operator's: no request may set it off.
#[tokio::test]
async fn the_caller_s_fault_is_the_caller_s() {
    let long = format!("logs/server-01/{}/", "x".repeat(470));
    let own_long = format!("logs/{}/", "y".repeat(640));
    let full = json!({"s3_permissions": {"S": "full"}});
    let s3_prefix = json!({"s3_permissions": {"S": "full"}, "session_policy": {"S": "s3-prefix"}});
    let too_long = json!({"s3_permissions": {"S": "full"}, "session_policy": {"S": "s3-prefix"},
                          "s3_path_prefix": {"S": own_long}});
    let wildcard = json!({"s3_permissions": {"S": "full"}, "s3_path_prefix": {"S": "logs/*/"}});
    let bucket = "b".repeat(63);
    for (name, changes, bucket, scope_down, verdict) in [
        ("a long prefix", &full, bucket.as_str(), json!({"s3_path_prefix": long}), (400, "invalid_request")),
        ("the same below a policy", &s3_prefix, &bucket, json!({"s3_path_prefix": long}), (400, "invalid_request")),
        ("a policy that fits", &s3_prefix, &bucket, json!({}), (200, "ok")),
        ("an item that never fits", &too_long, &bucket, json!({}), (500, "misconfigured")),
        ("not even narrowed", &too_long, &bucket, json!({"s3_permissions": "full"}), (500, "misconfigured")),
        ("no bucket to name", &full, "", json!({"s3_permissions": "write"}), (400, "invalid_request")),
        ("no bucket for the item", &s3_prefix, "", json!({}), (500, "misconfigured")),
        ("no bucket for either", &s3_prefix, "", json!({"s3_permissions": "write"}), (500, "misconfigured")),
        ("a prefix no policy takes", &wildcard, &bucket, json!({"s3_permissions": "write"}), (400, "invalid_request")),
        ("the same, not narrowed", &wildcard, &bucket, json!({}), (200, "ok")),
    ] {
        let environment = vec![("S3_BUCKET", bucket.to_owned())];
        let service = Service::start(Setup { item: changes.clone(), environment }).await;
        let answer = service.vend_with(scope_down.clone()).await;
        assert_eq!(answer.verdict(), verdict, "{name}: {}", answer.body);
        let description = answer.body["error_description"].as_str().unwrap_or_default();
        let member = scope_down.as_object().and_then(|members| members.keys().next());
        assert!(verdict.0 != 400 || member.is_some_and(|member| description.contains(member)), "{description}");
    }
}

#[tokio::test]
async fn a_session_policy_that_sts_refuses_is_blamed_on_who_asked_for_it() {
    let service =
        Service::start(Setup { item: json!({"session_policy": {"S": "s3-prefix"}}), ..Setup::default() }).await;
    for code in ["MalformedPolicyDocument", "PackedPolicyTooLarge"] {
        service.upstream.break_service(Upstream::Sts, Fault::Status(400, sts_error(code, "CANARY")));
        assert_eq!(service.vend(&token()).await.verdict(), (500, "misconfigured"), "{code}");
        let answer = service.vend_with(json!({"s3_path_prefix": "logs/server-01/app/"})).await;
        assert_eq!(answer.verdict(), (400, "invalid_request"), "{code}: {}", answer.body);
    }
}

#[tokio::test]
async fn an_inline_policy_that_sts_cannot_take_is_named() {
    let service = Service::start(Setup::default()).await;
    for character in ["\u{100}", "\u{20ac}", "\u{65e5}", "\u{1f600}", "\u{7}"] {
        let policy = json!({"session_policy": {"S": format!("{{\"Statement\":[],\"Id\":\"{character}\"}}")}});
        service.upstream.put_item(CLIENT_ID, item(CLIENT_ID, policy));
        let answer = service.vend(&token()).await;
        assert_eq!(answer.verdict(), (500, "misconfigured"), "{}", answer.body);
        assert!(answer.body["error_description"].as_str().unwrap().contains("`session_policy`"), "{}", answer.body);
    }
    let latin = json!({"session_policy": {"S": "{\"Statement\":[],\n\t\"Id\":\"\u{ff}\"}"}});
    service.upstream.put_item(CLIENT_ID, item(CLIENT_ID, latin));
    assert_eq!(service.vend(&token()).await.status, 200);
}

#[tokio::test]
async fn the_granted_prefix_is_a_session_tag() {
    let service = Service::start(Setup::default()).await;
    let odd = json!({"s3_path_prefix": {"S": "logs/(a)/"}});
    for (changes, scope_down, tag) in [
        (json!({}), json!({}), "logs/server-01"),
        (json!({}), json!({"s3_path_prefix": "logs/server-01/app/"}), "logs/server-01/app"),
        (json!({"s3_path_prefix": {"S": "logs/host=a/"}}), json!({}), "logs/host=a"),
        (odd, json!({}), "logs/_a_="),
    ] {
        service.upstream.put_item(CLIENT_ID, item(CLIENT_ID, changes));
        service.upstream.forget_requests();
        assert_eq!(service.vend_with(scope_down).await.status, 200);
        let call = assume_role_calls(&service.upstream).remove(0);
        assert_eq!(call["Tags.member.3.Key"], "s3_prefix");
        let value = &call["Tags.member.3.Value"];
        assert!(
            value == tag || (tag.ends_with("_=") && value.len() == tag.len() + 16 && value.starts_with(tag)),
            "{value}"
        );
    }
}

#[tokio::test]
async fn a_narrowed_session_has_a_policy_that_says_so() {
    let service = Service::start(Setup { item: json!({"s3_permissions": {"S": "full"}}), ..Setup::default() }).await;
    let answer =
        service.vend_with(json!({"s3_path_prefix": "logs/server-01/app/", "s3_permissions": "read-write"})).await;
    assert_eq!(answer.body["s3_path_prefix"], "logs/server-01/app/");
    let policy: Value = serde_json::from_str(&assume_role_calls(&service.upstream)[0]["Policy"]).unwrap();
    assert_eq!(policy["Statement"][0]["Resource"], "arn:aws:s3:::example-bucket/logs/server-01/app/*");
    let actions = policy["Statement"][0]["Action"].to_string();
    assert!(actions.contains("s3:GetObject") && !actions.contains("s3:DeleteObject"), "{actions}");
    assert!(!policy.to_string().contains("s3:ListBucket"));
}

#[tokio::test]
async fn scopes_stand_in_for_clients_without_an_item() {
    let service = Service::start(Setup::default()).await;
    service.upstream.delete_item(CLIENT_ID);
    let role = |name: &str| json!({"role_arn": {"S": format!("arn:aws:iam::123456789012:role/{name}")}});
    service.upstream.put_item("scope#credvend-api/read", item("scope#credvend-api/read", role("readers")));
    let answer = service.vend(&token()).await;
    assert_eq!(answer.body["role_arn"], "arn:aws:iam::123456789012:role/readers", "{}", answer.body);

    service.upstream.put_item("scope#credvend-api/write", item("scope#credvend-api/write", role("writers")));
    assert_eq!(service.vend(&token()).await.verdict(), (403, "client_not_registered"));
    service.upstream.put_item("scope#credvend-api/write", item("scope#credvend-api/write", role("readers")));
    assert_eq!(service.vend(&token()).await.status, 200);

    service.upstream.put_item(CLIENT_ID, item(CLIENT_ID, role("own")));
    assert_eq!(service.vend(&token()).await.body["role_arn"], "arn:aws:iam::123456789012:role/own");

    let disguised = "scope#credvend-api/read";
    let token = key().token(
        &cognito_claims(ISSUER, disguised)
            .as_object()
            .map(|claims| {
                let mut claims = claims.clone();
                claims.remove("scope");
                Value::Object(claims)
            })
            .unwrap(),
    );
    assert_eq!(service.vend(&token).await.verdict(), (403, "client_not_registered"));
}

#[tokio::test]
async fn required_scopes_are_whole_values() {
    let environment = vec![("REQUIRED_SCOPES", "credvend-api/write credvend-api/read".to_owned())];
    let service = Service::start(Setup { environment, ..Setup::default() }).await;
    assert_eq!(service.vend(&token()).await.status, 200);
    for scope in
        ["credvend-api/write", "credvend-api/write\tcredvend-api/read", "credvend-api/writecredvend-api/read", ""]
    {
        let answer = service.vend(&token_with(json!({"scope": scope}))).await;
        assert_eq!(answer.verdict(), (403, "insufficient_scope"), "{scope}");
        assert_eq!(answer.header("www-authenticate"), r#"Bearer error="insufficient_scope""#);
    }
}
