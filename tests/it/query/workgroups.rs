use serde_json::{Value, json};

use super::world::{Service, World};

async fn work_group(world: &World, name: &str, readable: bool, configuration: Value) {
    let order = json!({"name": name, "configuration": configuration, "readable": readable});
    world.control("POST", "query-workgroups", order).await;
}

pub async fn a_workgroup_that_puts_results_elsewhere_fails_the_start(world: &World, _: &Service) {
    let location = json!({"OutputLocation": world.text("/output")});
    let enforced = json!({"EnforceWorkGroupConfiguration": true, "ResultConfiguration": location});
    work_group(world, "enforced", true, enforced).await;
    work_group(
        world,
        "managed",
        true,
        json!({"EnforceWorkGroupConfiguration": true, "ManagedQueryResultsConfiguration": {"Enabled": true}}),
    )
    .await;
    for name in ["enforced", "managed"] {
        let output = world.failed_start(vec![("ATHENA_WORKGROUP", name.to_owned())]).await;
        assert!(output.contains("ATHENA_WORKGROUP") || output.contains(name), "{output}");
    }
}

/// Where GetWorkGroup is not allowed, the result's place is looked at for each query.
pub async fn a_workgroup_that_cannot_be_read_is_watched(world: &World, _: &Service) {
    let location = json!({"OutputLocation": world.text("/output")});
    let enforced = json!({"EnforceWorkGroupConfiguration": true, "ResultConfiguration": location});
    work_group(world, "unreadable", false, enforced).await;
    let mut service = world.service(vec![("ATHENA_WORKGROUP", "unreadable".to_owned())]).await;
    service.process.wait_for("athena:GetWorkGroup").await;
    let caller = world.caller_with("watched", &["query.write"]).await;
    let response = service.query(&caller, "SELECT 1 AS watched").await;
    assert_eq!(response.verdict(), (500, "misconfigured"), "{}", response.body);
    let queries = world.queries_with("watched").await;
    assert!(queries.iter().all(|query| query["stops"] != 0 || query["state"] == "SUCCEEDED"), "{queries:?}");
    let id = response.body["queryId"].as_str().unwrap();
    assert_eq!(service.on_query("GET", &caller, id).await.verdict(), (403, "not_your_query"));
}

pub async fn a_scan_over_the_limit_fails_the_query(world: &World, service: &Service) {
    let caller = world.caller(json!({"name": "scans", "role": "dev"})).await;
    let columns = json!([{"name": "a", "type": "integer"}]);
    world.queue(json!({"match": "FROM ocean", "columns": columns, "rows": [["1"]], "scanned_bytes": 10_000_001})).await;
    let response = service.query(&caller, "SELECT a FROM ocean").await;
    assert_eq!(response.verdict(), (422, "query_failed"), "{}", response.body);
    let text = response.body["error_description"].as_str().unwrap();
    assert!(text.contains("Bytes scanned limit was exceeded"), "{text}");
}
