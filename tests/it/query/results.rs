use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::world::{Service, World};

/// The response of the deployments that there are, key by key; what is new stands beside it.
pub async fn the_kept_response_is_kept(world: &World, service: &Service) {
    let caller = world.caller_with("kept", &["query.read"]).await;
    let query = "SELECT id, customer, total, paid FROM orders ORDER BY id";
    let response = service.query(&caller, query).await;
    assert_eq!(response.status, 200, "{}", response.body);
    let body = &response.body;
    let keys: BTreeSet<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
    let kept =
        ["authMethod", "clientId", "data", "lfRole", "query", "queryExecutionId", "rowCount", "scopes", "success"];
    for key in kept.iter().chain(&["columns", "request_id", "scannedBytes"]) {
        assert!(keys.contains(key), "{key} is missing: {body}");
    }
    assert_eq!(body["success"], true);
    assert_eq!(body["authMethod"], "CLIENT_CREDENTIALS");
    assert_eq!(body["clientId"], caller.id);
    assert_eq!(body["scopes"], json!(["athena-api/query.read"]));
    assert_eq!(body["lfRole"], world.text("/dev_role_arn"));
    assert_eq!(body["query"], query);
    assert_eq!(body["rowCount"], 4, "the header row does not count");
    assert_eq!(
        body["data"],
        json!([
            ["id", "customer", "total", "paid"],
            ["1", "Ada", "12.5", "true"],
            ["2", "Grace", "99.0", "false"],
            ["3", "Ada", "1250000.75", "true"],
            ["4", "", "7.25", ""],
        ])
    );
    let types: Vec<&str> = body["columns"].as_array().unwrap().iter().map(|it| it["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["bigint", "varchar", "double", "boolean"]);
    assert!(body["scannedBytes"].as_u64().unwrap() > 0);
    assert!(body["nextPage"].is_null(), "{body}");
    assert_eq!(response.header("content-type"), "application/json");
    assert_eq!(response.header("cache-control"), "no-store");
    assert_eq!(response.header("x-request-id"), body["request_id"].as_str().unwrap());
    // Where Athena put it: the client's own folder below the location that is configured.
    let seen = world.query(body["queryExecutionId"].as_str().unwrap()).await;
    let folder = format!("{}client-creds-queries/{}/", world.text("/output"), caller.id);
    let file = seen["output"].as_str().unwrap().strip_prefix(&folder).unwrap();
    assert!(!file.contains('/'), "{seen}");
}

pub async fn objects_have_types_and_nulls(world: &World, service: &Service) {
    let caller = world.caller_with("objects", &["query.read"]).await;
    let types = [
        ("a", "tinyint", Some("-1"), json!(-1)),
        ("a", "smallint", Some("2"), json!(2)),
        ("c", "integer", Some("3"), json!(3)),
        ("whole", "bigint", Some("9007199254740992"), json!(9_007_199_254_740_992_i64)),
        ("too_large", "bigint", Some("9007199254740993"), json!("9007199254740993")),
        ("too_small", "bigint", Some("-9007199254740993"), json!("-9007199254740993")),
        ("f", "float", Some("1.5"), json!(1.5)),
        ("g", "double", Some("1.0E20"), json!(1e20)),
        ("not_finite", "double", Some("NaN"), Value::Null),
        ("h", "boolean", Some("true"), json!(true)),
        ("i", "decimal(10,2)", Some("12.30"), json!("12.30")),
        ("j", "varchar", Some(""), json!("")),
        ("k", "varchar", None, Value::Null),
        ("l", "date", Some("2026-01-02"), json!("2026-01-02")),
        ("m", "array", Some("[1, 2]"), json!("[1, 2]")),
        ("n", "integer", None, Value::Null),
        ("a", "varchar", Some("third"), json!("third")),
    ];
    let columns: Vec<Value> = types.iter().map(|(name, kind, ..)| json!({"name": name, "type": kind})).collect();
    let row: Vec<Value> = types.iter().map(|(_, _, text, _)| json!(text)).collect();
    world.queue(json!({"match": "all_types", "columns": columns, "rows": [row]})).await;
    let response = service.post(&caller, json!({"query": "SELECT * FROM all_types", "format": "objects"})).await;
    assert_eq!(response.status, 200, "{}", response.body);
    let names = [
        "a",
        "a_2",
        "c",
        "whole",
        "too_large",
        "too_small",
        "f",
        "g",
        "not_finite",
        "h",
        "i",
        "j",
        "k",
        "l",
        "m",
        "n",
        "a_3",
    ];
    let objects = response.body["data"].as_array().unwrap();
    assert_eq!(objects.len(), 1, "no header row among objects: {}", response.body);
    for (name, (_, kind, _, wanted)) in names.iter().zip(&types) {
        if *name == "not_finite" {
            // JSON has no such number: whatever stands for it, the column is there.
            assert!(objects[0].get(*name).is_some());
            continue;
        }
        assert_eq!(&objects[0][*name], wanted, "{name} {kind}");
    }
    assert_eq!(objects[0].as_object().unwrap().len(), types.len());
}

/// `SHOW` and `DESCRIBE` have no header row, and `DESCRIBE` one value in a row of three columns.
pub async fn statements_without_a_header_row_get_one(world: &World, service: &Service) {
    let caller = world.caller_with("shows", &["query.read"]).await;
    let shown = service.query(&caller, "SHOW TABLES").await;
    assert_eq!(shown.body["data"], json!([["tab_name"], ["customers"], ["orders"]]), "{}", shown.body);
    let objects = service.post(&caller, json!({"query": "SHOW TABLES", "format": "objects"})).await;
    assert_eq!(objects.body["data"], json!([{"tab_name": "customers"}, {"tab_name": "orders"}]), "{}", objects.body);

    let described = service.query(&caller, "DESCRIBE customers").await;
    let rows = described.body["data"].as_array().unwrap();
    assert_eq!(rows.len(), 3, "{}", described.body);
    assert!(rows[1][0].as_str().unwrap().starts_with("name"), "{}", described.body);

    // A first row that looks like a header row is a row.
    let order = json!({"match": "SHOW PARTITIONS", "columns": [{"name": "partition", "type": "string"}],
        "rows": [["partition"], ["day=1"]]});
    world.queue(order).await;
    let shown = service.query(&caller, "SHOW PARTITIONS orders").await;
    assert_eq!(shown.body["data"], json!([["partition"], ["partition"], ["day=1"]]), "{}", shown.body);
    let order = json!({"match": "lookalike", "columns": [{"name": "x", "type": "varchar"}], "rows": [["x"], ["y"]]});
    world.queue(order).await;
    let shown = service.query(&caller, "SELECT x FROM lookalike").await;
    assert_eq!(shown.body["data"], json!([["x"], ["x"], ["y"]]), "{}", shown.body);
}

/// 2,500 rows in both formats and in pages of several sizes: each row once, in order.
pub async fn no_row_is_lost_or_doubled(world: &World, service: &Service) {
    let caller = world.caller_with("pages", &["query.read"]).await;
    let rows: Vec<Value> = (0..2500).map(|number| json!([number.to_string(), "x"])).collect();
    let columns = json!([{"name": "n", "type": "integer"}, {"name": "x", "type": "varchar"}]);
    let order = json!({"match": "FROM many", "columns": columns, "rows": rows, "times": 6, "seconds": 0});
    world.queue(order).await;
    for (format, max_rows) in [
        ("rows", Some(1000)),
        ("rows", None),
        ("rows", Some(999)),
        ("objects", Some(1000)),
        ("objects", Some(7)),
        ("rows", Some(1)),
    ] {
        let small = max_rows.is_some_and(|rows| rows < 10);
        let mut body = json!({"query": "SELECT n, x FROM many", "format": format});
        if let Some(max_rows) = max_rows {
            body["max_rows"] = json!(max_rows);
        }
        let mut page = service.post(&caller, body).await;
        assert_eq!(page.status, 200, "{}", page.body);
        let id = page.body["queryExecutionId"].as_str().unwrap().to_owned();
        let mut numbers = Vec::new();
        for turn in 0.. {
            let mut data = page.body["data"].as_array().unwrap().clone();
            if format == "rows" && turn == 0 {
                assert_eq!(data.remove(0), json!(["n", "x"]));
            }
            assert!(data.len() <= max_rows.unwrap_or(1000), "{} rows for max_rows {max_rows:?}", data.len());
            assert_ne!(data, Vec::<Value>::new(), "an empty page before the end");
            numbers.extend(data.iter().map(|row| {
                let number = if format == "rows" { &row[0] } else { &row["n"] };
                number.as_u64().unwrap_or_else(|| number.as_str().unwrap().parse().unwrap())
            }));
            let Some(next) = page.body["nextPage"].as_str() else { break };
            if small && turn > 20 {
                // Enough to see that small pages follow each other.
                break;
            }
            page = service.on_query("GET", &caller, &format!("{id}?page={next}&format={format}")).await;
            assert_eq!(page.status, 200, "{}", page.body);
        }
        let expected: Vec<u64> = (0..if small { numbers.len() as u64 } else { 2500 }).collect();
        assert_eq!(numbers, expected, "{format} {max_rows:?}");
    }
}

/// 4 MiB as sent, and one row that is larger alone.
pub async fn a_page_ends_before_it_is_too_large(world: &World, service: &Service) {
    let caller = world.caller_with("large", &["query.read"]).await;
    let wide = "\u{e9}\"\\".repeat(30_000);
    let rows: Vec<Value> = (0..40).map(|number| json!([number.to_string(), wide])).collect();
    let columns = json!([{"name": "n", "type": "integer"}, {"name": "text", "type": "varchar"}]);
    world.queue(json!({"match": "FROM wide", "columns": columns, "rows": rows})).await;
    let mut page = service.query(&caller, "SELECT n, text FROM wide").await;
    let id = page.body["queryExecutionId"].as_str().unwrap_or_default().to_owned();
    let mut numbers = Vec::new();
    for turn in 0..40 {
        assert_eq!(page.status, 200, "{}", page.body["error"]);
        assert!(page.body.to_string().len() <= 4 << 20, "a page of {} bytes", page.body.to_string().len());
        let data = page.body["data"].as_array().unwrap();
        numbers.extend(data.iter().skip(usize::from(turn == 0)).map(|row| row[0].as_str().unwrap().to_owned()));
        let Some(next) = page.body["nextPage"].as_str() else { break };
        page = service.on_query("GET", &caller, &format!("{id}?page={next}")).await;
    }
    assert_eq!(numbers, (0..40).map(|number| number.to_string()).collect::<Vec<_>>());

    let order =
        json!({"match": "FROM giant", "columns": [{"name": "a", "type": "varchar"}], "rows": [["x".repeat(5 << 20)]]});
    world.queue(order).await;
    let response = service.query(&caller, "SELECT a FROM giant").await;
    assert_eq!(response.verdict(), (422, "row_too_large"));
    assert_eq!(response.body["success"], false);
    assert!(response.body["queryId"].is_string());
}
