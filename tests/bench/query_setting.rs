//! The query API and its peer in Python under a runtime API, before a canned Athena.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::lambda_runtime::{Answer, LambdaRuntime};
use tests::process::{Process, binary, repository};
use tests::token::{SigningKey, cognito_claims, jwk_set};
use tests::upstream::{Upstream, item};

use crate::lambda::{CLIENT_ID, ISSUER, event_of};
use crate::machine;

/// What a dashboard asks.
const QUERY: &str = include_str!("statement.sql");
pub const ROWS: usize = 1_000;
pub const COLUMNS: usize = 20;

#[derive(Clone, Copy, PartialEq)]
pub enum Function {
    Query,
    Python,
}

impl Function {
    fn command(self) -> Command {
        match self {
            Self::Query => Command::new(binary("query-lambda")),
            Self::Python => {
                let mut command = Command::new(machine::python_of_peers());
                command.arg(repository().join("tests/bench/python_query.py"));
                command
            }
        }
    }
}

/// Canned upstream services, and the event that runs a query.
pub struct Setting {
    upstream: Upstream,
    event: String,
}

impl Setting {
    pub async fn start() -> Self {
        let key = SigningKey::generate("key-1");
        let upstream = Upstream::start().await;
        upstream.set_jwks(jwk_set(&[&key]));
        upstream.put_item(CLIENT_ID, item(CLIENT_ID, json!({})));
        let mut claims = cognito_claims(ISSUER, CLIENT_ID);
        claims["scope"] = json!("athena-api/query.read");
        let mut event = event_of("/query-client-creds", &key.token(&claims));
        event["headers"]["content-type"] = json!("application/json");
        event["body"] = json!(json!({"query": QUERY}).to_string());
        let setting = Self { upstream, event: event.to_string() };
        setting.hand_out(1, 1);
        setting
    }

    /// From now on results have so many rows, with the header row, and columns.
    pub fn hand_out(&self, rows: usize, columns: usize) {
        self.upstream.set_query_page(page(rows, columns).to_string());
    }

    pub fn process(&self, function: Function, runtime: &LambdaRuntime) -> Process {
        let mut command = function.command();
        command.env_clear().envs(self.environment()).envs(runtime.environment());
        Process::spawn(command)
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        let url = self.upstream.url();
        vec![
            ("COGNITO_ISSUER", ISSUER.to_owned()),
            ("JWKS_URI", format!("{url}/jwks.json")),
            ("ROLE_MAPPINGS_TABLE", "credvend-query-clients".to_owned()),
            ("DATABASE_NAME", "analytics".to_owned()),
            ("ATHENA_OUTPUT_BUCKET", "s3://example-results/".to_owned()),
            ("AWS_REGION", "eu-west-1".to_owned()),
            ("AWS_ENDPOINT_URL", url),
            ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "an-example-secret".to_owned()),
            ("AWS_SESSION_TOKEN", "an-example-session-token".to_owned()),
        ]
    }

    pub async fn invoke(&self, runtime: &LambdaRuntime) -> (Answer, Duration) {
        // The canned services remember every request, for tests that count them.
        self.upstream.forget_requests();
        let (answer, took) = runtime.invoke(&self.event).await;
        let status = serde_json::from_str::<Value>(&answer.body).map(|body| body["statusCode"].clone());
        assert!(!answer.failed && status.is_ok_and(|status| status == 200), "no rows: {}", answer.body);
        (answer, took)
    }

    /// Process start until the first `/next`, and until the first event is answered; the event is waiting already.
    pub async fn cold_start(&self, function: Function) -> (Duration, Duration) {
        let runtime = LambdaRuntime::start().await;
        let started = Instant::now();
        let _process = self.process(function, &runtime);
        let (initialised, (answer, _)) = tokio::join!(runtime.initialised(), self.invoke(&runtime));
        (initialised - started, answer.at - started)
    }
}

/// A page as Athena sends it: texts, whole numbers and fractions take turns.
fn page(rows: usize, columns: usize) -> Value {
    let name = |column: usize| format!("column_{column}");
    let kind = |column: usize| ["varchar", "bigint", "double"][column % 3];
    let cell = |row: usize, column: usize| match column % 3 {
        0 => format!("a text of row {row}"),
        1 => (row * 1_000_003 + column).to_string(),
        _ => format!("{row}.{column}"),
    };
    let data = |cells: Vec<String>| {
        let cells: Vec<Value> = cells.into_iter().map(|cell| json!({"VarCharValue": cell})).collect();
        json!({"Data": cells})
    };
    let header = data((0..columns).map(name).collect());
    let others = (1..rows).map(|row| data((0..columns).map(|column| cell(row, column)).collect()));
    let described: Vec<Value> =
        (0..columns).map(|column| json!({"Name": name(column), "Type": kind(column)})).collect();
    json!({"ResultSet": {
        "Rows": std::iter::once(header).chain(others).collect::<Vec<_>>(),
        "ResultSetMetadata": {"ColumnInfo": described},
    }})
}
