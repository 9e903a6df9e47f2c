//! The outside: AWS, Cognito and Auth0 on loopback, the vending API, and one server registered with each.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tests::process::{Process, repository};

use super::clock::Clock;
use crate::local_stack;
use crate::machine::run;
use crate::service::client;

const AUTH0_DOMAIN: &str = "example.eu.auth0.com";
const AUDIENCE: &str = "https://credvend.example.com";

pub(super) struct World {
    _stack: Process,
    pub(super) lambda: Process,
    state: Value,
    api: String,
    http: reqwest::Client,
    /// Registered with Cognito and the vending API.
    pub(super) server: Server,
    /// Registered with Auth0, with a role that trusts its tokens.
    pub(super) federated: Server,
}

/// What one machine has to know.
pub(super) struct Server {
    pub(super) prefix: String,
    pub(super) role_arn: String,
    /// The client's variables.
    pub(super) variables: Vec<(&'static str, String)>,
}

impl World {
    /// Everything of it on this clock.
    pub(super) async fn start(clock: &Clock) -> Self {
        let (stack, state) = local_stack::start().await;
        let mut lambda =
            crate::service::start_process(&[local_stack::lambda_environment(&state), clock.variables()].concat());
        let address = lambda.wait_for("listening on ").await;
        let api = address.split('"').next().expect("split yields at least one part").to_owned();
        let nobody = || Server { prefix: String::new(), role_arn: String::new(), variables: Vec::new() };
        let mut world =
            Self { _stack: stack, lambda, state, api, http: client(), server: nobody(), federated: nobody() };
        world.follow(clock).await;
        (world.server, world.federated) = tokio::join!(world.register_server(), world.register_federated());
        world
    }

    pub(super) fn text(&self, pointer: &str) -> &str {
        self.state.pointer(pointer).and_then(Value::as_str).expect("the state holds it")
    }

    /// A control route of the local stack.
    pub(super) async fn control(&self, method: &str, path: &str, body: Value) -> Value {
        let url = format!("{}/local-stack/{path}", self.text("/endpoint"));
        let request = self.http.request(method.parse().expect("a method"), url);
        let request = request.header("content-type", "application/json").body(body.to_string());
        let response = request.send().await.expect("the stack answers");
        let status = response.status();
        let text = response.text().await.expect("whole");
        assert!(status.is_success(), "{method} {path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// Puts the stack's clock to where the programs' is.
    pub(super) async fn follow(&self, clock: &Clock) {
        self.control("POST", "settings", json!({"clock_offset_seconds": clock.offset_seconds()})).await;
    }

    /// Requests to one API, oldest first.
    pub(super) async fn requests(&self, api: &str) -> Vec<Value> {
        let all = self.control("GET", "requests", Value::Null).await;
        let all = all["requests"].as_array().cloned().unwrap_or_default();
        all.into_iter().filter(|request| request["api"] == api).collect()
    }

    /// Of Auth0's tokens from now on, whatever the stack's own setting says.
    pub(super) async fn set_federated_token_lifetime(&self, lifetime: Duration) {
        let body = json!({"issuer": format!("https://{AUTH0_DOMAIN}/"), "lifetime_seconds": lifetime.as_secs()});
        self.control("POST", "idp/overrides", body).await;
    }

    async fn register_server(&self) -> Server {
        let made = self.control("POST", "servers", json!({"server_name": "web-01", "level": "full"})).await;
        let text = |name: &str| made[name].as_str().expect("the stack answers with text").to_owned();
        let variables = vec![
            ("IDP_TYPE", "cognito".to_owned()),
            ("AWS_REGION", self.text("/region").to_owned()),
            ("COGNITO_TOKEN_ENDPOINT", self.text("/token_endpoint").to_owned()),
            ("COGNITO_CLIENT_ID", text("client_id")),
            ("COGNITO_CLIENT_SECRET", text("client_secret")),
            ("COGNITO_CREDENTIAL_API_URL", format!("{}/credentials", self.api)),
        ];
        Server { prefix: text("s3_path_prefix"), role_arn: text("role_arn"), variables }
    }

    async fn register_federated(&self) -> Server {
        let tenant = format!("idp/auth0/{AUTH0_DOMAIN}");
        // RFC 9068's profile, whose tokens have no `azp`: STS goes by `aud`.
        let api = json!({"identifier": AUDIENCE, "token_dialect": "rfc9068_profile"});
        self.control("POST", &format!("{tenant}/resource-servers"), api).await;
        let application = json!({"name": "web-02", "app_type": "non_interactive"});
        let made = self.control("POST", &format!("{tenant}/clients"), application).await;
        let text = |name: &str| made[name].as_str().expect("the stack answers with text").to_owned();
        let grant = json!({"client_id": text("client_id"), "audience": AUDIENCE});
        self.control("POST", &format!("{tenant}/client-grants"), grant).await;
        let provider = json!({"issuer": format!("https://{AUTH0_DOMAIN}/"), "audiences": [AUDIENCE]});
        let provider = self.control("POST", "issuers", provider).await;
        let prefix = "logs/web-02/".to_owned();
        let subject = format!("{}@clients", text("client_id"));
        let role_arn = self.make_role(&provider["provider_arn"], &subject, &prefix).await;
        let variables = vec![
            ("IDP_TYPE", "auth0".to_owned()),
            ("AWS_REGION", self.text("/region").to_owned()),
            ("AWS_ENDPOINT_URL_STS", self.text("/endpoint").to_owned()),
            ("AWS_ROLE_ARN", role_arn.clone()),
            (
                "AUTH0_TOKEN_ENDPOINT",
                format!("{}/local-stack/internet/{AUTH0_DOMAIN}/oauth/token", self.text("/endpoint")),
            ),
            ("AUTH0_CLIENT_ID", text("client_id")),
            ("AUTH0_CLIENT_SECRET", text("client_secret")),
            ("AUTH0_AUDIENCE", AUDIENCE.to_owned()),
        ];
        Server { prefix, role_arn, variables }
    }

    /// A role for one subject's tokens and one prefix, made by the account's administrator.
    async fn make_role(&self, provider_arn: &Value, subject: &str, prefix: &str) -> String {
        const NAME: &str = "web-02";
        let condition = |claim: &str, value: &str| (format!("{AUTH0_DOMAIN}/:{claim}"), json!(value));
        let conditions: serde_json::Map<_, _> =
            [condition("aud", AUDIENCE), condition("sub", subject)].into_iter().collect();
        let trust = json!({
            "Effect": "Allow", "Principal": {"Federated": provider_arn}, "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": conditions},
        });
        let bucket = format!("arn:aws:s3:::{}", self.text("/bucket"));
        let objects = json!({
            "Effect": "Allow", "Action": ["s3:PutObject", "s3:GetObject"], "Resource": format!("{bucket}/{prefix}*"),
        });
        let list = json!({
            "Effect": "Allow", "Action": "s3:ListBucket", "Resource": bucket,
            "Condition": {"StringLike": {"s3:prefix": format!("{prefix}*")}},
        });
        let policy = |statements: &[Value]| json!({"Version": "2012-10-17", "Statement": statements}).to_string();
        let made = self
            .administer(&["create-role", "--role-name", NAME, "--assume-role-policy-document", &policy(&[trust])])
            .await;
        let put = ["put-role-policy", "--role-name", NAME, "--policy-name", "s3", "--policy-document"];
        self.administer(&[&put[..], &[&policy(&[objects, list])]].concat()).await;
        made["Role"]["Arn"].as_str().expect("a role has an ARN").to_owned()
    }

    /// Of the account: who may do everything.
    pub(super) fn administrator(&self) -> [(&'static str, &str); 4] {
        [
            ("AWS_ENDPOINT_URL", self.text("/endpoint")),
            ("AWS_DEFAULT_REGION", self.text("/region")),
            ("AWS_ACCESS_KEY_ID", self.text("/admin/access_key_id")),
            ("AWS_SECRET_ACCESS_KEY", self.text("/admin/secret_access_key")),
        ]
    }

    async fn administer(&self, arguments: &[&str]) -> Value {
        let mut command = Command::new(repository().join(".tools/consumers/bin/aws"));
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).envs(self.administrator());
        command.args(["--output", "json", "iam"]).args(arguments);
        let ran = run(command).await;
        assert_eq!(ran.code(), Some(0), "{arguments:?}: {}", ran.stderr());
        serde_json::from_str(&ran.stdout()).unwrap_or(Value::Null)
    }
}
