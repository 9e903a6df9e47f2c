use serde_json::json;

use super::world::{Service, World};

/// Refused, slow, 500, throttled, garbage, half an answer: a code of the contract, in time, and the next request is fine.
pub async fn each_hop_fails_in_its_own_way(world: &World, service: &Service) {
    let caller = world.caller_with("faults", &["query.read"]).await;
    let before = "SELECT 1 AS warm_up";
    assert_eq!(service.query(&caller, before).await.status, 200);
    let unavailable = (503, "query_unavailable");
    for (api, fault, verdict) in [
        ("athena:StartQueryExecution", json!({"kind": "status", "status": 500}), unavailable),
        ("athena:StartQueryExecution", json!({"kind": "garbage"}), unavailable),
        ("athena:StartQueryExecution", json!({"kind": "cut"}), unavailable),
        (
            "athena:StartQueryExecution",
            json!({"kind": "status", "status": 400, "code": "TooManyRequestsException"}),
            (429, "too_many_queries"),
        ),
        (
            "athena:StartQueryExecution",
            json!({"kind": "status", "status": 400, "code": "AccessDeniedException"}),
            (403, "permission_denied"),
        ),
        ("athena:GetQueryExecution", json!({"kind": "status", "status": 500}), unavailable),
        ("athena:GetQueryExecution", json!({"kind": "garbage"}), unavailable),
        ("athena:GetQueryResults", json!({"kind": "status", "status": 500}), unavailable),
        ("athena:GetQueryResults", json!({"kind": "cut"}), unavailable),
    ] {
        let mut order = fault.clone();
        order["api"] = json!(api);
        world.fault(order).await;
        let response = service.query(&caller, "SELECT 1 AS broken").await;
        assert_eq!(response.verdict(), verdict, "{api} {fault}: {}", response.body);
        assert_eq!(response.body["success"], false);
        if verdict.0 == 503 {
            assert_eq!(response.body["retryable"], true, "{api} {fault}");
            assert!(!response.header("retry-after").is_empty(), "{api} {fault}");
        }
        if api != "athena:StartQueryExecution" {
            assert!(response.body["queryId"].is_string(), "every error after the start has it: {}", response.body);
        }
        world.clear_faults().await;
        let response = service.query(&caller, before).await;
        assert_eq!(response.status, 200, "after {api} {fault}: {}", response.body);
    }
    // Once throttled is not refused: the SDK's own retry, or ours.
    for api in ["athena:GetQueryExecution", "athena:GetQueryResults"] {
        world
            .fault(json!({"api": api, "kind": "status", "status": 400, "code": "ThrottlingException", "count": 1}))
            .await;
        let response = service.query(&caller, before).await;
        assert_eq!(response.status, 200, "{api}: {}", response.body);
    }
    // Athena's own limit.
    world.control("POST", "athena/limit", json!({"concurrent_queries": 0})).await;
    let response = service.query(&caller, before).await;
    assert_eq!(response.verdict(), (429, "too_many_queries"), "{}", response.body);
    assert!(!response.header("retry-after").is_empty());
    world.control("POST", "athena/limit", json!({"concurrent_queries": null})).await;
    sts_and_keys(world).await;
}

/// A fresh process: nothing of it is cached yet.
async fn sts_and_keys(world: &World) {
    for (api, fault, verdict) in [
        ("sts:AssumeRole", json!({"kind": "status", "status": 503}), (503, "sts_unavailable")),
        ("sts:AssumeRole", json!({"kind": "garbage"}), (503, "sts_unavailable")),
        ("jwks", json!({"kind": "status", "status": 500}), (503, "keys_unavailable")),
    ] {
        let mut order = fault.clone();
        order["api"] = json!(api);
        world.fault(order).await;
        let caller = world.caller_with(&format!("{api}-{}", fault["kind"]), &["query.read"]).await;
        let service = world.service(vec![]).await;
        let response = service.query(&caller, "SELECT 1").await;
        assert_eq!(response.verdict(), verdict, "{api} {fault}: {}", response.body);
        world.clear_faults().await;
    }
    let service =
        world.service(vec![("LF_DEV_ROLE_ARN", "arn:aws:iam::123456789012:role/credvend-gone".to_owned())]).await;
    let caller = world.caller_with("no-role", &["query.read"]).await;
    let response = service.query(&caller, "SELECT 1").await;
    assert_eq!(response.verdict(), (502, "role_not_assumable"), "{}", response.body);
}
