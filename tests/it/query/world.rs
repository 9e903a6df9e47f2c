//! The local stack with what the query API needs of an account, the real binary in front of it, and its clients.

use serde_json::{Value, json};
use tests::lambda_runtime::LambdaRuntime;
use tests::process::{Process, binary};

use crate::local_stack;
use crate::service::{Answer, client};

/// Longer than any test takes: a query that ends when the test says so.
pub const UNTIL_TOLD: u32 = 3600;

pub struct World {
    _stack: Process,
    state: Value,
    parts: Value,
    http: reqwest::Client,
}

/// A client with its token.
pub struct Caller {
    pub id: String,
    pub role_arn: String,
    pub token: String,
}

impl World {
    pub async fn start() -> Self {
        let (stack, state) = local_stack::start().await;
        let mut world = Self { _stack: stack, state, parts: Value::Null, http: client() };
        world.parts = world.control("POST", "query-api", Value::Null).await;
        world
    }

    /// Where something of the stack or of the query API's part of it is, by JSON pointer.
    pub fn text(&self, pointer: &str) -> &str {
        let found = self.parts.pointer(pointer).or_else(|| self.state.pointer(pointer));
        found.and_then(Value::as_str).unwrap_or_else(|| panic!("the stack says nothing of {pointer}"))
    }

    pub async fn control(&self, method: &str, path: &str, body: Value) -> Value {
        let url = format!("{}/local-stack/{path}", self.text("/endpoint"));
        let request = self.http.request(method.parse().expect("a method"), url);
        let response = request.header("content-type", "application/json").body(body.to_string()).send().await;
        let response = response.expect("the stack answers");
        let status = response.status();
        let text = response.text().await.expect("whole");
        assert!(status.is_success(), "{method} {path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// Registers a client and gets its token.
    pub async fn caller(&self, order: Value) -> Caller {
        let made = self.control("POST", "query-clients", order).await;
        let text = |name: &str| made[name].as_str().unwrap_or_default().to_owned();
        let (id, secret) = (text("client_id"), text("client_secret"));
        let request = self.http.post(self.text("/token_endpoint")).basic_auth(&id, Some(secret));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let response = request.body("grant_type=client_credentials").send().await.expect("the stack answers");
        let body: Value = serde_json::from_slice(&response.bytes().await.expect("whole")).expect("JSON");
        let token = body["access_token"].as_str().expect("a token").to_owned();
        Caller { id, role_arn: text("role_arn"), token }
    }

    /// A client with these scopes, which the two role variables serve.
    pub async fn caller_with(&self, name: &str, scopes: &[&str]) -> Caller {
        self.caller(json!({"name": name, "scopes": scopes})).await
    }

    /// A result for the next query that holds the text.
    pub async fn queue(&self, order: Value) {
        self.control("POST", "athena/results", order).await;
    }

    /// What Athena knows of a query.
    pub async fn query(&self, id: &str) -> Value {
        let all = self.control("GET", "athena/queries", Value::Null).await;
        let found = all["queries"].as_array().expect("a list").iter().find(|query| query["id"] == id).cloned();
        found.unwrap_or_else(|| panic!("Athena knows no query {id}"))
    }

    /// The queries that hold the text.
    pub async fn queries_with(&self, text: &str) -> Vec<Value> {
        let all = self.control("GET", "athena/queries", Value::Null).await;
        let all = all["queries"].as_array().expect("a list").iter();
        all.filter(|query| query["query"].as_str().expect("text").contains(text)).cloned().collect()
    }

    pub async fn finish(&self, id: &str) {
        self.control("POST", &format!("athena/queries/{id}/finish"), Value::Null).await;
    }

    /// The requests to one API of the stack that were logged.
    pub async fn requests(&self, api: &str) -> Vec<Value> {
        let log = self.control("GET", "requests", Value::Null).await;
        let all = log["requests"].as_array().expect("a list").iter();
        all.filter(|request| request["api"] == api).cloned().collect()
    }

    pub async fn fault(&self, fault: Value) {
        self.control("POST", "faults", fault).await;
    }

    pub async fn clear_faults(&self) {
        self.control("DELETE", "faults", Value::Null).await;
    }

    /// The environment of a service with the roles of today's variables and no table.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let text = |pointer: &str| self.text(pointer).to_owned();
        vec![
            ("COGNITO_ISSUER", text("/issuer")),
            ("JWKS_URI", text("/jwks_uri")),
            ("REGION", text("/region")),
            ("DATABASE_NAME", text("/database")),
            ("ATHENA_OUTPUT_BUCKET", text("/output")),
            ("ATHENA_WORKGROUP", text("/workgroup")),
            ("LF_SUPER_ROLE_ARN", text("/super_role_arn")),
            ("LF_DEV_ROLE_ARN", text("/dev_role_arn")),
            ("AWS_ENDPOINT_URL", text("/endpoint")),
            ("AWS_ACCESS_KEY_ID", text("/lambda/access_key_id")),
            ("AWS_SECRET_ACCESS_KEY", text("/lambda/secret_access_key")),
            ("AWS_SESSION_TOKEN", text("/lambda/session_token")),
            ("LISTEN_ADDRESS", "127.0.0.1:0".to_owned()),
            ("LOG_LEVEL", "debug".to_owned()),
        ]
    }

    fn changed(&self, changes: Vec<(&'static str, String)>) -> Vec<(&'static str, String)> {
        let mut variables = self.environment();
        for (name, value) in changes {
            variables.retain(|(existing, _)| *existing != name);
            if !value.is_empty() {
                variables.push((name, value));
            }
        }
        variables
    }

    fn spawn(environment: &[(&'static str, String)]) -> Process {
        let mut command = std::process::Command::new(binary("query-lambda"));
        command.env_clear().envs(environment.iter().map(|(name, value)| (name, value)));
        Process::spawn(command)
    }

    /// The service under plain HTTP; an empty value removes a variable.
    pub async fn service(&self, changes: Vec<(&'static str, String)>) -> Service {
        let mut process = Self::spawn(&self.changed(changes));
        let address = process.wait_for("listening on ").await;
        let url = address.split('"').next().expect("split yields at least one part").to_owned();
        Service { process, url, http: client() }
    }

    /// The service with the table of client mappings in front of the two variables.
    pub async fn service_with_table(&self) -> Service {
        self.service(vec![("ROLE_MAPPINGS_TABLE", self.text("/table").to_owned())]).await
    }

    /// A start that fails: what it wrote.
    pub async fn failed_start(&self, changes: Vec<(&'static str, String)>) -> String {
        let mut process = Self::spawn(&self.changed(changes));
        let code = process.exit_code().await;
        assert_ne!(code, Some(0), "it ended as if all were well: {}", process.output());
        process.output()
    }

    /// The service under Lambda's runtime API.
    pub async fn function(&self) -> (Process, LambdaRuntime) {
        let runtime = LambdaRuntime::start().await;
        let mut variables = self.environment();
        variables.extend(runtime.environment());
        let process = Self::spawn(&variables);
        runtime.initialised().await;
        (process, runtime)
    }
}

pub struct Service {
    pub process: Process,
    pub url: String,
    http: reqwest::Client,
}

impl Service {
    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method.parse().expect("a method"), format!("{}{path}", self.url))
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.expect("the service answers");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.expect("the service answers whole");
        Answer { status, headers, body: serde_json::from_slice(&body).unwrap_or(Value::Null) }
    }

    /// `POST /query-client-creds` with this body.
    pub async fn post(&self, caller: &Caller, body: Value) -> Answer {
        self.post_with(&caller.token, body).await
    }

    pub async fn post_with(&self, token: &str, body: Value) -> Answer {
        let request = self.request("POST", "/query-client-creds").bearer_auth(token);
        self.send(request.header("content-type", "application/json").body(body.to_string())).await
    }

    pub async fn query(&self, caller: &Caller, query: &str) -> Answer {
        self.post(caller, json!({"query": query})).await
    }

    /// `GET` or `DELETE /query-client-creds/{rest}`.
    pub async fn on_query(&self, method: &str, caller: &Caller, rest: &str) -> Answer {
        self.send(self.request(method, &format!("/query-client-creds/{rest}")).bearer_auth(&caller.token)).await
    }

    /// Everything it wrote, the service ends for it; and the audit lines of it.
    pub async fn records(mut self) -> (String, Vec<Value>) {
        let output = self.process.stop().await;
        let lines = output.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let audit = lines.filter(|line| line.get("decision").is_some()).collect();
        (output, audit)
    }
}
