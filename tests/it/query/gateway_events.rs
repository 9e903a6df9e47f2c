use serde_json::{Value, json};

use super::world::{Service, World};

fn event(method: &str, path: &str, query: &str, token: &str, body: Option<&Value>) -> Value {
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query,
        "headers": {"authorization": format!("Bearer {token}"), "content-type": "application/json"},
        "requestContext": {
            "accountId": "123456789012", "apiId": "api", "domainName": "api.execute-api.eu-west-1.amazonaws.com",
            "domainPrefix": "api", "requestId": "id", "routeKey": "$default", "stage": "$default",
            "time": "01/Jan/2026:00:00:00 +0000", "timeEpoch": 1_767_225_600_000_u64,
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.9", "userAgent": "x"},
        },
        "body": body.map(Value::to_string), "isBase64Encoded": false,
    })
}

fn body(response: &Value) -> Value {
    serde_json::from_str(response["body"].as_str().expect("a text body")).expect("a JSON body")
}

/// POST, GET and DELETE as API Gateway sends them, and a page that fits into a Lambda's answer.
pub async fn the_same_through_a_lambda(world: &World, _: &Service) {
    let (_process, runtime) = world.function().await;
    let caller = world.caller_with("lambda", &["query.read"]).await;
    let path = "/query-client-creds";
    let request = json!({"query": "SELECT name AS via_lambda FROM customers ORDER BY name"});
    let response = runtime.invoke_json(&event("POST", path, "", &caller.token, Some(&request))).await;
    assert_eq!(response["statusCode"], 200, "{response}");
    assert_eq!(body(&response)["data"], json!([["via_lambda"], ["Ada"], ["Grace"]]));

    let wide = "\"\\\u{7f}".repeat(20_000);
    let rows: Vec<Value> = (0..60).map(|number| json!([number.to_string(), wide])).collect();
    let columns = json!([{"name": "n", "type": "integer"}, {"name": "text", "type": "varchar"}]);
    world.queue(json!({"match": "FROM lambda_wide", "columns": columns, "rows": rows})).await;
    let request = json!({"query": "SELECT n, text FROM lambda_wide"});
    let mut response = runtime.invoke_json(&event("POST", path, "", &caller.token, Some(&request))).await;
    let id = body(&response)["queryExecutionId"].as_str().unwrap().to_owned();
    let mut numbers = Vec::new();
    for turn in 0..60 {
        assert_eq!(response["statusCode"], 200, "{}", response["statusCode"]);
        // A Lambda's answer may have 6 MB, with the body as a string inside it.
        assert!(response.to_string().len() < 6_000_000, "{} bytes", response.to_string().len());
        let page = body(&response);
        let data = page["data"].as_array().unwrap();
        numbers.extend(data.iter().skip(usize::from(turn == 0)).map(|row| row[0].as_str().unwrap().to_owned()));
        let Some(next) = page["nextPage"].as_str() else { break };
        let query = format!("page={next}");
        response = runtime.invoke_json(&event("GET", &format!("{path}/{id}"), &query, &caller.token, None)).await;
    }
    assert_eq!(numbers, (0..60).map(|number| number.to_string()).collect::<Vec<_>>());

    let response = runtime.invoke_json(&event("DELETE", &format!("{path}/nobody"), "", &caller.token, None)).await;
    assert_eq!((&response["statusCode"], &body(&response)["error"]), (&json!(403), &json!("not_your_query")));
    // Neither a load balancer nor a schedule is a caller.
    let response = runtime.invoke(&json!({"source": "aws.events", "detail-type": "Scheduled Event"}).to_string()).await;
    assert!(!response.0.body.contains("\"success\":true"), "{}", response.0.body);
}
