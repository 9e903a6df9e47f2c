//! `credvend-admin` on the local stack: what it writes is what the service does from then on.

mod audit;
mod clients;
mod conflict;
mod crash;
mod explain;
mod lint;
mod probe;
mod revoke;
mod rotate;
mod settings;
mod transfer;

use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use tests::process::{Process, binary};

use crate::local_stack;
use crate::machine::{Ran, run};
use crate::service::client;

/// The stack with its administrator, and a vending API in front of its table.
struct Installation {
    _stack: Process,
    lambda: Process,
    state: Value,
    api: String,
    home: TempDir,
    http: reqwest::Client,
}

impl Installation {
    async fn start() -> Self {
        let (stack, state) = local_stack::start().await;
        let mut lambda = crate::service::start_process(&local_stack::lambda_environment(&state));
        let address = lambda.wait_for("listening on ").await;
        let api = address.split('"').next().expect("split yields at least one part").to_owned();
        let home = tempfile::tempdir().expect("a temporary folder");
        Self { _stack: stack, lambda, state, api, home, http: client() }
    }

    fn text(&self, pointer: &str) -> &str {
        self.state.pointer(pointer).and_then(Value::as_str).expect("the state holds it")
    }

    /// What the administrator's shell has.
    fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("HOME", self.home.path().display().to_string()),
            ("PATH", std::env::var("PATH").unwrap_or_default()),
            ("AWS_ACCESS_KEY_ID", self.text("/admin/access_key_id").to_owned()),
            ("AWS_SECRET_ACCESS_KEY", self.text("/admin/secret_access_key").to_owned()),
            ("AWS_REGION", self.text("/region").to_owned()),
            ("AWS_ENDPOINT_URL", self.text("/endpoint").to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ("DYNAMODB_TABLE", self.text("/table").to_owned()),
            ("S3_BUCKET", self.text("/bucket").to_owned()),
            ("COGNITO_ISSUER", self.text("/issuer").to_owned()),
            ("S3_BUCKET", self.text("/bucket").to_owned()),
        ]
    }

    fn command(&self, arguments: &[&str], changes: &[(&str, &str)]) -> Command {
        let mut command = Command::new(binary("credvend-admin"));
        command.args(arguments).env_clear().envs(self.environment()).envs(changes.iter().copied());
        command
    }

    async fn admin(&self, arguments: &[&str]) -> Ran {
        run(self.command(arguments, &[])).await
    }

    /// The same with `--json`, which must succeed.
    async fn json(&self, arguments: &[&str]) -> Value {
        let ran = self.admin(&[arguments, &["--json"]].concat()).await;
        assert_eq!(ran.code(), Some(0), "{arguments:?}: {}", ran.stderr());
        serde_json::from_str(&ran.stdout()).unwrap_or_else(|error| panic!("{error}: {}", ran.stdout()))
    }

    async fn control(&self, method: &str, path: &str, body: Value) -> Value {
        let url = format!("{}/local-stack/{path}", self.text("/endpoint"));
        let request = self.http.request(method.parse().expect("a method"), url);
        let response = request.header("content-type", "application/json").body(body.to_string()).send().await;
        let response = response.expect("the stack answers");
        assert!(response.status().is_success(), "{method} {path}: {}", response.status());
        serde_json::from_slice(&response.bytes().await.expect("whole")).unwrap_or(Value::Null)
    }

    async fn register(&self, name: &str) -> Server {
        let made = self.control("POST", "servers", json!({"server_name": name, "level": "full"})).await;
        Server::of(&made)
    }

    /// Asks for credentials with a fresh token of the server: the status, and the code of a refusal.
    async fn vend(&self, server: &Server) -> (u16, String) {
        let (status, body) = self.vend_response(server).await;
        (status, body["error"].as_str().unwrap_or_default().to_owned())
    }

    async fn vend_response(&self, server: &Server) -> (u16, Value) {
        let request = self.http.post(self.text("/token_endpoint")).basic_auth(&server.id, Some(&server.secret));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let response = request.body("grant_type=client_credentials").send().await.expect("the stack answers");
        let token: Value = serde_json::from_slice(&response.bytes().await.expect("whole")).expect("JSON");
        let token = token["access_token"].as_str().expect("a token");
        let response = self.http.post(format!("{}/credentials", self.api)).bearer_auth(token).send().await;
        let response = response.expect("the service answers");
        let status = response.status().as_u16();
        (status, serde_json::from_slice(&response.bytes().await.expect("whole")).expect("JSON"))
    }
}

struct Server {
    id: String,
    secret: String,
    role_arn: String,
}

impl Server {
    /// As the stack answers.
    fn of(made: &Value) -> Self {
        let text = |member: &str| made[member].as_str().expect("the stack answers with text").to_owned();
        Self { id: text("client_id"), secret: text("client_secret"), role_arn: text("role_arn") }
    }
}

fn vended() -> (u16, String) {
    (200, String::new())
}

fn refused(code: &str) -> (u16, String) {
    (403, code.to_owned())
}
