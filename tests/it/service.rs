use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use tests::http_server::closed_port;
use tests::lambda_runtime::LambdaRuntime;
use tests::process::{Process, binary};
use tests::token::{SigningKey, cognito_claims, jwk_set};
use tests::upstream::{Upstream, item};

pub const ISSUER: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_TestPool1";
pub const CLIENT_ID: &str = "1h57kf5cpq17m0eml12EXAMPLE";

/// One key for all tests: making one takes a tenth of a second.
pub fn key() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| SigningKey::generate("key-1"))
}

/// A valid token of the one registered client.
pub fn token() -> String {
    token_with(json!({}))
}

/// The same with some claims changed.
pub fn token_with(changes: Value) -> String {
    let mut claims = cognito_claims(ISSUER, CLIENT_ID);
    if let (Value::Object(claims), Value::Object(changes)) = (&mut claims, changes) {
        claims.extend(changes);
    }
    key().token(&claims)
}

/// What the client's mapping item and the service's environment are, beside the defaults.
#[derive(Default)]
pub struct Setup<'a> {
    pub item: Value,
    pub environment: Vec<(&'a str, String)>,
}

/// Canned upstream services that know one key and one client.
pub async fn upstream(item_changes: Value) -> Upstream {
    let upstream = Upstream::start().await;
    upstream.set_jwks(jwk_set(&[key()]));
    upstream.put_item(CLIENT_ID, item(CLIENT_ID, item_changes));
    upstream
}

/// The environment of the service, upstream in place of everything.
pub fn environment(upstream: &Upstream) -> Vec<(&'static str, String)> {
    vec![
        ("COGNITO_ISSUER", ISSUER.to_owned()),
        ("JWKS_URI", format!("{}/jwks.json", upstream.url())),
        ("DYNAMODB_TABLE", "credvend-clients".to_owned()),
        ("S3_BUCKET", "example-bucket".to_owned()),
        ("AWS_REGION", "eu-west-1".to_owned()),
        ("AWS_ENDPOINT_URL", upstream.url()),
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "CANARY-own-secret".to_owned()),
        ("AWS_SESSION_TOKEN", "CANARY-own-session-token".to_owned()),
        ("LISTEN_ADDRESS", "127.0.0.1:0".to_owned()),
        ("LOG_LEVEL", "debug".to_owned()),
    ]
}

pub fn start_process(environment: &[(&str, String)]) -> Process {
    Process::spawn(command(environment))
}

fn command(environment: &[(&str, String)]) -> Command {
    let mut command = Command::new(binary("vending-lambda"));
    command.env_clear().envs(environment.iter().map(|(name, value)| (name, value)));
    command
}

/// The last value of a variable counts.
fn changed<'a>(mut variables: Vec<(&'a str, String)>, changes: Vec<(&'a str, String)>) -> Vec<(&'a str, String)> {
    for (name, value) in changes {
        variables.retain(|(existing, _)| *existing != name);
        variables.push((name, value));
    }
    variables
}

/// The binary under plain HTTP.
pub struct Service {
    pub upstream: Upstream,
    pub process: Process,
    pub url: String,
    client: reqwest::Client,
}

/// An answer, read whole.
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    pub async fn read(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.expect("the service answers whole");
        Self { status, headers, body: serde_json::from_slice(&body).unwrap_or(Value::Null) }
    }

    /// Status and code, for comparing with the error table.
    pub fn verdict(&self) -> (u16, &str) {
        (self.status, self.body["error"].as_str().unwrap_or("ok"))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("our headers are text"))
    }
}

impl Service {
    pub async fn start(setup: Setup<'_>) -> Self {
        let upstream = upstream(setup.item).await;
        Self::start_on(upstream, setup.environment).await
    }

    pub async fn start_on(upstream: Upstream, changes: Vec<(&str, String)>) -> Self {
        let mut process = start_process(&changed(environment(&upstream), changes));
        let address = process.wait_for("listening on ").await;
        let url = address.split('"').next().expect("split yields at least one part").to_owned();
        Self { upstream, process, url, client: client() }
    }

    /// With standard output where the test says, on a port that was free a moment ago.
    pub async fn start_with_stdout(stdout: Stdio) -> Self {
        let upstream = upstream(json!({})).await;
        let url = closed_port().await;
        let address = url.strip_prefix("http://").expect("a URL").to_owned();
        let variables = changed(environment(&upstream), vec![("LISTEN_ADDRESS", address)]);
        let process = Process::spawn_with_stdout(command(&variables), stdout);
        let service = Self { upstream, process, url, client: client() };
        while service.request("GET", "/health").send().await.is_err() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        service
    }

    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = method.parse().expect("a method");
        self.client.request(method, format!("{}{path}", self.url))
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        Answer::read(request.send().await.expect("the service answers")).await
    }

    /// `POST /credentials` with this token in the header.
    pub async fn vend(&self, token: &str) -> Answer {
        self.send(self.request("POST", "/credentials").bearer_auth(token)).await
    }

    /// `POST /credentials` with a valid token and this body.
    pub async fn vend_with(&self, body: Value) -> Answer {
        let request = self.request("POST", "/credentials").bearer_auth(token());
        self.send(request.header("content-type", "application/json").body(body.to_string())).await
    }

    /// Every audit line it wrote; the service ends for it.
    pub async fn audit(mut self) -> Vec<Value> {
        let output = self.process.stop().await;
        let lines = output.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| line.get("decision").is_some()).collect()
    }
}

/// The binary under Lambda's runtime API.
pub struct Function {
    pub upstream: Upstream,
    pub process: Process,
    pub runtime: LambdaRuntime,
}

impl Function {
    pub async fn start(changes: Vec<(&str, String)>) -> Self {
        let upstream = upstream(json!({})).await;
        let runtime = LambdaRuntime::start().await;
        let mut variables: Vec<(&str, String)> = environment(&upstream);
        variables.extend(runtime.environment());
        let process = start_process(&changed(variables, changes));
        runtime.initialised().await;
        Self { upstream, process, runtime }
    }

    /// With standard output where the test says.
    pub async fn start_with_stdout(stdout: Stdio) -> Self {
        let upstream = upstream(json!({})).await;
        let runtime = LambdaRuntime::start().await;
        let mut variables: Vec<(&str, String)> = environment(&upstream);
        variables.extend(runtime.environment());
        let process = Process::spawn_with_stdout(command(&variables), stdout);
        runtime.initialised().await;
        Self { upstream, process, runtime }
    }
}

/// A client without proxies and without the TLS it would not use.
pub fn client() -> reqwest::Client {
    static PROVIDER: OnceLock<()> = OnceLock::new();
    PROVIDER.get_or_init(|| {
        // Somebody may have been faster, with the same provider.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    });
    // The services close what has been idle for 75 s. reqwest would keep it for 90 s, and a request that meets the end of its
    // connection fails.
    let idle = Duration::from_secs(30);
    reqwest::Client::builder().no_proxy().pool_idle_timeout(idle).build().expect("a client can be built")
}
