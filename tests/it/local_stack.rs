//! The whole product on the local stack: real tokens, a real table, IAM enforced, and S3 that says no.
//!
//! One test, since the stack takes two seconds to start; each part is a function of its own.

use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use tests::process::{Process, repository};

use crate::machine::{Ran, run};
use crate::service::client;

pub struct Stack {
    _process: Process,
    state: Value,
    api: String,
    lambda: Process,
    pub home: TempDir,
    http: reqwest::Client,
}

/// A registered server, as the local stack answers.
pub struct Server(Value);

impl Server {
    pub fn text(&self, name: &str) -> &str {
        self.0[name].as_str().expect("the stack answers with text")
    }
}

/// The stack alone: the process, and where everything in it is.
pub async fn start() -> (Process, Value) {
    let mut command = Command::new(repository().join("scripts/local-stack"));
    command.env_remove("AWS_PROFILE");
    let mut process = Process::spawn(command);
    let line = process.wait_for("{\"").await;
    let state = serde_json::from_str(&format!("{{\"{line}")).expect("one line of JSON");
    (process, state)
}

/// The environment of a vending Lambda in front of it.
pub fn lambda_environment(state: &Value) -> Vec<(&'static str, String)> {
    let text = |pointer: &str| state.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    vec![
        ("COGNITO_ISSUER", text("/issuer")),
        ("JWKS_URI", text("/jwks_uri")),
        ("DYNAMODB_TABLE", text("/table")),
        ("S3_BUCKET", text("/bucket")),
        ("AWS_REGION", text("/region")),
        ("AWS_ENDPOINT_URL", text("/endpoint")),
        ("AWS_ACCESS_KEY_ID", text("/lambda/access_key_id")),
        ("AWS_SECRET_ACCESS_KEY", text("/lambda/secret_access_key")),
        ("AWS_SESSION_TOKEN", text("/lambda/session_token")),
        ("LISTEN_ADDRESS", "127.0.0.1:0".to_owned()),
    ]
}

impl Stack {
    pub async fn start() -> Self {
        let (process, state) = start().await;
        let mut lambda = crate::service::start_process(&lambda_environment(&state));
        let address = lambda.wait_for("listening on ").await;
        let api = address.split('"').next().expect("split yields at least one part").to_owned();
        Self { _process: process, state, api, lambda, home: tempfile::tempdir().expect("a folder"), http: client() }
    }

    pub fn text(&self, name: &str) -> &str {
        self.state[name].as_str().expect("the state holds it")
    }

    pub async fn control(&self, method: &str, path: &str, body: Value) -> Value {
        let url = format!("{}/local-stack/{path}", self.text("endpoint"));
        let request = self.http.request(method.parse().expect("a method"), url);
        let response = request.header("content-type", "application/json").body(body.to_string()).send().await;
        let response = response.expect("the stack answers");
        assert!(response.status().is_success(), "{method} {path}: {}", response.status());
        serde_json::from_slice(&response.bytes().await.expect("whole")).unwrap_or(Value::Null)
    }

    pub async fn register(&self, name: &str, level: &str, item: Value) -> Server {
        Server(self.control("POST", "servers", json!({"server_name": name, "level": level, "item": item})).await)
    }

    /// The URL of the vending API.
    pub fn api(&self) -> &str {
        &self.api
    }

    /// A fresh access token of the server's app client.
    pub async fn access_token(&self, server: &Server) -> String {
        let request = self.http.post(self.text("token_endpoint"));
        let request = request.basic_auth(server.text("client_id"), Some(server.text("client_secret")));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let response = request.body("grant_type=client_credentials").send().await.expect("the stack answers");
        let body: Value = serde_json::from_slice(&response.bytes().await.expect("whole")).expect("JSON");
        body["access_token"].as_str().expect("a token").to_owned()
    }

    pub fn environment(&self, server: &Server) -> Vec<(&'static str, String)> {
        vec![
            ("IDP_TYPE", "cognito".to_owned()),
            ("AWS_REGION", self.text("region").to_owned()),
            ("COGNITO_TOKEN_ENDPOINT", self.text("token_endpoint").to_owned()),
            ("COGNITO_CLIENT_ID", server.text("client_id").to_owned()),
            ("COGNITO_CLIENT_SECRET", server.text("client_secret").to_owned()),
            ("COGNITO_CREDENTIAL_API_URL", format!("{}/credentials", self.api)),
            ("CREDVEND_CACHE_DIR", self.home.path().join(server.text("server_name")).display().to_string()),
        ]
    }

    async fn get_credentials(&self, server: &Server) -> Ran {
        let mut command = Command::new(tests::process::binary("credvend"));
        command.arg("get-credentials").env_clear().envs(self.environment(server));
        run(command).await
    }

    /// A plain `aws s3 …` whose profile runs credvend.
    async fn aws(&self, server: &Server, arguments: &[&str]) -> Ran {
        let home = self.home.path();
        let name = server.text("server_name");
        let lines: Vec<_> =
            self.environment(server).into_iter().map(|(name, value)| format!("export {name}='{value}'")).collect();
        let env_file = home.join(format!("{name}.env"));
        std::fs::write(&env_file, lines.join("\n")).expect("a writable folder");
        let config = home.join(format!("{name}.config"));
        let credvend = tests::process::binary("credvend");
        let process = format!("{} --env-file {} get-credentials", credvend.display(), env_file.display());
        std::fs::write(
            &config,
            format!("[profile credvend]\nregion = {}\ncredential_process = {process}\n", self.text("region")),
        )
        .expect("a writable folder");
        let mut command = Command::new(repository().join(".tools/venv/bin/aws"));
        command.env_clear().envs([
            ("HOME", home.as_os_str()),
            ("PATH", std::env::var_os("PATH").unwrap_or_default().as_os_str()),
            ("AWS_CONFIG_FILE", config.as_os_str()),
            ("AWS_PROFILE", "credvend".as_ref()),
            ("AWS_EC2_METADATA_DISABLED", "true".as_ref()),
            ("AWS_ENDPOINT_URL", self.text("endpoint").as_ref()),
        ]);
        command.arg("s3").args(arguments);
        run(command).await
    }

    fn s3(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.text("bucket"))
    }
}

#[tokio::test]
async fn the_whole_product_on_the_local_stack() {
    let mut stack = Stack::start().await;
    upload_download_and_refusals(&stack).await;
    session_policies_hold_where_the_role_allows_more(&stack).await;
    a_removed_server_gets_nothing_more(&stack).await;
    roles_that_cannot_be_assumed(&stack).await;
    keys_rotate_while_serving(&stack).await;
    stack.lambda.wait_for("\"decision\":\"allow\"").await;
}

async fn upload_download_and_refusals(stack: &Stack) {
    let one = stack.register("web-01", "read-write", json!({})).await;
    let two = stack.register("web-02", "write", json!({})).await;
    let file = stack.home.path().join("file.txt");
    std::fs::write(&file, "hello").unwrap();
    let file = file.to_str().unwrap();
    let own = stack.s3(&format!("{}file.txt", one.text("s3_path_prefix")));

    let ran = stack.aws(&one, &["cp", file, &own]).await;
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    assert_eq!(stack.aws(&one, &["cp", &own, "-"]).await.stdout(), "hello");
    for (server, arguments) in [
        (&one, ["cp", file, &stack.s3("logs/web-02/file.txt")]),
        (&one, ["cp", file, &stack.s3("file.txt")]),
        (&two, ["cp", file, &own]),
        (&two, ["cp", &own, "-"]),
    ] {
        let ran = stack.aws(server, &arguments).await;
        // A download asks for the object's head first, whose refusal has no body to say more than 403.
        let refused = ran.stderr().contains("AccessDenied") || ran.stderr().contains("(403)");
        assert!(ran.code() != Some(0) && refused, "{arguments:?}: {}", ran.stderr());
    }

    let key = stack.get_credentials(&one).await.credentials()["AccessKeyId"].as_str().unwrap().to_owned();
    let requests = stack.control("GET", "requests", Value::Null).await;
    let signed = |api: &str| {
        requests["requests"]
            .as_array()
            .unwrap()
            .iter()
            .any(|request| request["api"] == api && request["access_key"] == key.as_str())
    };
    assert!(signed("s3:PutObject"), "the upload was signed with another key than {key}");
    let assumed = requests["requests"]
        .as_array()
        .unwrap()
        .iter()
        .find(|request| request["api"] == "sts:AssumeRole")
        .unwrap()
        .clone();
    assert_eq!(assumed["detail"]["SourceIdentity"], one.text("client_id"));
    assert_eq!(assumed["detail"]["RoleSessionName"], format!("web-01-{}", one.text("client_id")));
}

/// The shared-role case: the role may do everything in the bucket, the session only what its policy says.
async fn session_policies_hold_where_the_role_allows_more(stack: &Stack) {
    let wide = stack.register("shared", "full", json!({"session_policy": "s3-prefix", "s3_permissions": "full"})).await;
    let narrow = json!({"role_arn": wide.text("role_arn"), "s3_path_prefix": "logs/shared/one/", "session_policy": "s3-prefix", "s3_permissions": "write"});
    let one = stack.register("shared-one", "write", narrow).await;
    let file = stack.home.path().join("file.txt");
    let file = file.to_str().unwrap();
    let allowed = stack.aws(&one, &["cp", file, &stack.s3("logs/shared/one/a.txt")]).await;
    assert_eq!(allowed.code(), Some(0), "{}", allowed.stderr());
    let refused = stack.aws(&one, &["cp", file, &stack.s3("logs/shared/two/a.txt")]).await;
    assert!(refused.stderr().contains("AccessDenied"), "{}", refused.stderr());
    let refused = stack.aws(&one, &["ls", &stack.s3("logs/shared/one/")]).await;
    assert!(refused.stderr().contains("AccessDenied"), "write does not list: {}", refused.stderr());
    let listed = stack.aws(&wide, &["ls", &stack.s3("logs/shared/")]).await;
    assert_eq!(listed.code(), Some(0), "full lists: {}", listed.stderr());
    let refused = stack.aws(&wide, &["ls", &stack.s3("logs/")]).await;
    assert!(refused.stderr().contains("AccessDenied"), "but not above its prefix: {}", refused.stderr());
}

async fn a_removed_server_gets_nothing_more(stack: &Stack) {
    let server = stack.register("removed", "write", json!({})).await;
    stack.get_credentials(&server).await.credentials();
    stack.control("DELETE", "servers/removed", Value::Null).await;
    std::fs::remove_dir_all(stack.home.path().join("removed")).unwrap();
    let ran = stack.get_credentials(&server).await;
    assert_eq!(ran.code(), Some(3), "{}", ran.stderr());
}

async fn roles_that_cannot_be_assumed(stack: &Stack) {
    let missing = json!({"role_arn": format!("arn:aws:iam::{}:role/credvend-missing", stack.text("account_id"))});
    let wrong_id = stack.register("wrong-external-id", "write", json!({"external_id": "right"})).await;
    stack.control("PATCH", "servers/wrong-external-id", json!({"item": {"external_id": "wrong"}})).await;
    for server in [stack.register("no-role", "write", missing).await, wrong_id] {
        let token = stack.token(&server).await;
        let response = stack.http.post(format!("{}/credentials", stack.api)).bearer_auth(token).send().await.unwrap();
        assert_eq!(response.status().as_u16(), 502, "{}", server.text("server_name"));
        let body = response.text().await.unwrap();
        assert!(body.contains("role_not_assumable"), "{body}");
    }
}

async fn keys_rotate_while_serving(stack: &Stack) {
    let server = stack.register("rotated", "write", json!({})).await;
    let old = stack.token(&server).await;
    assert_eq!(stack.vend(&old).await, 200);
    stack.control("POST", "rotate-key", Value::Null).await;
    let new = stack.token(&server).await;
    let header = |token: &str| token.split('.').next().map(str::to_owned);
    assert_ne!(header(&old), header(&new), "another kid");
    // Within the cool-down of the last fetch the new key may not have been looked for yet.
    let mut status = stack.vend(&new).await;
    for _ in 0..150 {
        if status == 200 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        status = stack.vend(&new).await;
    }
    assert_eq!(status, 200);
    assert_eq!(stack.vend(&old).await, 200, "the old key is still published");
}

impl Stack {
    async fn token(&self, server: &Server) -> String {
        let request = self.http.post(self.text("token_endpoint"));
        let request = request.basic_auth(server.text("client_id"), Some(server.text("client_secret")));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let response = request.body("grant_type=client_credentials").send().await.expect("the stack answers");
        let answer: Value = serde_json::from_slice(&response.bytes().await.expect("whole")).expect("JSON");
        answer["access_token"].as_str().expect("a token").to_owned()
    }

    async fn vend(&self, token: &str) -> u16 {
        let request = self.http.post(format!("{}/credentials", self.api)).bearer_auth(token);
        request.send().await.expect("the service answers").status().as_u16()
    }
}
