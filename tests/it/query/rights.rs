use serde_json::json;

use super::world::{Service, World};

/// Scopes × kinds of statements: what is refused never reaches Athena.
pub async fn scopes_decide_the_statement(world: &World, service: &Service) {
    let reader = world.caller_with("scopes-reader", &["query.read"]).await;
    let writer = world.caller_with("scopes-writer", &["query.write"]).await;
    let admin = world.caller_with("scopes-admin", &["query.admin"]).await;
    // What each statement needs: 0 read, 1 write, 2 admin, 3 nobody may.
    let statements = [
        (0, "SELECT 1 AS one"),
        (0, "WITH a AS (SELECT 1 AS b) SELECT b FROM a"),
        (0, "VALUES (1, 1)"),
        (0, "TABLE sales.orders"),
        (0, "SHOW TABLES IN sales"),
        (0, "DESCRIBE sales.orders"),
        (0, "EXPLAIN SELECT 1"),
        (1, "INSERT INTO marker_scopes SELECT 1"),
        (1, "CREATE TABLE marker_scopes AS SELECT 1 AS one"),
        (1, "UNLOAD (SELECT 1 AS marker_scopes) TO 's3://credvend-query-results/results/x/' WITH (format = 'PARQUET')"),
        (1, "DELETE FROM marker_scopes WHERE false"),
        (1, "UPDATE marker_scopes SET one = 2"),
        (1, "EXPLAIN ANALYZE SELECT 'marker_scopes'"),
        (2, "DROP TABLE marker_scopes"),
        (2, "CREATE EXTERNAL TABLE marker_scopes (a int) LOCATION 's3://credvend-query-results/data/'"),
        (2, "MSCK REPAIR TABLE marker_scopes"),
        (2, "ALTER TABLE marker_scopes ADD COLUMNS (b int)"),
        (3, "PREPARE marker_scopes FROM SELECT 1"),
        (3, "EXECUTE marker_scopes"),
        (3, "CALL marker_scopes()"),
    ];
    // Results for those that the engine does not run.
    for text in ["UNLOAD", "CREATE EXTERNAL", "MSCK", "ALTER TABLE", "marker_scopes"] {
        world.queue(json!({"match": text, "seconds": 0, "times": 20})).await;
    }
    for (level, statement) in statements {
        for (rank, caller) in [(0, &reader), (1, &writer), (2, &admin)] {
            let before = started(world, statement).await;
            let response = service.query(caller, statement).await;
            let more = started(world, statement).await - before;
            if rank >= level {
                assert_eq!(response.status, 200, "{statement} by {rank}: {}", response.body);
                assert_eq!(more, 1, "{statement} by {rank}");
                let role = if rank == 0 { "/dev_role_arn" } else { "/super_role_arn" };
                assert_eq!(response.body["lfRole"], world.text(role), "{statement} by {rank}");
            } else {
                assert_eq!(
                    response.verdict(),
                    (403, "statement_not_allowed"),
                    "{statement} by {rank}: {}",
                    response.body
                );
                assert_eq!(response.body["success"], false);
                assert_eq!(more, 0, "{statement} by {rank} reached Athena");
            }
        }
    }
}

/// How often Athena was given exactly this text.
async fn started(world: &World, statement: &str) -> usize {
    world.queries_with(statement).await.iter().filter(|query| query["query"] == statement).count()
}

/// What the role lacks is 403 and says neither ARN nor place.
pub async fn lake_formation_has_a_word_of_its_own(world: &World, service: &Service) {
    let reader = world.caller_with("lf-reader", &["query.read"]).await;
    let writer = world.caller_with("lf-writer", &["query.write"]).await;
    let salaries = "SELECT name, amount FROM salaries ORDER BY name";
    let allowed = service.query(&writer, salaries).await;
    assert_eq!(allowed.body["data"][1], json!(["Ada", "90000"]), "{}", allowed.body);
    for query in [
        salaries,
        "SELECT (SELECT max(amount) FROM salaries) AS m FROM orders",
        "SELECT email FROM customers",
        "DESCRIBE salaries",
    ] {
        let response = service.query(&reader, query).await;
        assert_eq!(response.verdict(), (403, "permission_denied"), "{query}: {}", response.body);
        assert!(response.body["queryId"].is_string(), "{}", response.body);
        assert_eq!((&response.body["success"], &response.body["retryable"]), (&json!(false), &json!(false)));
        let text = response.body.to_string();
        assert!(!text.contains("arn:aws") && !text.contains("s3://"), "{text}");
    }
    for (reason, verdict) in [
        // Athena's other ways to say it.
        (
            "Insufficient permissions to execute the query. Principal does not have any privilege on specified resource",
            (403, "permission_denied"),
        ),
        (
            "Insufficient permissions to execute the query. Insufficient Lake Formation permission(s) on orders",
            (403, "permission_denied"),
        ),
        (
            "User: arn:aws:sts::123456789012:assumed-role/x/y is not authorized to perform: glue:GetTable on resource: arn:aws:glue:eu-west-1:123456789012:table/a/b",
            (403, "permission_denied"),
        ),
        // What is the caller's or Athena's fault is not Lake Formation's.
        ("DIVISION_BY_ZERO: Division by zero", (422, "query_failed")),
        ("HIVE_CURSOR_ERROR: s3://credvend-query-results/data/x.parquet is no Parquet file", (422, "query_failed")),
        ("TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.sales.a' does not exist", (422, "query_failed")),
    ] {
        world.queue(json!({"match": "lf_reasons", "failure": {"reason": reason}})).await;
        let response = service.query(&reader, "SELECT 1 AS lf_reasons").await;
        assert_eq!(response.verdict(), verdict, "{reason}: {}", response.body);
        let text = response.body.to_string();
        assert!(!text.contains("arn:aws") && !text.contains("s3://"), "{text}");
    }
}

pub async fn tokens_that_are_none(world: &World, service: &Service) {
    let caller = world.caller_with("tokens", &["query.read"]).await;
    let (body, signature) = caller.token.rsplit_once('.').unwrap();
    let forged: String = signature.chars().rev().collect();
    for token in [format!("{body}.{forged}"), "x".to_owned(), format!("{body}.")] {
        let response = service.post_with(&token, json!({"query": "SELECT 1 AS token_marker"})).await;
        assert_eq!(response.verdict(), (401, "invalid_token"), "{}", response.body);
        assert!(response.header("www-authenticate").starts_with("Bearer error="));
        assert_eq!(response.body["success"], false);
    }
    let request = service.request("POST", "/query-client-creds").header("content-type", "application/json");
    let response = service.send(request.body(json!({"query": "SELECT 1 AS token_marker"}).to_string())).await;
    assert_eq!(response.body["success"], false);
    assert!(matches!(response.verdict(), (400, "invalid_request") | (401, "invalid_token")), "{}", response.body);
    assert_eq!(world.queries_with("token_marker").await.len(), 0);
    // A client of the pool without any of the three scopes: no role, and no query.
    let stranger = world.control("POST", "servers", json!({"server_name": "web-01"})).await;
    let token = {
        let http = crate::service::client();
        let request = http.post(world.text("/token_endpoint"));
        let request = request.basic_auth(stranger["client_id"].as_str().unwrap(), stranger["client_secret"].as_str());
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let response = request.body("grant_type=client_credentials").send().await.unwrap();
        let body: serde_json::Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        body["access_token"].as_str().unwrap().to_owned()
    };
    let response = service.post_with(&token, json!({"query": "SELECT 1"})).await;
    assert_eq!(response.status, 403, "{}", response.body);
    assert!(matches!(response.verdict().1, "insufficient_scope" | "client_not_registered"), "{}", response.body);
}

pub async fn requests_that_are_none(world: &World, service: &Service) {
    let caller = world.caller_with("requests", &["query.admin"]).await;
    for (body, verdict) in [
        (json!({}), "invalid_query"),
        (json!({"query": ""}), "invalid_query"),
        (json!({"query": 1}), "invalid_query"),
        (json!({"query": "SELECT 1; SELECT 2"}), "invalid_query"),
        (json!({"query": "GIVE me all"}), "invalid_query"),
        (json!({"query": "SELECT 1\u{0}"}), "invalid_query"),
        (json!({"query": "SELECT 1 /* a /* b */ */"}), "invalid_query"),
        (json!({"query": "SELECT 1 -- a\rDROP TABLE orders"}), "invalid_query"),
        (json!({"query": format!("SELECT {}1{}", "(".repeat(10_000), ")".repeat(10_000))}), "invalid_query"),
        (json!({"query": "SELECT 1", "max_rows": 0}), "invalid_query"),
        (json!({"query": "SELECT 1", "max_rows": 1001}), "invalid_query"),
        (json!({"query": "SELECT 1", "format": "xml"}), "invalid_query"),
        (json!({"query": "SELECT 1", "wait_seconds": 26}), "invalid_query"),
        (json!({"query": "SELECT 1", "wait_seconds": -1}), "invalid_query"),
        (json!({"query": "SELECT 1", "idempotency_key": ""}), "invalid_query"),
        (json!({"query": "SELECT 1", "idempotency_key": "k".repeat(129)}), "invalid_query"),
    ] {
        let response = service.post(&caller, body.clone()).await;
        let (status, code) = response.verdict();
        let text: String = body.to_string().chars().take(80).collect();
        assert!(status == 400 && (code == verdict || code == "invalid_request"), "{text}: {}", response.body);
        assert_eq!(response.body["success"], false, "{text}");
    }
    let long = service.post(&caller, json!({"query": format!("SELECT '{}'", "x".repeat(256 << 10))})).await;
    assert!(matches!(long.status, 400 | 413), "{}", long.body);
    let huge = service.post(&caller, json!({"query": "SELECT 1", "x": "y".repeat(1_600_000)})).await;
    assert_eq!(huge.verdict(), (413, "request_too_large"));
}

/// The client's own item decides the role; the scopes still decide the statement.
pub async fn an_item_comes_before_the_variables(world: &World, service: &Service) {
    let order = json!({"name": "own-role", "scopes": ["query.read"], "role": "super"});
    let mapped = world.caller(order).await;
    let response = service.query(&mapped, "SELECT name FROM salaries ORDER BY name").await;
    assert_eq!((response.status, &response.body["lfRole"]), (200, &json!(mapped.role_arn)), "{}", response.body);
    let refused = service.query(&mapped, "CREATE TABLE mine AS SELECT 1 AS a").await;
    assert_eq!(refused.verdict(), (403, "statement_not_allowed"), "{}", refused.body);

    for (item, verdict) in [
        (json!({"disabled": true}), (403, "client_disabled")),
        (json!({"expires_at": 1_000_000}), (403, "client_expired")),
        (json!({"source_cidrs": ["203.0.113.0/24"]}), (403, "source_not_allowed")),
        (json!({"session_policy": "s3-prefix"}), (500, "misconfigured")),
        (json!({"role_arn": "no-arn"}), (500, "misconfigured")),
    ] {
        let name = format!("item-{}", item.as_object().unwrap().keys().next().unwrap());
        let caller = world.caller(json!({"name": name, "role": "dev", "item": item})).await;
        let response = service.query(&caller, "SELECT 1").await;
        assert_eq!(response.verdict(), verdict, "{name}: {}", response.body);
        assert_eq!(response.body["success"], false);
    }
    // Nobody's item: the variables, whose roles take no session with tags.
    let plain = world.caller_with("no-item", &["query.read"]).await;
    let response = service.query(&plain, "SELECT 1").await;
    assert_eq!(response.verdict(), (502, "role_not_assumable"), "{}", response.body);
    let table = world.text("/table").to_owned();
    let named = world.service(vec![("ROLE_MAPPINGS_TABLE", table), ("SESSION_IDENTITY", "name".to_owned())]).await;
    let response = named.query(&plain, "SELECT 1").await;
    assert_eq!(response.status, 200, "{}", response.body);
    assert_eq!(response.body["lfRole"], world.text("/dev_role_arn"));
}

/// An item without one of the three scopes in the token is worth nothing.
pub async fn an_item_gives_no_scope(world: &World, service: &Service) {
    let order = json!({"name": "scopeless", "scopes": ["query.read"], "role": "super",
        "item": {"allowed_scopes": ["athena-api/query.admin"]}});
    let caller = world.caller(order).await;
    let response = service.query(&caller, "SELECT 1").await;
    assert_eq!(response.verdict(), (403, "insufficient_scope"), "{}", response.body);
}
