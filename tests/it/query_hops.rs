//! The query API when one of the services behind it is refused, slow, broken or garbled. What Athena and Lake Formation
//! themselves decide is tried on the local stack, in `query/`.

use std::fs::File;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tests::http_server::closed_port;
use tests::lambda_runtime::LambdaRuntime;
use tests::process::{Process, binary};
use tests::upstream::{Fault, Service, Upstream, form};

use crate::service::{Answer, CLIENT_ID, ISSUER, client, token_with, upstream};

const PATH: &str = "/query-client-creds";
/// In the query and nowhere else.
const QUERY: &str = "SELECT 'CANARY-query' AS one";
/// No response comes later.
const DEADLINE: Duration = Duration::from_secs(29);

/// The binary and everything that it calls, canned.
struct Api {
    upstream: Upstream,
    process: Process,
    url: String,
    token: String,
}

fn token() -> String {
    token_with(json!({"scope": "athena-api/query.read athena-api/query.write"}))
}

fn environment(upstream: &Upstream, changes: Vec<(&'static str, String)>) -> Vec<(&'static str, String)> {
    let mut variables = vec![
        ("COGNITO_ISSUER", ISSUER.to_owned()),
        ("JWKS_URI", format!("{}/jwks.json", upstream.url())),
        ("REGION", "eu-west-1".to_owned()),
        ("DATABASE_NAME", "sales".to_owned()),
        ("ATHENA_OUTPUT_BUCKET", "s3://example-results/athena".to_owned()),
        ("ROLE_MAPPINGS_TABLE", "credvend-query-clients".to_owned()),
        ("AWS_ENDPOINT_URL", upstream.url()),
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "CANARY-own-secret".to_owned()),
        ("AWS_SESSION_TOKEN", "CANARY-own-session-token".to_owned()),
        ("LISTEN_ADDRESS", "127.0.0.1:0".to_owned()),
        ("LOG_LEVEL", "debug".to_owned()),
    ];
    for (name, value) in changes {
        variables.retain(|(existing, _)| *existing != name);
        variables.push((name, value));
    }
    variables
}

fn command(environment: &[(&'static str, String)]) -> Command {
    let mut command = Command::new(binary("query-lambda"));
    command.env_clear().envs(environment.iter().map(|(name, value)| (name, value)));
    command
}

impl Api {
    async fn start(changes: Vec<(&'static str, String)>) -> Self {
        let upstream = upstream(json!({})).await;
        let mut process = Process::spawn(command(&environment(&upstream, changes)));
        let address = process.wait_for("listening on ").await;
        let url = address.split('"').next().expect("split yields at least one part").to_owned();
        Self { upstream, process, url, token: token() }
    }

    async fn send(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let request = client().request(method.parse().expect("a method"), format!("{}{path}", self.url));
        let request = request.bearer_auth(&self.token).header("content-type", "application/json");
        let response = request.body(body.map(|body| body.to_string()).unwrap_or_default()).send().await;
        let response = response.expect("the service answers");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.expect("the service answers whole");
        Answer { status, headers, body: serde_json::from_slice(&body).unwrap_or(Value::Null) }
    }

    async fn query(&self) -> Answer {
        self.send("POST", PATH, Some(json!({"query": QUERY}))).await
    }

    /// What the service has written: neither the query's text nor a token or key.
    async fn ended(mut self) -> String {
        let output = self.process.stop().await;
        for secret in ["CANARY", self.token.as_str()] {
            assert!(!output.contains(secret), "{secret} is in {output}");
        }
        output
    }
}

fn status(status: u16, code: &str) -> Fault {
    Fault::Status(
        status,
        json!({"__type": code, "Message": "CANARY-words of arn:aws:iam::123456789012:role/x"}).to_string(),
    )
}

/// Every fault of one service in turn, and after each a request that is served.
async fn faults_of(service: Service, unavailable: &str, more: Vec<(Fault, u16, &str)>, has_query: bool) {
    let api = Api::start(vec![]).await;
    assert_eq!(api.query().await.status, 200);
    let mut rows = vec![
        (Fault::Status(500, "{}".to_owned()), 503, unavailable),
        (Fault::Garbage, 503, unavailable),
        (Fault::CutOff, 503, unavailable),
        (Fault::WrongBody, 503, unavailable),
        (Fault::CutOffFirst(0), 200, "ok"),
    ];
    rows.extend(more);
    rows.push((Fault::Slow, 503, unavailable));
    for (fault, status, code) in rows {
        api.upstream.break_service(service, fault.clone());
        let begun = Instant::now();
        let answer = api.query().await;
        assert!(begun.elapsed() < DEADLINE, "{service:?} {fault:?}");
        assert_eq!(answer.verdict(), (status, code), "{service:?} {fault:?}: {}", answer.body);
        if status != 200 {
            assert_eq!(answer.body["success"], false);
            assert_eq!(answer.body["queryId"].is_string(), has_query, "{service:?} {fault:?}: {}", answer.body);
            assert_eq!(answer.body["retryable"], status == 503 || status == 429, "{service:?} {fault:?}");
            let text = answer.body.to_string();
            assert!(!text.contains("arn:aws") && !text.contains("CANARY-own"), "{text}");
        }
        api.upstream.mend();
        let answer = api.query().await;
        assert_eq!(answer.status, 200, "after {service:?} {fault:?}: {}", answer.body);
    }
    api.ended().await;
}

#[tokio::test]
async fn every_hop_fails_with_a_code_of_its_own_and_the_next_request_is_fine() {
    let unavailable = "query_unavailable";
    let denied = || (status(400, "AccessDeniedException"), 403, "permission_denied");
    let throttled = |code| (status(400, code), 429, "too_many_queries");
    tokio::join!(
        faults_of(Service::DynamoDb, "mapping_unavailable", vec![], false),
        faults_of(Service::Sts, "sts_unavailable", vec![], false),
        faults_of(
            Service::AthenaStart,
            unavailable,
            vec![
                denied(),
                throttled("TooManyRequestsException"),
                throttled("ThrottlingException"),
                (status(500, "InternalServerException"), 503, unavailable),
                (status(400, "ExpiredTokenException"), 503, unavailable),
                (Fault::Status(200, "{}".to_owned()), 503, unavailable),
                (status(400, "InvalidRequestException"), 400, "invalid_query"),
            ],
            false,
        ),
        faults_of(
            Service::AthenaExecution,
            unavailable,
            vec![denied(), (Fault::Status(200, r#"{"QueryExecution": {}}"#.to_owned()), 503, unavailable)],
            true,
        ),
        faults_of(
            Service::AthenaResults,
            unavailable,
            vec![denied(), throttled("ThrottlingException"), (Fault::Status(200, "{}".to_owned()), 503, unavailable)],
            true,
        ),
        refused_connections(),
        keys_that_cannot_be_had(),
    );
}

async fn refused_connections() {
    for (name, code) in [
        ("AWS_ENDPOINT_URL_DYNAMODB", "mapping_unavailable"),
        ("AWS_ENDPOINT_URL_STS", "sts_unavailable"),
        ("AWS_ENDPOINT_URL_ATHENA", "query_unavailable"),
    ] {
        let api = Api::start(vec![(name, closed_port().await)]).await;
        let answer = api.query().await;
        assert_eq!(answer.verdict(), (503, code), "{name}: {}", answer.body);
        assert!(!answer.header("retry-after").is_empty());
        let ready = api.send("GET", "/ready", None).await;
        assert_eq!((ready.status, &ready.body["ready"]), (503, &json!(false)), "{name}: {}", ready.body);
        api.ended().await;
    }
}

async fn keys_that_cannot_be_had() {
    let upstream = upstream(json!({})).await;
    upstream.break_service(Service::Jwks, Fault::Garbage);
    let mut process = Process::spawn(command(&environment(&upstream, vec![])));
    let address = process.wait_for("listening on ").await;
    let url = address.split('"').next().expect("split yields at least one part").to_owned();
    let api = Api { upstream, process, url, token: token() };
    let answer = api.query().await;
    assert_eq!(answer.verdict(), (503, "keys_unavailable"), "{}", answer.body);
}

/// A start whose response is lost may have started a query: the same token finds it, and it is stopped. Under a key of the
/// caller's it may be the query of another request, and runs on. A statement that does more than read is not looked for:
/// where its first start has never arrived, looking would run it.
#[tokio::test]
async fn a_start_that_has_failed_leaves_no_query_behind() {
    let api = Api::start(vec![]).await;
    assert_eq!(api.query().await.status, 200);
    let read = |query: &str| (json!({"query": query}), 1);
    let change = |query: &str| (json!({"query": query}), 0);
    let rows = [
        read(QUERY),
        read("SHOW TABLES"),
        (json!({"query": QUERY, "idempotency_key": "k"}), 0),
        change("INSERT INTO t SELECT 1"),
        change("DELETE FROM t WHERE a = 1"),
        change("UNLOAD (SELECT 1) TO 's3://example/x/' WITH (format = 'PARQUET')"),
        change("SELECT * FROM TABLE(mysql.system.query(query => 'CALL x()'))"),
    ];
    for (body, stops) in rows {
        api.upstream.forget_requests();
        api.upstream.break_service(Service::AthenaStart, Fault::StatusFirst(3, 500, "{}".to_owned()));
        let has_key = body.get("idempotency_key").is_some();
        let answer = api.send("POST", PATH, Some(body)).await;
        assert_eq!(answer.verdict(), (503, "query_unavailable"), "{}", answer.body);
        // Whoever sends such a statement again might change things twice.
        let may_retry = stops > 0 || has_key;
        assert_eq!(answer.body["retryable"], may_retry, "{}", answer.body);
        assert_eq!(answer.header("retry-after").is_empty(), !may_retry);
        let starts = api.upstream.received(Service::AthenaStart);
        assert_eq!(starts.len(), 3 + stops);
        let tokens: Vec<Value> = starts
            .iter()
            .map(|start| serde_json::from_slice::<Value>(&start.body).unwrap()["ClientRequestToken"].clone())
            .collect();
        assert!(tokens.iter().all(|token| *token == tokens[0]), "{tokens:?}");
        assert_eq!(api.upstream.received(Service::AthenaStop).len(), stops);
        api.upstream.mend();
    }
    api.ended().await;
}

/// A decision that cannot be put on record is none: its query is stopped.
#[tokio::test]
async fn a_query_without_an_audit_line_is_stopped() {
    let upstream = upstream(json!({})).await;
    let url = closed_port().await;
    let address = url.strip_prefix("http://").expect("a URL").to_owned();
    let full = Stdio::from(File::options().write(true).open("/dev/full").expect("/dev/full"));
    let variables = environment(&upstream, vec![("LISTEN_ADDRESS", address)]);
    let process = Process::spawn_with_stdout(command(&variables), full);
    let api = Api { upstream, process, url, token: token() };
    let deadline = Instant::now() + DEADLINE;
    while client().get(format!("{}/health", api.url)).send().await.is_err() {
        assert!(Instant::now() < deadline, "it does not listen");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let answer = api.query().await;
    assert_eq!(answer.verdict(), (503, "audit_unavailable"), "{}", answer.body);
    assert_eq!(api.upstream.received(Service::AthenaStop).len(), 1);
}

/// Under Lambda its own deadline counts: what runs longer is 202, and what hangs is an error, both before it.
#[tokio::test]
async fn a_response_comes_before_lambda_s_deadline() {
    let upstream = upstream(json!({})).await;
    let runtime = LambdaRuntime::start().await;
    let mut variables = environment(&upstream, vec![]);
    variables.extend(runtime.environment());
    let mut process = Process::spawn(command(&variables));
    runtime.initialised().await;
    let event = json!({"access_token": token(), "query": QUERY}).to_string();
    let invoke = async |left: Duration| {
        let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + left;
        let header = ("lambda-runtime-deadline-ms", deadline.as_millis().to_string());
        let (answer, took) = runtime.invoke_with(&event, vec![header]).await;
        assert!(!answer.failed && took < left, "{took:?} of {left:?}");
        let answer: Value = serde_json::from_str(&answer.body).unwrap();
        let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        (answer["statusCode"].clone(), body)
    };
    let (status, body) = invoke(Duration::from_secs(10)).await;
    assert_eq!((status, &body["data"]), (json!(200), &json!([["one"], ["1"]])), "{body}");
    upstream.set_query_state("RUNNING");
    let (status, body) = invoke(Duration::from_secs(5)).await;
    assert_eq!((status, &body["state"]), (json!(202), &json!("RUNNING")), "{body}");
    assert_eq!(upstream.received(Service::AthenaStop).len(), 0, "what outlives its request runs on");
    for (service, code) in [
        (Service::AthenaExecution, "query_unavailable"),
        (Service::AthenaStart, "query_unavailable"),
        (Service::Sts, "query_unavailable"),
    ] {
        upstream.break_service(service, Fault::Slow);
        let (status, body) = invoke(Duration::from_secs(4)).await;
        assert_eq!((status, &body["error"]), (json!(503), &json!(code)), "{service:?}: {body}");
        upstream.mend();
    }
    process.stop().await;
}

/// More than is read at once: fewer rows are asked for, and none is lost.
#[tokio::test]
async fn rows_that_are_too_large_together_come_in_more_pages() {
    let api = Api::start(vec![]).await;
    let wide = "x".repeat(200_000);
    api.upstream.set_query_rows((0..90).map(|number| format!("{number}-{wide}")).collect());
    let mut answer = api.query().await;
    let id = answer.body["queryExecutionId"].as_str().unwrap_or_default().to_owned();
    let mut numbers = Vec::new();
    for turn in 0..90 {
        assert_eq!(answer.status, 200, "{}", answer.body["error_description"]);
        let rows = answer.body["data"].as_array().unwrap();
        let skipped = usize::from(turn == 0);
        assert_eq!(answer.body["rowCount"], rows.len() - skipped);
        numbers.extend(
            rows.iter().skip(skipped).map(|row| row[0].as_str().unwrap().split('-').next().unwrap().to_owned()),
        );
        let Some(next) = answer.body["nextPage"].as_str() else { break };
        answer = api.send("GET", &format!("{PATH}/{id}?page={next}"), None).await;
    }
    assert_eq!(numbers, (0..90).map(|number| number.to_string()).collect::<Vec<_>>());
    api.ended().await;
}

/// The session that Athena is called with is the assumed one, named and tagged for the client, and cut to no prefix of S3.
#[tokio::test]
async fn athena_is_called_as_the_client_s_session() {
    let api = Api::start(vec![]).await;
    let answer = api.query().await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let assumed = api.upstream.received(Service::Sts);
    let assumed = form(&String::from_utf8_lossy(&assumed[0].body));
    assert_eq!(assumed["SourceIdentity"], CLIENT_ID);
    assert!(!assumed.contains_key("Policy") && assumed["RoleSessionName"].starts_with("server-01-"), "{assumed:?}");
    for service in [Service::AthenaStart, Service::AthenaExecution, Service::AthenaResults] {
        let received = api.upstream.received(service);
        let authorization = &received[0].headers["authorization"];
        assert!(authorization.contains("Credential=ASIAIOSFODNN7EXAMPLE/"), "{service:?}: {authorization}");
    }
    let start: Value = serde_json::from_slice(&api.upstream.received(Service::AthenaStart)[0].body).unwrap();
    assert_eq!(start["QueryExecutionContext"]["Database"], "sales");
    let folder = format!("s3://example-results/athena/client-creds-queries/{CLIENT_ID}/");
    assert_eq!(start["ResultConfiguration"]["OutputLocation"], folder);
    assert_eq!(start["ClientRequestToken"].as_str().map(str::len), Some(64));
    let output = api.ended().await;
    let line = output.lines().find(|line| line.contains("\"query_id\"")).expect("an audit line");
    let line: Value = serde_json::from_str(line).expect("JSON");
    assert_eq!(
        (&line["kind"], &line["scanned_bytes"], &line["BytesScanned"]),
        (&json!("select"), &json!(42), &json!(42))
    );
    assert_eq!((&line["Queries"], &line["state"]), (&json!(1), &json!("SUCCEEDED")), "{line}");
}

/// The description and the table of verdicts know the same codes.
#[test]
fn the_description_names_every_code() {
    let read = |path: &str| std::fs::read_to_string(tests::process::repository().join(path)).expect("a source file");
    let description: Value = serde_json::from_str(&read("query-lambda/src/openapi.json")).expect("JSON");
    let described = description["components"]["schemas"]["Error"]["properties"]["error"]["enum"].as_array().unwrap();
    let sources =
        ["query-lambda/src/error.rs", "entrance/src/verdict.rs", "authenticate/src/error.rs"].map(read).concat();
    for code in described {
        assert!(sources.contains(&code.to_string()), "{code} is not a code of the service");
    }
    // Each stands behind its status: `(403, "code")`, or alone in `unavailable("code")`.
    let quoted = sources.split('"').skip(1).step_by(2);
    let codes =
        quoted.filter(|word| word.contains('_') && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
    for code in codes.filter(|code| *code != "caller_gone") {
        assert!(described.iter().any(|known| known == code), "{code} is not described");
    }
}
