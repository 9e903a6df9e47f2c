use std::time::{Duration, Instant};

use serde_json::json;

use super::world::{Service, UNTIL_TOLD, World};

/// Without an end until a test gives one.
async fn endless(world: &World, marker: &str) {
    world.queue(json!({"match": marker, "result": false, "seconds": UNTIL_TOLD})).await;
}

/// 202 until it is done, then its rows.
pub async fn a_long_query_is_asked_about(world: &World, service: &Service) {
    let caller = world.caller_with("long", &["query.read"]).await;
    for wait_seconds in [0, 1] {
        endless(world, "asked_about").await;
        let query = "SELECT name AS asked_about FROM customers ORDER BY name";
        let response = service.post(&caller, json!({"query": query, "wait_seconds": wait_seconds})).await;
        assert_eq!(response.status, 202, "{}", response.body);
        assert_eq!(response.body["success"], true);
        let id = response.body["queryId"].as_str().unwrap().to_owned();
        assert!(matches!(response.body["state"].as_str(), Some("QUEUED" | "RUNNING")), "{}", response.body);
        let again = service.on_query("GET", &caller, &id).await;
        assert_eq!((again.status, &again.body["queryId"]), (202, &json!(id)), "{}", again.body);
        assert_eq!(world.query(&id).await["stops"], 0, "what outlives its request runs on");
        world.finish(&id).await;
        let done = service.on_query("GET", &caller, &id).await;
        assert_eq!(done.status, 200, "{}", done.body);
        assert_eq!(done.body["data"], json!([["asked_about"], ["Ada"], ["Grace"]]), "{}", done.body);
        assert_eq!((&done.body["queryExecutionId"], &done.body["query"]), (&json!(id), &json!(query)));
        let objects = service.on_query("GET", &caller, &format!("{id}?format=objects")).await;
        assert_eq!(objects.body["data"][0], json!({"asked_about": "Ada"}), "{}", objects.body);
    }
    // An end that is none of success, seen by GET.
    let failure = json!({"reason": "DIVISION_BY_ZERO: Division by zero"});
    world.queue(json!({"match": "fails_later", "seconds": UNTIL_TOLD, "failure": failure})).await;
    let body = json!({"query": "SELECT 1 AS fails_later", "wait_seconds": 0});
    let id = service.post(&caller, body).await.body["queryId"].as_str().unwrap().to_owned();
    world.finish(&id).await;
    let failed = service.on_query("GET", &caller, &id).await;
    assert_eq!((failed.verdict(), &failed.body["queryId"]), ((422, "query_failed"), &json!(id)), "{}", failed.body);
}

/// Another client's query, nobody's and a forged id: the same 403.
pub async fn a_query_belongs_to_one_client(world: &World, service: &Service) {
    let owner = world.caller_with("owner", &["query.read"]).await;
    let other = world.caller_with("not-owner", &["query.read"]).await;
    let admin = world.caller_with("admin-not-owner", &["query.admin"]).await;
    let done = service.query(&owner, "SELECT 1 AS owned").await;
    let done = done.body["queryExecutionId"].as_str().unwrap().to_owned();
    endless(world, "owned_and_running").await;
    let running = service.post(&owner, json!({"query": "SELECT 1 AS owned_and_running", "wait_seconds": 0})).await;
    let running = running.body["queryId"].as_str().unwrap().to_owned();
    let mut bodies = Vec::new();
    for caller in [&other, &admin] {
        for id in
            [done.as_str(), &running, "7d2e1c5a-0000-4000-8000-000000000000", "nobody", "..%2F..%2Fx", &"x".repeat(200)]
        {
            for method in ["GET", "DELETE"] {
                let response = service.on_query(method, caller, id).await;
                assert_eq!(response.verdict(), (403, "not_your_query"), "{method} {id}: {}", response.body);
                bodies.push(response.body["error_description"].clone());
            }
        }
    }
    // Nobody learns from the sentence which of them exist.
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert_eq!(world.query(&running).await["stops"], 0);
    assert_eq!(service.on_query("GET", &owner, &done).await.status, 200);
    assert_eq!(service.on_query("DELETE", &owner, &running).await.status, 200);
    for page in ["forged", "-1", "%00"] {
        let response = service.on_query("GET", &owner, &format!("{done}?page={page}")).await;
        assert_eq!(response.status, 400, "{page}: {}", response.body);
    }
}

pub async fn a_query_is_stopped(world: &World, service: &Service) {
    let caller = world.caller_with("stops", &["query.read"]).await;
    endless(world, "to_be_stopped").await;
    let response = service.post(&caller, json!({"query": "SELECT 1 AS to_be_stopped", "wait_seconds": 0})).await;
    let id = response.body["queryId"].as_str().unwrap().to_owned();
    let stopped = service.on_query("DELETE", &caller, &id).await;
    assert_eq!(stopped.status, 200, "{}", stopped.body);
    assert_eq!((&stopped.body["success"], &stopped.body["queryId"]), (&json!(true), &json!(id)));
    assert!(stopped.body["state"].is_string(), "{}", stopped.body);
    let seen = world.query(&id).await;
    assert_eq!((&seen["state"], &seen["stops"]), (&json!("CANCELLED"), &json!(1)), "{seen}");
    let after = service.on_query("GET", &caller, &id).await;
    assert_eq!((after.status, &after.body["success"]), (422, &json!(false)), "{}", after.body);
    // Stopping what has ended is no error, and nothing to stop.
    assert_eq!(service.on_query("DELETE", &caller, &id).await.status, 200);
}

/// The same key of the same client is the same query; another query under it is refused; another client's is its own.
pub async fn one_key_is_one_query(world: &World, service: &Service) {
    let caller = world.caller_with("keys", &["query.write"]).await;
    let other = world.caller_with("keys-too", &["query.write"]).await;
    world.queue(json!({"match": "one_key", "update_count": 1, "times": 5})).await;
    let insert = json!({"query": "INSERT INTO one_key SELECT 1", "idempotency_key": "order-4711"});
    let first = service.post(&caller, insert.clone()).await;
    let again = service.post(&caller, insert.clone()).await;
    assert_eq!((first.status, again.status), (200, 200), "{} {}", first.body, again.body);
    assert_eq!(first.body["queryExecutionId"], again.body["queryExecutionId"]);
    assert_eq!(world.queries_with("one_key").await.len(), 1);
    let foreign = service.post(&other, insert.clone()).await;
    assert_eq!(foreign.status, 200, "{}", foreign.body);
    assert_ne!(foreign.body["queryExecutionId"], first.body["queryExecutionId"]);
    let conflict = json!({"query": "INSERT INTO one_key SELECT 2", "idempotency_key": "order-4711"});
    assert_eq!(service.post(&caller, conflict).await.verdict(), (409, "idempotency_conflict"));
    // Without a key each request is a query of its own.
    for _ in 0..2 {
        assert_eq!(service.query(&caller, "INSERT INTO one_key SELECT 1").await.status, 200);
    }
    assert_eq!(world.queries_with("one_key").await.len(), 4);
}

/// Over plain HTTP the service sees its caller go, and nobody pays for rows that nobody reads.
pub async fn a_caller_that_goes_away_stops_its_query(world: &World, service: &Service) {
    let caller = world.caller_with("goes-away", &["query.read"]).await;
    endless(world, "left_alone").await;
    let request = service.request("POST", "/query-client-creds").bearer_auth(&caller.token);
    let body = json!({"query": "SELECT 1 AS left_alone"}).to_string();
    let request = tokio::spawn(request.header("content-type", "application/json").body(body).send());
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let queries = world.queries_with("left_alone").await;
        match queries.first() {
            Some(query) if query["stops"] != 0 => break,
            Some(_) => request.abort(),
            None => {}
        }
        assert!(Instant::now() < deadline, "{queries:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
