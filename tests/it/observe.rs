//! Observe mode: rules that are put on record and not enforced.

use serde_json::{Value, json};
use tests::token::{cognito_claims, now};
use tests::upstream::{Fault, Service as Upstream, item, sts_error};

use crate::service::{CLIENT_ID, ISSUER, Service, Setup, environment, key, start_process, token, token_with, upstream};

/// Attribute, a value that refuses the test's client, and the code of that refusal.
fn refusals() -> [(&'static str, Value, &'static str); 3] {
    [
        ("source_cidrs", json!({"SS": ["10.0.0.0/8"]}), "source_not_allowed"),
        ("allowed_scopes", json!({"SS": ["credvend-api/admin"]}), "insufficient_scope"),
        ("expires_at", json!({"N": (now() - 60).to_string()}), "client_expired"),
    ]
}

fn rules(observed: &Value) -> Vec<&str> {
    let rules = observed.as_array().map(Vec::as_slice).unwrap_or_default();
    rules.iter().filter_map(|denial| denial["rule"].as_str()).collect()
}

#[tokio::test]
async fn an_observed_rule_is_on_record_and_not_enforced() {
    let service = Service::start(Setup::default()).await;
    for (rule, value, code) in refusals() {
        service.upstream.put_item(CLIENT_ID, item(CLIENT_ID, json!({rule: value})));
        assert_eq!(service.vend(&token()).await.verdict(), (403, code));
        let observed = json!({rule: value, "observe": {"SS": [rule]}});
        service.upstream.put_item(CLIENT_ID, item(CLIENT_ID, observed.clone()));
        let answer = service.vend(&token()).await;
        assert_eq!(answer.verdict(), (200, "ok"), "{rule}: {}", answer.body);
        assert_eq!(answer.body["s3_path_prefix"], "logs/server-01/");

        // What is not observed is enforced, and so is what cannot be observed.
        for (other, value, code) in refusals().into_iter().filter(|(other, ..)| *other != rule) {
            let mut both = observed.clone();
            both[other] = value;
            service.upstream.put_item(CLIENT_ID, item(CLIENT_ID, both));
            assert_eq!(service.vend(&token()).await.verdict(), (403, code), "{rule} is observed, and {other} is not");
        }
        let mut disabled = observed.clone();
        disabled["disabled"] = json!({"BOOL": true});
        service.upstream.put_item(CLIENT_ID, item(CLIENT_ID, disabled));
        assert_eq!(service.vend(&token()).await.verdict(), (403, "client_disabled"));
        let mut another_s = observed;
        another_s["issuer"] = json!({"S": "https://idp.example.com"});
        service.upstream.put_item(CLIENT_ID, item(CLIENT_ID, another_s));
        assert_eq!(service.vend(&token()).await.verdict(), (403, "client_not_registered"));
        assert_eq!(service.vend(&token_with(json!({"exp": now() - 60}))).await.verdict(), (401, "invalid_token"));
    }
    let lines = service.audit().await;
    let allowed: Vec<_> = lines.iter().filter(|line| line["decision"] == "allow").collect();
    assert_eq!(allowed.len(), 3);
    for (line, (rule, _, code)) in allowed.into_iter().zip(refusals()) {
        let observed = &line["observed"];
        assert_eq!((observed[0]["rule"].as_str(), observed[0]["code"].as_str()), (Some(rule), Some(code)), "{line}");
        assert!(observed[0]["reason"].as_str().is_some_and(|reason| !reason.is_empty()) && observed[1].is_null());
        assert_eq!((&line["ObservedDenials"], &line["Vends"], &line["code"]), (&1.into(), &1.into(), &"ok".into()));
        assert!(line["_aws"].to_string().contains(r#"{"Name":"ObservedDenials","Unit":"Count"}"#), "{line}");
    }
    assert!(lines.iter().all(|line| line["decision"] == "allow" || line.get("observed").is_none()));
}

#[tokio::test]
async fn what_would_have_been_allowed_leaves_no_trace() {
    let observing = json!({
        "source_cidrs": {"SS": ["127.0.0.0/8"]}, "allowed_scopes": {"SS": ["credvend-api/read"]},
        "expires_at": {"N": (now() + 600).to_string()},
        "observe": {"SS": ["source_cidrs", "allowed_scopes", "expires_at"]},
    });
    let service = Service::start(Setup { item: observing, ..Setup::default() }).await;
    assert_eq!(service.vend(&token()).await.status, 200);
    // All three at once, and a session that STS refuses: what was observed is on record all the same.
    let mut broken = json!({"observe": {"SS": ["source_cidrs", "allowed_scopes", "expires_at"]}});
    for (rule, value, _) in refusals() {
        broken[rule] = value;
    }
    service.upstream.put_item(CLIENT_ID, item(CLIENT_ID, broken));
    assert_eq!(service.vend(&token()).await.status, 200);
    service.upstream.break_service(Upstream::Sts, Fault::Status(403, sts_error("AccessDenied", "CANARY")));
    assert_eq!(service.vend(&token()).await.status, 502);
    let lines = service.audit().await;
    assert!(lines[0].get("observed").is_none() && lines[0].get("ObservedDenials").is_none(), "{}", lines[0]);
    for line in &lines[1..] {
        assert_eq!(rules(&line["observed"]), ["expires_at", "source_cidrs", "allowed_scopes"], "{line}");
        assert_eq!(line["ObservedDenials"], 3);
    }
}

/// A value that is not understood refuses everybody, whether the rule would have or not.
#[tokio::test]
async fn a_mistyped_observe_is_misconfigured() {
    let service = Service::start(Setup::default()).await;
    for observe in [
        json!({"S": "source_cidrs"}),
        json!({"BOOL": true}),
        json!({"NULL": true}),
        json!({"L": [{"S": "source_cidrs"}]}),
        json!({"M": {"source_cidrs": {"BOOL": true}}}),
        json!({"SS": ["source_cidr"]}),
        json!({"SS": ["source_cidrs", "SOURCE_CIDRS"]}),
        json!({"SS": ["disabled"]}),
        json!({"SS": ["issuer"]}),
        json!({"SS": ["required_scopes"]}),
        json!({"SS": ["*"]}),
    ] {
        service.upstream.put_item(CLIENT_ID, item(CLIENT_ID, json!({"observe": observe})));
        let answer = service.vend(&token()).await;
        assert_eq!(answer.verdict(), (500, "misconfigured"), "{observe}: {}", answer.body);
        assert!(answer.body["error_description"].as_str().unwrap().contains("`observe`"), "{}", answer.body);
    }
}

#[tokio::test]
async fn the_environment_names_items() {
    let (rule, value, code) = refusals()[0].clone();
    let named = json!({rule: [CLIENT_ID, "scope#credvend-api/write"]}).to_string();
    let setup = Setup { item: json!({rule: value}), environment: vec![("OBSERVE_RULES", named)] };
    let service = Service::start(setup).await;
    assert_eq!(service.vend(&token()).await.status, 200);
    let (scope_rule, scopes, scope_code) = refusals()[1].clone();
    service.upstream.put_item(CLIENT_ID, item(CLIENT_ID, json!({scope_rule: scopes})));
    assert_eq!(service.vend(&token()).await.verdict(), (403, scope_code), "another rule of the same item");

    service.upstream.put_item("other", item("other", json!({rule: value})));
    let other = key().token(&cognito_claims(ISSUER, "other"));
    assert_eq!(service.vend(&other).await.verdict(), (403, code), "another item");
    service.upstream.delete_item("other");
    let by_scope = |scope: &str| item(scope, json!({rule: value}));
    service.upstream.put_item("scope#credvend-api/write", by_scope("scope#credvend-api/write"));
    assert_eq!(service.vend(&other).await.status, 200, "the item of a scope");
    let lines = service.audit().await;
    let observed: Vec<_> = lines.iter().map(|line| rules(&line["observed"])).collect();
    assert_eq!(observed, [vec![rule], vec![], vec![], vec![rule]]);
}

#[tokio::test]
async fn a_variable_that_is_not_understood_fails_the_start() {
    let upstream = upstream(json!({})).await;
    for value in ["source_cidrs", "{\"source_cidr\":[\"a\"]}", "{\"disabled\":[\"a\"]}", "{\"source_cidrs\":[]}"] {
        let mut variables = environment(&upstream);
        variables.push(("OBSERVE_RULES", value.to_owned()));
        let mut process = start_process(&variables);
        assert_eq!(process.exit_code().await, Some(1), "{value}");
        assert!(process.output().contains("OBSERVE_RULES: "), "{value}: {}", process.output());
    }
}

#[tokio::test]
async fn an_explanation_shows_what_would_have_been_refused() {
    let (rule, value, code) = refusals()[0].clone();
    let item = json!({rule: value, "observe": {"SS": [rule]}});
    let service = Service::start(Setup { item, ..Setup::default() }).await;
    let answer = service.send(service.request("POST", "/explain").bearer_auth(token())).await;
    assert_eq!((answer.status, &answer.body["decision"]), (200, &"allow".into()), "{}", answer.body);
    let reason = answer.body["reason"].as_str().unwrap();
    assert!(reason.contains(rule) && !reason.contains("every rule is met"), "{reason}");
    let steps = answer.body["steps"].as_array().unwrap();
    let authorize = steps.iter().find(|step| step["step"] == "authorize").unwrap();
    assert_eq!(authorize["detail"]["observed"][0]["code"], code, "{authorize}");
    // Nothing was vended, so nothing counts.
    let lines = service.audit().await;
    assert_eq!(rules(&lines[0]["observed"]), [rule]);
    assert!(lines[0].get("ObservedDenials").is_none(), "{}", lines[0]);
}
