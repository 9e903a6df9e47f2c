use serde_json::{Value, json};

use super::world::{Service, World};

/// One line a decision, with what a query is, and its text nowhere.
pub async fn a_line_for_every_query_and_its_text_in_none(world: &World, service: Service) {
    let reader = world.caller_with("audited", &["query.read"]).await;
    let query = "SELECT 'CANARY-literal' AS audited, id FROM orders";
    let allowed = service.query(&reader, query).await;
    let id = allowed.body["queryExecutionId"].as_str().unwrap().to_owned();
    let refused = service.query(&reader, "DELETE FROM orders WHERE customer = 'CANARY-refused'").await;
    assert_eq!(refused.verdict(), (403, "statement_not_allowed"));
    let denied = service.query(&reader, "SELECT 'CANARY-denied' AS audited FROM salaries").await;
    assert_eq!(denied.verdict(), (403, "permission_denied"));
    let unparsable = service.query(&reader, "CANARY unparsable").await;
    assert_eq!(unparsable.verdict().0, 400);

    let ids: Vec<Value> = [&allowed, &refused, &denied].map(|response| response.body["request_id"].clone()).to_vec();
    let (output, lines) = service.records().await;
    assert!(!output.contains("CANARY"), "{output}");
    assert!(!output.contains(&reader.token), "a token is in the log");
    let line = |index: usize| {
        let found: Vec<_> = lines.iter().filter(|line| line["request_id"] == ids[index]).collect();
        assert_eq!(found.len(), 1, "one line a decision: {found:?}");
        found[0].clone()
    };
    let line_0 = line(0);
    assert_eq!((&line_0["decision"], &line_0["client_id"]), (&json!("allow"), &json!(reader.id)));
    assert_eq!(line_0["role_arn"], world.text("/dev_role_arn"));
    assert_eq!((&line_0["kind"], &line_0["query_id"]), (&json!("select"), &json!(id)), "{line_0}");
    assert_eq!(line_0["query_sha256"], sha256(query));
    assert!(line_0["scanned_bytes"].as_u64().unwrap() > 0, "{line_0}");
    for (line, code) in [(line(1), "statement_not_allowed"), (line(2), "permission_denied")] {
        assert_eq!((&line["decision"], &line["code"]), (&json!("deny"), &json!(code)), "{line}");
        assert!(line["_aws"]["CloudWatchMetrics"].is_array(), "{line}");
    }
    let metrics = line_0["_aws"]["CloudWatchMetrics"].to_string();
    for metric in ["LatencyMs", "Bytes"] {
        assert!(metrics.contains(metric), "{metric}: {metrics}");
    }
}

/// A rule of the item that is observed refuses no query, and its line says what it would have said.
pub async fn an_observed_rule_is_on_record(world: &World, _: &Service) {
    let service = world.service_with_table().await;
    let item = json!({"source_cidrs": ["203.0.113.0/24"], "observe": ["source_cidrs"]});
    let order = json!({"name": "on-trial", "scopes": ["query.read"], "role": "super", "item": item});
    let tried = world.caller(order).await;
    let response = service.query(&tried, "SELECT name FROM salaries ORDER BY name").await;
    assert_eq!(response.status, 200, "{}", response.body);
    let (_, lines) = service.records().await;
    let line = lines.iter().find(|line| line["client_id"] == tried.id.as_str()).unwrap();
    assert_eq!((&line["observed"][0]["rule"], &line["ObservedDenials"]), (&json!("source_cidrs"), &json!(1)), "{line}");
}

fn sha256(text: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    // Its `Debug` is "SHA256:" and lower-case hexadecimal digits.
    let shown = format!("{digest:?}");
    shown.rsplit(':').next().expect("split yields at least one part").to_owned()
}
