//! The local stack, an index, secrets as AWS leaves them when a rotation begins, and the function.

use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_secretsmanager::types::RotationRulesType;
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::lambda_runtime::LambdaRuntime;
use tests::process::{Process, binary, repository};

use crate::local_stack;
use crate::machine::run;
use crate::secrets::leak;

pub const STEPS: [&str; 4] = ["createSecret", "setSecret", "testSecret", "finishSecret"];
/// The index knows all three; the first was in use until now.
pub const OLD: &str = "pypi-CANARY-old-AgEIcHlwaS5vcmcCJDAwMDAwMDAwLTAwMDAtNDAwMC04MDAw";
pub const NEW: &str = "pypi-CANARY-new-AgEIcHlwaS5vcmcCJDAwMDAwMDAwLTAwMDAtNDAwMC04MDAw";
pub const NEXT: &str = "pypi-CANARY-nxt-AgEIcHlwaS5vcmcCJDAwMDAwMDAwLTAwMDAtNDAwMC04MDAw";
/// And this one it does not know.
pub const REVOKED: &str = "pypi-CANARY-rev-AgEIcHlwaS5vcmcCJDAwMDAwMDAwLTAwMDAtNDAwMC04MDAw";

pub struct World {
    _stack: Process,
    pub state: Value,
    pub admin: Client,
    index: Process,
    pub index_url: String,
    folder: TempDir,
    count: AtomicU64,
}

/// A secret, and the version that its rotation makes.
pub struct Secret {
    pub name: String,
    pub arn: String,
    pub version: String,
}

impl World {
    pub async fn start() -> Self {
        let (stack, state) = local_stack::start().await;
        let text = |pointer: &str| state.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let keys =
            Credentials::new(text("/admin/access_key_id"), text("/admin/secret_access_key"), None, None, "admin");
        let config = aws_sdk_secretsmanager::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(text("/region")))
            .endpoint_url(text("/endpoint"))
            .credentials_provider(keys)
            .build();
        let folder = tempfile::tempdir().expect("a folder");
        let (tokens, packages) = (folder.path().join("tokens"), folder.path().join("packages"));
        std::fs::write(&tokens, format!("{OLD}\n{NEW}\n{NEXT}\n")).expect("a writable folder");
        std::fs::create_dir(&packages).expect("a writable folder");
        let python = repository().join(".tools/pypi/bin/python");
        assert!(python.exists(), "{} is missing: run scripts/setup --pypi", python.display());
        let mut command = Command::new(python);
        command.arg(repository().join("tests/pypi-index/serve.py")).arg(tokens).arg(packages);
        let mut index = Process::spawn(command);
        let index_url = index.wait_for("index on ").await;
        let admin = Client::from_conf(config);
        Self { _stack: stack, state, admin, index, index_url, folder, count: AtomicU64::new(1) }
    }

    pub fn text(&self, pointer: &str) -> &str {
        self.state.pointer(pointer).and_then(Value::as_str).expect("the state holds it")
    }

    /// What the index has stored: nothing, however often tokens were tried.
    pub fn packages(&self) -> usize {
        std::fs::read_dir(self.folder.path().join("packages")).expect("it is there").count()
    }

    pub fn value(&self, token: &str) -> Value {
        json!({"token": token, "repository": self.index_url, "package": "demo", "owner": "team-1"})
    }

    /// A secret with the old token, the new one staged, and a rotation that has begun.
    pub async fn rotating(&self) -> Secret {
        let secret = self.secret(&self.value(OLD).to_string()).await;
        self.stage(&secret, &json!({"token": NEW}).to_string()).await;
        self.begin(&secret).await;
        secret
    }

    pub async fn secret(&self, value: &str) -> Secret {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let name = format!("demo-{count}/pypi-token");
        let made = self.admin.create_secret().name(&name).secret_string(value).send().await.expect("a secret");
        let version = format!("00000000-0000-4000-8000-{count:012x}");
        Secret { name, arn: made.arn.expect("it has one"), version }
    }

    pub async fn stage(&self, secret: &Secret, value: &str) {
        let name = format!("{}/next", secret.name);
        let made = self.admin.create_secret().name(&name).secret_string(value).send().await;
        if made.is_err() {
            self.admin.put_secret_value().secret_id(&name).secret_string(value).send().await.expect("written");
        }
    }

    /// The pending version without a value that `RotateSecret` makes before it calls the function. moto makes it, sees that
    /// there is no such function, and leaves the steps to us.
    pub async fn begin(&self, secret: &Secret) {
        let function = "arn:aws:lambda:eu-west-1:123456789012:function:none";
        let rules = RotationRulesType::builder().automatically_after_days(90).build();
        let rotation = self.admin.rotate_secret().secret_id(&secret.arn).client_request_token(&secret.version);
        let begun = rotation.rotation_lambda_arn(function).rotation_rules(rules).send().await;
        begun.expect_err("there is no such function");
        assert_eq!(self.labels(secret, &secret.version).await, ["AWSPENDING"]);
    }

    pub async fn labels(&self, secret: &Secret, version: &str) -> Vec<String> {
        let described = self.admin.describe_secret().secret_id(&secret.arn).send().await.expect("it is there");
        let versions = described.version_ids_to_stages.unwrap_or_default();
        let mut labels = versions.get(version).cloned().unwrap_or_default();
        labels.sort();
        labels
    }

    /// The value with a label; `None` where no version with a value has it.
    pub async fn value_of(&self, name: &str, label: &str) -> Option<Value> {
        let value = self.admin.get_secret_value().secret_id(name).version_stage(label).send().await.ok()?;
        serde_json::from_str(value.secret_string.as_deref()?).ok()
    }

    pub async fn current(&self, secret: &Secret) -> Value {
        self.value_of(&secret.arn, "AWSCURRENT").await.expect("there is always a current value")
    }

    pub async fn staged(&self, secret: &Secret) -> Option<Value> {
        self.value_of(&format!("{}/next", secret.name), "AWSCURRENT").await
    }

    /// The new token is current, the old one the one before, and the staged one is used up.
    pub async fn is_rotated(&self, secret: &Secret) {
        assert_eq!(self.current(secret).await, self.value(NEW), "all but the token is kept");
        assert_eq!(self.value_of(&secret.arn, "AWSPREVIOUS").await, Some(self.value(OLD)));
        assert_eq!(self.staged(secret).await, Some(json!({"used_by_version": secret.version})));
    }
}

pub struct Function {
    runtime: LambdaRuntime,
    process: Process,
}

/// A step that was not taken.
#[derive(Debug)]
pub struct Failure {
    pub kind: String,
    pub message: String,
}

/// What the deployments allow the function on the secret, and on that of the staged token.
pub const ON_SECRET: &[&str] = &["DescribeSecret", "GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage"];
pub const ON_STAGED: &[&str] = &["GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage"];

impl World {
    /// Keys of a session whose role may do this and no more.
    pub async fn session(&self, role: &str, on_staged: &[&str]) -> Vec<(&'static str, String)> {
        let statement = |actions: &[&str], secrets: &str| {
            let actions: Vec<_> = actions.iter().map(|action| format!("secretsmanager:{action}")).collect();
            let arn = format!("arn:aws:secretsmanager:*:*:secret:demo-*/pypi-token{secrets}-??????");
            json!({"Effect": "Allow", "Action": actions, "Resource": arn})
        };
        let statements = [statement(ON_SECRET, ""), statement(on_staged, "/next")];
        let policy = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
        let account = self.text("/account_id");
        let admin = format!("arn:aws:iam::{account}:root");
        let trust = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": admin}, "Action": "sts:AssumeRole"},
        ]})
        .to_string();
        self.aws(&["iam", "create-role", "--role-name", role, "--assume-role-policy-document", &trust]).await;
        let put =
            ["iam", "put-role-policy", "--role-name", role, "--policy-name", "rotate", "--policy-document", &policy];
        self.aws(&put).await;
        let arn = format!("arn:aws:iam::{account}:role/{role}");
        let session = self.aws(&["sts", "assume-role", "--role-arn", &arn, "--role-session-name", "function"]).await;
        let key = |name: &str| session["Credentials"][name].as_str().expect("it has keys").to_owned();
        vec![
            ("AWS_ACCESS_KEY_ID", key("AccessKeyId")),
            ("AWS_SECRET_ACCESS_KEY", key("SecretAccessKey")),
            ("AWS_SESSION_TOKEN", key("SessionToken")),
        ]
    }

    async fn aws(&self, arguments: &[&str]) -> Value {
        let mut command = Command::new(repository().join(".tools/venv/bin/aws"));
        command.args(arguments).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).envs([
            ("AWS_DEFAULT_REGION", self.text("/region")),
            ("AWS_ENDPOINT_URL", self.text("/endpoint")),
            ("AWS_ACCESS_KEY_ID", self.text("/admin/access_key_id")),
            ("AWS_SECRET_ACCESS_KEY", self.text("/admin/secret_access_key")),
        ]);
        let ran = run(command).await;
        assert_eq!(ran.code(), Some(0), "{arguments:?}: {}", ran.stderr());
        serde_json::from_str(&ran.stdout()).unwrap_or(Value::Null)
    }
}

impl Function {
    /// In front of Secrets Manager at `endpoint`, as the administrator unless `more` has other keys.
    pub async fn start(world: &World, endpoint: &str, more: &[(&str, &str)]) -> Self {
        let runtime = LambdaRuntime::start().await;
        let mut command = Command::new(binary("pypi-rotation"));
        command.env_clear().envs(runtime.environment()).envs([
            ("AWS_REGION", world.text("/region")),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", endpoint),
            ("AWS_ACCESS_KEY_ID", world.text("/admin/access_key_id")),
            ("AWS_SECRET_ACCESS_KEY", world.text("/admin/secret_access_key")),
            ("LOG_LEVEL", "debug"),
        ]);
        command.envs(more.iter().copied());
        Self { runtime, process: Process::spawn(command) }
    }

    pub async fn step(&self, secret: &Secret, step: &str) -> Result<(), Failure> {
        self.step_with(secret, step, vec![]).await
    }

    /// With another deadline than half a minute.
    pub async fn step_within(&self, secret: &Secret, step: &str, time: Duration) -> Result<(), Failure> {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
        let deadline = (now + time).as_millis().to_string();
        self.step_with(secret, step, vec![("lambda-runtime-deadline-ms", deadline)]).await
    }

    async fn step_with(
        &self,
        secret: &Secret,
        step: &str,
        headers: Vec<(&'static str, String)>,
    ) -> Result<(), Failure> {
        let event = json!({"SecretId": secret.arn, "ClientRequestToken": secret.version, "Step": step});
        self.send(&event.to_string(), headers).await
    }

    pub async fn send(&self, event: &str, headers: Vec<(&'static str, String)>) -> Result<(), Failure> {
        let (answer, _) = self.runtime.invoke_with(event, headers).await;
        no_leak(&answer.body);
        if !answer.failed {
            assert_eq!(answer.body, "null");
            return Ok(());
        }
        let error: Value = serde_json::from_str(&answer.body).expect("an error is JSON");
        let text = |name: &str| error[name].as_str().expect("it is text").to_owned();
        Err(Failure { kind: text("errorType"), message: text("errorMessage") })
    }

    /// As Secrets Manager does: one step after the other, until one fails.
    pub async fn rotate(&self, secret: &Secret) -> Result<(), Failure> {
        for step in STEPS {
            self.step(secret, step).await?;
        }
        Ok(())
    }

    /// In the middle of whatever it does.
    pub fn kill(mut self) {
        self.process.child.kill().expect("it runs");
    }

    pub async fn stop(mut self) -> String {
        let output = self.process.stop().await;
        no_leak(&output);
        output
    }
}

impl World {
    pub async fn stop(mut self) {
        no_leak(&self.index.stop().await);
    }
}

/// No token, and none of what AWS says in an error.
fn no_leak(text: &str) {
    assert_eq!(leak(text, &[OLD, NEW, NEXT, REVOKED, "CANARY"]), None, "{text}");
}
