//! `credvend query` in front of a query API that is played on the wire.

use std::collections::VecDeque;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};
use tests::http_server::{HttpServer, Received, Reply};
use tests::process::Process;
use tests::upstream::Service as Upstream;

use crate::machine::{Machine, Ran, run};
use crate::service::token;

const ID: &str = "6f1d0e8e-1111-4b6f-9d7e-000000000000";
/// No vending API: the token is for the query API.
const NO_EXCHANGE: (&str, &str) = ("COGNITO_CREDENTIAL_API_URL", "");

/// The API: answers what the test has put into its queue, one after the other, and keeps what it was asked.
struct Api {
    server: HttpServer,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Api {
    async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let received = Arc::new(Mutex::new(Vec::new()));
        let replies = Mutex::new(replies.into_iter().collect::<VecDeque<_>>());
        let seen = Arc::clone(&received);
        let server = HttpServer::start(move |request: Received| {
            let is_stop = request.method == "DELETE";
            seen.lock().unwrap().push(request);
            let next = if is_stop { Some(stopped()) } else { replies.lock().unwrap().pop_front() };
            std::future::ready(next.unwrap_or_else(|| running("RUNNING")))
        })
        .await;
        Self { server, received }
    }

    fn asked(&self) -> Vec<String> {
        self.received.lock().unwrap().iter().map(|request| format!("{} {}", request.method, request.path)).collect()
    }

    fn bodies(&self) -> Vec<Value> {
        let received = self.received.lock().unwrap();
        let posted = received.iter().filter(|request| request.method == "POST");
        posted.map(|request| serde_json::from_slice(&request.body).unwrap()).collect()
    }

    async fn wait_for(&self, requests: usize) {
        for _ in 0..1500 {
            if self.asked().len() >= requests {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{requests} requests were expected: {:?}", self.asked());
    }
}

fn running(state: &str) -> Reply {
    Reply::json(202, json!({"success": true, "queryId": ID, "state": state}).to_string())
}

fn stopped() -> Reply {
    Reply::json(200, json!({"success": true, "queryId": ID, "state": "CANCELLED"}).to_string())
}

fn page(data: &str, next: Option<&str>) -> Reply {
    let next = next.map(|next| format!(r#","nextPage":{}"#, json!(next))).unwrap_or_default();
    Reply::json(200, format!(r#"{{"success":true,"queryExecutionId":"{ID}","data":{data}{next}}}"#))
}

fn refusal(status: u16, code: &str, description: &str) -> Reply {
    let body = json!({"success": false, "error": code, "error_description": description, "request_id": "req-1",
        "retryable": false, "queryId": ID});
    Reply::json(status, body.to_string())
}

async fn machine() -> Machine {
    let machine = Machine::start().await;
    machine.service.upstream.set_token(&token());
    machine
}

async fn query(machine: &Machine, api: &Api, arguments: &[&str]) -> Ran {
    let url = api.server.url();
    machine.run(&[&["query"], arguments].concat(), &[NO_EXCHANGE, ("QUERY_API_URL", &url)]).await
}

#[tokio::test]
async fn a_query_that_takes_its_time_and_has_pages() {
    let machine = machine().await;
    let api = Api::start([
        running("QUEUED"),
        running("RUNNING"),
        page(r#"[["name","n"],["a, \"b\"","1"]]"#, Some("p/2 &x")),
        page(r#"[["","2"],["c\nd",""]]"#, None),
    ])
    .await;
    let ran = query(&machine, &api, &["SELECT 1", "--format", "csv", "--database", "sales"]).await;
    assert_eq!((ran.code(), ran.stderr()), (Some(0), String::new()));
    assert_eq!(ran.stdout(), "name,n\r\n\"a, \"\"b\"\"\",1\r\n,2\r\n\"c\nd\",\r\n");
    let route = format!("/query-client-creds/{ID}?format=rows");
    let pages = format!("GET {route}&page=p%2F2+%26x");
    assert_eq!(
        api.asked(),
        ["POST /query-client-creds".to_owned(), format!("GET {route}"), format!("GET {route}"), pages]
    );
    let body = &api.bodies()[0];
    assert_eq!(
        (&body["query"], &body["database"], &body["format"]),
        (&json!("SELECT 1"), &json!("sales"), &json!("rows"))
    );
    assert_eq!((&body["max_rows"], body["idempotency_key"].as_str().unwrap().len()), (&json!(1000), 32));
    for request in api.received.lock().unwrap().iter() {
        assert_eq!(request.headers["authorization"], format!("Bearer {}", token_of(&machine)));
    }
    assert_eq!(machine.service.upstream.received(Upstream::Token).len(), 1, "one token for all requests");
}

/// The token that the machine has cached.
fn token_of(machine: &Machine) -> String {
    let output = machine.command(&["token"], &[NO_EXCHANGE]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn json_tells_null_from_empty_and_keeps_types() {
    let machine = machine().await;
    let data = r#"[{"z":null,"a":"","n":7,"d":"1.10"},{"z":"x","a":"\u001b[2J","n":8,"d":null}]"#;
    let api = Api::start([page(data, None), page(data, None), page(data, None)]).await;
    let ran = query(&machine, &api, &["SELECT 1", "--format", "ndjson"]).await;
    let expected =
        "{\"z\":null,\"a\":\"\",\"n\":7,\"d\":\"1.10\"}\n{\"z\":\"x\",\"a\":\"\\u001b[2J\",\"n\":8,\"d\":null}\n";
    assert_eq!((ran.code(), ran.stdout().as_str()), (Some(0), expected), "{}", ran.stderr());
    let ran = query(&machine, &api, &["SELECT 1", "--format", "json"]).await;
    assert_eq!(serde_json::from_str::<Value>(&ran.stdout()).unwrap(), serde_json::from_str::<Value>(data).unwrap());
    let ran = query(&machine, &api, &["SELECT 1", "--format", "json", "--max-rows", "1"]).await;
    assert_eq!(serde_json::from_str::<Value>(&ran.stdout()).unwrap().as_array().unwrap().len(), 1);
    assert_eq!(api.bodies()[2]["max_rows"], 1);
    assert!(api.bodies().iter().all(|body| body["format"] == "objects"));
}

#[tokio::test]
async fn a_table_obeys_nobody_and_stops_at_the_wanted_row() {
    let machine = machine().await;
    let first = r#"[["name"],["\u001b]0;owned\u0007"],["b"]]"#;
    let api = Api::start([page(first, Some("2"))]).await;
    let ran = query(&machine, &api, &["SELECT 1", "--max-rows", "2"]).await;
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    assert!(ran.stdout().contains("\\u{1b}]0;owned\\u{7}"), "{}", ran.stdout());
    assert!(ran.stdout().chars().all(|c| c == '\n' || !c.is_control()) && ran.stdout().ends_with("(2 rows)\n"));
    assert_eq!(api.asked().len(), 1, "the second page is not asked for");
}

#[tokio::test]
async fn each_refusal_has_its_exit_code_and_names_request_and_query() {
    let machine = machine().await;
    for (status, code, exit, advice) in [
        (400, "invalid_query", 1, "correct the statement"),
        (401, "invalid_token", 3, "does not trust this token"),
        (403, "statement_not_allowed", 3, "query.write"),
        (403, "insufficient_scope", 3, "query.read"),
        (403, "permission_denied", 3, "Lake Formation"),
        (403, "not_your_query", 3, "belongs to the client"),
        (409, "idempotency_conflict", 1, "QUERY_API_URL"),
        (422, "query_failed", 1, "says why"),
        (422, "row_too_large", 1, "UNLOAD"),
        (429, "too_many_queries", 4, "try again later"),
        (500, "misconfigured", 4, "request id"),
        (503, "query_unavailable", 4, "try again later"),
    ] {
        let description = format!("reason \u{1b}[2J of {code}");
        let api = Api::start([refusal(status, code, &description)]).await;
        let ran = query(&machine, &api, &["SELECT 'CANARY'"]).await;
        let stderr = ran.stderr();
        assert_eq!((ran.code(), ran.stdout()), (Some(exit), String::new()), "{stderr}");
        for part in [code, advice, "[request req-1]", &format!("[query {ID}]"), &status.to_string()] {
            assert!(stderr.contains(part), "{part} is missing: {stderr}");
        }
        assert!(!stderr.contains(&token()) && !stderr.contains('\u{1b}') && !stderr.contains("CANARY"), "{stderr}");
    }
}

#[tokio::test]
async fn what_passes_is_tried_again_as_the_same_query() {
    let machine = machine().await;
    let busy = |retryable: Value| {
        let body = json!({"success": false, "error": "query_unavailable", "retryable": retryable}).to_string();
        Reply::Whole(503, vec![("retry-after".to_owned(), "0".to_owned())], body.into_bytes())
    };
    let done = || page(r#"[["a"],["1"]]"#, None);
    let api = Api::start([
        busy(json!(true)),
        busy(Value::Null),
        done().cut_in_half(),
        Reply::Raw(Vec::new()),
        Reply::json(502, "<html>"),
        done(),
    ])
    .await;
    let ran = query(&machine, &api, &["SELECT 1", "--format", "csv"]).await;
    assert_eq!((ran.code(), ran.stdout().as_str()), (Some(0), "a\r\n1\r\n"), "{}", ran.stderr());
    let keys: std::collections::HashSet<_> =
        api.bodies().iter().map(|body| body["idempotency_key"].to_string()).collect();
    assert_eq!((api.bodies().len(), keys.len()), (6, 1));
    let ran = query(&machine, &Api::start([done()]).await, &["SELECT 1"]).await;
    assert_eq!(ran.code(), Some(0));
    for nonsense in ["", "[]", "{}", r#"{"data":[["a"],[1]]}"#, r#"{"data":[["a"]],"nextPage":"2"}"#] {
        let ran = query(&machine, &Api::start([Reply::json(200, nonsense)]).await, &["SELECT 1"]).await;
        assert_eq!(ran.code(), Some(4), "{nonsense}: {}", ran.stderr());
        assert!(ran.stderr().contains("answered 200, but"), "{}", ran.stderr());
    }
}

fn spawn(machine: &Machine, api: &Api) -> Process {
    let url = api.server.url();
    let command = machine.command(&["query", "SELECT 1", "--format", "csv"], &[NO_EXCHANGE, ("QUERY_API_URL", &url)]);
    Process::spawn(command)
}

#[tokio::test]
async fn a_signal_stops_the_query() {
    let machine = machine().await;
    for (signal, expected) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        // Every further question is answered with a state.
        let api = Api::start([running("QUEUED")]).await;
        let mut process = spawn(&machine, &api);
        api.wait_for(2).await;
        process.signal(signal);
        assert_eq!(process.exit_code().await, Some(expected));
        assert_eq!(api.asked().last().unwrap(), &format!("DELETE /query-client-creds/{ID}"));
        assert_eq!(api.bodies().len(), 1);
    }
}

/// The query may have been started, and its response is on its way: the same key leads to it.
#[tokio::test]
async fn a_signal_before_the_first_response_stops_the_query_as_well() {
    let machine = machine().await;
    let api = Api::start([Reply::Silence(Duration::from_secs(60)), running("RUNNING")]).await;
    let mut process = spawn(&machine, &api);
    api.wait_for(1).await;
    process.signal(Signal::INT);
    assert_eq!(process.exit_code().await, Some(130));
    let bodies = api.bodies();
    assert_eq!((bodies.len(), &bodies[1]["wait_seconds"]), (2, &json!(0)));
    assert_eq!(bodies[0]["idempotency_key"], bodies[1]["idempotency_key"]);
    assert_eq!(api.asked().last().unwrap(), &format!("DELETE /query-client-creds/{ID}"));
}

#[tokio::test]
async fn a_file_appears_whole_and_private_or_not_at_all() {
    let machine = machine().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.csv");
    let arguments = ["SELECT 1", "--format", "csv", "--output", path.to_str().unwrap()];
    let broken = [page(r#"[["a"],["1"]]"#, Some("2")), refusal(500, "misconfigured", "x")];
    let ran = query(&machine, &Api::start(broken).await, &arguments).await;
    assert_eq!(ran.code(), Some(4), "{}", ran.stderr());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
    std::fs::write(&path, "old").unwrap();
    let good = [page(r#"[["a"],["1"]]"#, Some("2")), page(r#"[["2"]]"#, None)];
    let ran = query(&machine, &Api::start(good).await, &arguments).await;
    assert_eq!((ran.code(), ran.stdout()), (Some(0), String::new()), "{}", ran.stderr());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "a\r\n1\r\n2\r\n");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    // Before anything is asked.
    let api = Api::start([]).await;
    for path in ["/dev/null", "/nonexistent/rows.csv", "/"] {
        let ran = query(&machine, &api, &["SELECT 1", "--output", path]).await;
        assert_eq!((ran.code(), api.asked().len()), (Some(1), 0), "{path}: {}", ran.stderr());
    }
}

#[tokio::test]
async fn where_the_statement_comes_from() {
    let machine = machine().await;
    let statement = "SELECT 'it''s'\n-- ünicode\n";
    let file = machine.home.path().join("q.sql");
    std::fs::write(&file, statement).unwrap();
    let api = Api::start((0..2).map(|_| page("[[\"a\"]]", None))).await;
    let url = api.server.url();
    let variables = [NO_EXCHANGE, ("QUERY_API_URL", url.as_str())];
    assert_eq!(query(&machine, &api, &["--file", file.to_str().unwrap()]).await.code(), Some(0));
    let mut command = machine.command(&["query", "-"], &variables);
    command.stdin(Stdio::from(std::fs::File::open(&file).unwrap()));
    assert_eq!(run(command).await.code(), Some(0));
    assert_eq!(api.bodies().iter().filter(|body| body["query"] == statement).count(), 2);
    std::fs::write(&file, " ".repeat(256 * 1024 + 1)).unwrap();
    for (arguments, code, problem) in [
        (vec![], 2, "required"),
        (vec!["SELECT 1", "--file", "x"], 2, "cannot be used with"),
        (vec!["SELECT 1", "--max-rows", "0"], 2, "max-rows"),
        (vec![" "], 1, "empty"),
        (vec!["--file", "/nonexistent"], 1, "cannot be read"),
        (vec!["--file", file.to_str().unwrap()], 1, "256 KiB"),
    ] {
        let ran = query(&machine, &api, &arguments).await;
        assert_eq!(ran.code(), Some(code), "{arguments:?}: {}", ran.stderr());
        assert!(ran.stderr().contains(problem), "{}", ran.stderr());
    }
    assert_eq!(api.asked().len(), 2);
    let ran = machine.run(&["query", "SELECT 1"], &[NO_EXCHANGE, ("COGNITO_CLIENT_ID", "")]).await;
    assert_eq!(ran.code(), Some(1));
    for name in ["QUERY_API_URL", "COGNITO_CLIENT_ID"] {
        assert!(ran.stderr().contains(name), "all missing names come together: {}", ran.stderr());
    }
}
