//! `credvend secret get`: in a job that may read one secret and nothing else, and before a Secrets Manager that says no.

use std::collections::HashMap;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tempfile::TempDir;
use tests::http_server::{HttpServer, Reply};
use tests::process::{Process, binary, repository};

use crate::local_stack;
use crate::machine::{Ran, run};
use crate::secrets::leak;
use crate::service::client;

const TOKEN: &str = "pypi-CANARY-AgEIcHlwaS5vcmc";
const KEY: &str = "CANARY-secret-access-key";
/// What would end a careless assignment and set two variables, and what a careless mask would let through.
const HOSTILE: &str = "CANARY-line-1\nEOF\nPATH=/evil\nLD_PRELOAD<<x\r\n50%0A::stop-commands::x\n\nCANARY-last";

/// A job's folder, with the file that its runner reads.
struct Job {
    folder: TempDir,
    variables: Vec<(&'static str, String)>,
}

impl Job {
    /// With keys in the environment, and Secrets Manager at `endpoint`.
    fn with_keys(endpoint: &str) -> Self {
        Self::new(vec![
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", endpoint.to_owned()),
            ("AWS_ACCESS_KEY_ID", "ASIACANARY".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", KEY.to_owned()),
            ("AWS_SESSION_TOKEN", "CANARY-session-token".to_owned()),
        ])
    }

    fn new(mut variables: Vec<(&'static str, String)>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("env"), "").expect("a writable folder");
        variables.extend([
            ("AWS_REGION", "eu-west-1".to_owned()),
            ("HOME", folder.path().display().to_string()),
            ("GITHUB_ENV", folder.path().join("env").display().to_string()),
            ("GITHUB_ACTIONS", "true".to_owned()),
        ]);
        Self { folder, variables }
    }

    /// No job at all: a shell.
    fn outside(variables: Vec<(&'static str, String)>) -> Self {
        let mut shell = Self::new(variables);
        shell.variables.retain(|(name, _)| !name.starts_with("GITHUB_"));
        shell
    }

    fn env_file(&self) -> PathBuf {
        self.folder.path().join("env")
    }

    async fn get(&self, arguments: &[&str], changes: &[(&str, &str)]) -> Ran {
        let mut command = Command::new(binary("credvend"));
        command.args(["--log-level", "debug", "secret", "get"]).args(arguments).env_clear();
        command.envs(self.variables.iter().map(|(name, value)| (*name, value.as_str())));
        command.envs(changes.iter().copied());
        run(command).await
    }
}

/// The variables that the runner sets (actions/runner, `FileCommandManager`).
fn variables_of(path: &Path) -> HashMap<String, String> {
    let text = std::fs::read_to_string(path).expect("a readable file");
    let mut lines = text.split('\n').peekable();
    let mut found = HashMap::new();
    while let Some(line) = lines.next() {
        let (equals, heredoc) = (line.find('='), line.find("<<"));
        match (equals, heredoc) {
            (equals, Some(at)) if equals.is_none_or(|equals| at < equals) => {
                let delimiter = &line[at + 2..];
                let value: Vec<_> = lines.by_ref().take_while(|line| *line != delimiter).collect();
                found.insert(line[..at].to_owned(), value.join("\n"));
            }
            (Some(at), _) => drop(found.insert(line[..at].to_owned(), line[at + 1..].to_owned())),
            (None, _) => assert!(line.is_empty(), "{line:?}"),
        }
    }
    found
}

/// What the runner hides.
fn masks_of(output: &str) -> Vec<String> {
    let masks = output.lines().filter_map(|line| line.strip_prefix("::add-mask::"));
    masks.map(|mask| mask.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")).collect()
}

#[tokio::test]
async fn a_job_reads_its_one_secret() {
    let stack = Stack::start().await;
    let secret =
        stack.secret("demo/pypi-token", &json!({"token": TOKEN, "hostile": HOSTILE, "n": 7}).to_string()).await;
    stack.secret("demo/plain", TOKEN).await;
    let job = stack.job(&secret).await;

    // One stream: whoever shows the value has read the masks.
    for (field, value) in [("token", TOKEN), ("hostile", HOSTILE)] {
        let ran = job.get(&["demo/pypi-token", "--field", field, "--show"], &[]).await;
        let stdout = ran.stdout();
        let (masks, shown) = stdout.split_at(stdout.rfind("::add-mask::").expect("there is a mask"));
        let (last, shown) = shown.split_once('\n').expect("a command has a line");
        assert_eq!((ran.code(), shown), (Some(0), format!("{value}\n").as_str()), "{}", ran.stderr());
        let masks = masks_of(&format!("{masks}{last}"));
        let lines = value.split(['\r', '\n']).filter(|line| !line.is_empty());
        assert!(lines.clone().all(|line| masks.contains(&line.to_owned())), "{masks:?}");
        assert_eq!(leak(&ran.stderr(), &["CANARY"]), None, "{}", ran.stderr());
    }
    let ran = job.get(&[&secret, "--field", "n"], &[("GITHUB_ACTIONS", ""), ("AWS_REGION", "eu-west-1")]).await;
    assert_eq!((ran.code(), ran.stdout()), (Some(0), "7\n".to_owned()), "by its ARN: {}", ran.stderr());
    assert!(!ran.stderr().contains("add-mask"), "no runner, no command");

    // What another step left without a line break stays what it is.
    std::fs::write(job.env_file(), "BEFORE=1").unwrap();
    for (field, variable) in [("token", "TWINE_PASSWORD"), ("hostile", "HOSTILE")] {
        let arguments = ["demo/pypi-token", "--field", field, "--github-env", variable];
        let ran = job.get(&arguments, &[]).await;
        assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
        assert!(ran.stdout().lines().all(|line| line.starts_with("::add-mask::")), "{}", ran.stdout());
        let value = if field == "token" { TOKEN } else { HOSTILE };
        let masks = masks_of(&ran.stdout());
        let lines = value.split(['\r', '\n']).filter(|line| !line.is_empty());
        assert!(masks.contains(&value.to_owned()) && lines.clone().all(|line| masks.contains(&line.to_owned())));
        assert_eq!(leak(&ran.stderr(), &["CANARY"]), None, "{}", ran.stderr());
    }
    let expected = [("BEFORE", "1"), ("TWINE_PASSWORD", TOKEN), ("HOSTILE", HOSTILE)];
    assert_eq!(variables_of(&job.env_file()), expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    let text = std::fs::read_to_string(job.env_file()).unwrap();
    let delimiters: std::collections::HashSet<_> =
        text.lines().filter_map(|line| line.split_once("<<credvend_")).collect();
    assert_eq!(delimiters.len(), 2, "each has its own: {text}");

    // The role may read this one alone. Keys of another program do not count beside a named identity.
    for (arguments, code, words) in [
        (&["demo/plain", "--show"][..], 3, "secretsmanager:GetSecretValue"),
        (&["demo/none", "--show"], 3, "AWS says the same of secrets that do not exist"),
        (&["demo/pypi-token", "--field", "nothing", "--show"], 1, "it has `hostile`, `n`, `token`"),
        (&["demo/pypi-token", "--field", "token"], 2, "--github-env VAR"),
    ] {
        let ran = job.get(arguments, &[("AWS_ACCESS_KEY_ID", "AKIANOBODY"), ("AWS_SECRET_ACCESS_KEY", KEY)]).await;
        assert_eq!(ran.code(), Some(code), "{arguments:?}: {}", ran.stderr());
        assert!(ran.stderr().contains(words) && ran.stdout().is_empty(), "{}", ran.stderr());
        assert_eq!(leak(&ran.stderr(), &["CANARY"]), None, "{}", ran.stderr());
    }
    // The administrator's keys, from the environment.
    let admin = Job::outside(stack.admin());
    let ran = admin.get(&["demo/plain"], &[]).await;
    assert_eq!((ran.code(), ran.stdout()), (Some(0), format!("{TOKEN}\n")), "{}", ran.stderr());
    let ran = admin.get(&["demo/none"], &[]).await;
    assert!(ran.code() == Some(1) && ran.stderr().contains("no such secret"), "{}", ran.stderr());
    let ran = admin.get(&["demo/plain", "--field", "token"], &[]).await;
    assert!(ran.code() == Some(1) && ran.stderr().contains("is not a JSON object"), "{}", ran.stderr());
    let ran = admin.get(&["demo/plain"], &[("AWS_SECRET_ACCESS_KEY", "wrong")]).await;
    assert_eq!(ran.code(), Some(1), "a signature is about keys and clocks: {}", ran.stderr());
}

/// What Secrets Manager says, and what follows.
#[tokio::test]
async fn refusals_by_their_cause() {
    let error = |code: &str| json!({"__type": code, "message": "CANARY: words of AWS"}).to_string();
    let kms = json!({"__type": "AccessDeniedException", "Message": "Access to KMS is not allowed"}).to_string();
    let secret = |members: Value| members.to_string();
    for (status, body, code, words) in [
        (400, error("AccessDeniedException"), 3, "secretsmanager:GetSecretValue"),
        (400, error("com.amazonaws.secretsmanager#AccessDeniedException"), 3, "secretsmanager:GetSecretValue"),
        (400, kms, 3, "kms:Decrypt"),
        (400, error("DecryptionFailure"), 3, "kms:Decrypt"),
        (400, error("ResourceNotFoundException"), 1, "no such secret"),
        (400, error("InvalidRequestException"), 1, "marked for deletion"),
        (400, error("UnrecognizedClientException"), 3, "AWS does not know these credentials"),
        (400, error("ExpiredTokenException"), 3, "have expired"),
        (400, error("InvalidSignatureException"), 1, "clock"),
        (400, error("ThrottlingException"), 4, "try again later"),
        (500, error("InternalServiceError"), 4, "try again later"),
        (503, "<html>CANARY".to_owned(), 4, "try again later"),
        (403, "<html>CANARY".to_owned(), 3, "a proxy?"),
        (302, String::new(), 1, "a proxy?"),
        (200, secret(json!({"SecretBinary": "Q0FOQVJZ"})), 1, "binary"),
        (200, secret(json!({"SecretString": ""})), 1, "is empty"),
        (200, secret(json!({"SecretString": "CANARY\u{0}"})), 1, "NUL"),
    ] {
        let server = HttpServer::start(move |_| {
            // More than there is time for: no second try.
            let headers = vec![("retry-after".to_owned(), "60".to_owned())];
            std::future::ready(Reply::Whole(status, headers, body.clone().into_bytes()))
        })
        .await;
        let job = Job::with_keys(&server.url());
        let ran = job.get(&["demo/pypi-token", "--github-env", "TOKEN"], &[]).await;
        assert_eq!(ran.code(), Some(code), "{status} {words}: {}", ran.stderr());
        assert!(ran.stderr().contains(words), "{words}: {}", ran.stderr());
        assert_eq!(leak(&ran.stderr(), &["CANARY"]), None, "{}", ran.stderr());
        assert_eq!(std::fs::read_to_string(job.env_file()).unwrap(), "");
    }
}

/// Half a response, nonsense and a closed connection are tried again.
#[tokio::test]
async fn what_passes_is_tried_again() {
    let requests = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&requests);
    let server = HttpServer::start(move |received| {
        assert_eq!(received.headers["x-amz-target"], "secretsmanager.GetSecretValue");
        assert_eq!(received.headers["x-amz-security-token"], "CANARY-session-token");
        let whole = Reply::json(200, json!({"SecretString": TOKEN, "Name": "demo/pypi-token"}).to_string());
        std::future::ready(match counted.fetch_add(1, Ordering::Relaxed) {
            0 => whole.cut_in_half(),
            1 => Reply::json(200, "{}"),
            2 => Reply::Raw(Vec::new()),
            3 => Reply::json(400, json!({"__type": "ThrottlingException"}).to_string()),
            _ => whole,
        })
    })
    .await;
    let job = Job::with_keys(&server.url());
    let ran = job.get(&["demo/pypi-token"], &[("GITHUB_ACTIONS", "")]).await;
    assert_eq!((ran.code(), ran.stdout()), (Some(0), format!("{TOKEN}\n")), "{}", ran.stderr());
    assert_eq!(requests.load(Ordering::Relaxed), 5);
}

/// A terminal sees it only when it is asked to (script(1) makes one), and obeys none of it.
#[tokio::test]
async fn a_terminal_is_shown_the_secret_and_obeys_nothing_in_it() {
    let server = HttpServer::start(|_| {
        let value = "CANARY-1\u{1b}[2J\u{9b}31m\nCANARY-2\r\u{202e}CANARY-3\u{7}";
        std::future::ready(Reply::json(200, json!({"SecretString": value, "Name": "demo/pypi-token"}).to_string()))
    })
    .await;
    let job = Job::with_keys(&server.url());
    let credvend = binary("credvend");
    for (option, is_job, code, is_shown) in [
        ("", true, 2, false),
        ("", false, 2, false),
        ("--github-env TOKEN", true, 2, false),
        ("--show", true, 0, true),
        ("--show", false, 0, true),
    ] {
        let mut command = Command::new("script");
        let inner = format!("{} secret get demo/pypi-token {option}", credvend.display());
        command.args(["-q", "-e", "-c", &inner, "/dev/null"]).env_clear().env("PATH", "/usr/bin:/bin");
        command.envs(job.variables.iter().map(|(name, value)| (*name, value.as_str())));
        command.env("GITHUB_ACTIONS", if is_job { "true" } else { "" });
        let ran = run(command).await;
        let stdout = ran.stdout();
        assert_eq!((ran.code(), stdout.contains("CANARY")), (Some(code), is_shown), "{option} {is_job}: {stdout}");
        if is_shown {
            let lines: Vec<_> = stdout.lines().filter(|line| !line.starts_with("::add-mask::")).collect();
            let expected = ["CANARY-1\\u{1b}[2J\\u{9b}31m", "CANARY-2\\r\\u{202e}CANARY-3\\u{7}"];
            assert_eq!(lines, expected, "{option} {is_job}");
        }
    }
}

/// Told before the secret is read.
#[tokio::test]
async fn places_that_a_secret_is_not_put_in() {
    let server = HttpServer::start(|_| async { panic!("nothing is asked for") }).await;
    let job = Job::with_keys(&server.url());
    for name in ["PATH", "GITHUB_TOKEN", "RUNNER_TEMP", "LD_PRELOAD", "NODE_OPTIONS", "A-B", "A\nB=1", "1A", ""] {
        let ran = job.get(&["demo/pypi-token", "--github-env", name], &[]).await;
        assert_eq!(ran.code(), Some(2), "{name:?}: {}", ran.stderr());
    }
    let link = job.folder.path().join("link");
    symlink(job.env_file(), &link).unwrap();
    let folder = job.folder.path().display().to_string();
    for path in ["", &link.display().to_string(), &folder, "/nonexistent/env", "/dev/null"] {
        let ran = job.get(&["demo/pypi-token", "--github-env", "TOKEN"], &[("GITHUB_ENV", path)]).await;
        assert!(ran.code() == Some(1) && ran.stderr().contains("GITHUB_ENV"), "{path}: {}", ran.stderr());
    }
    assert_eq!(job.get(&["a b"], &[]).await.code(), Some(2));
    let ran = job.get(&["demo/pypi-token", "--show"], &[("AWS_SECRET_ACCESS_KEY", ""), ("AWS_REGION", "")]).await;
    assert!(ran.code() == Some(1) && ran.stderr().contains("AWS_SECRET_ACCESS_KEY"), "{}", ran.stderr());
    let ran = job.get(&["demo/pypi-token", "--show"], &[("AWS_REGION", "")]).await;
    assert!(ran.code() == Some(1) && ran.stderr().contains("AWS_REGION"), "{}", ran.stderr());
}

/// The local stack, with GitHub as an identity provider of the account.
struct Stack {
    _process: Process,
    state: Value,
}

impl Stack {
    async fn start() -> Self {
        let (process, state) = local_stack::start().await;
        Self { _process: process, state }
    }

    fn text(&self, pointer: &str) -> String {
        self.state.pointer(pointer).and_then(Value::as_str).expect("the state holds it").to_owned()
    }

    fn admin(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", self.text("/endpoint")),
            ("AWS_ACCESS_KEY_ID", self.text("/admin/access_key_id")),
            ("AWS_SECRET_ACCESS_KEY", self.text("/admin/secret_access_key")),
        ]
    }

    async fn aws(&self, arguments: &[&str]) -> Value {
        let mut command = Command::new(repository().join(".tools/venv/bin/aws"));
        command.env_clear().envs(self.admin()).env("AWS_DEFAULT_REGION", self.text("/region")).args(arguments);
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        let ran = run(command).await;
        assert_eq!(ran.code(), Some(0), "{arguments:?}: {}", ran.stderr());
        serde_json::from_str(&ran.stdout()).unwrap_or(Value::Null)
    }

    /// Its ARN.
    async fn secret(&self, name: &str, value: &str) -> String {
        let made = self.aws(&["secretsmanager", "create-secret", "--name", name, "--secret-string", value]).await;
        made["ARN"].as_str().expect("it has one").to_owned()
    }

    /// A job whose role may read `secret` and do nothing else.
    async fn job(&self, secret: &str) -> Job {
        let issuer = "https://token.actions.githubusercontent.com";
        let provider =
            ["iam", "create-open-id-connect-provider", "--url", issuer, "--client-id-list", "sts.amazonaws.com"];
        let provider = self.aws(&provider).await["OpenIDConnectProviderArn"].as_str().expect("it has one").to_owned();
        let trust = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow",
            "Principal": {"Federated": provider},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": {
                "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
                "token.actions.githubusercontent.com:sub": "repo:example-corp/demo:environment:pypi",
            }},
        }]});
        let policy = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": secret},
        ]});
        let (trust, policy) = (trust.to_string(), policy.to_string());
        let role = ["iam", "create-role", "--role-name", "publish", "--assume-role-policy-document", &trust];
        let role = self.aws(&role).await["Role"]["Arn"].as_str().expect("it has one").to_owned();
        let attach =
            ["iam", "put-role-policy", "--role-name", "publish", "--policy-name", "read", "--policy-document", &policy];
        self.aws(&attach).await;
        let order = json!({"repository": "example-corp/demo", "environment": "pypi"}).to_string();
        let request = client().post(format!("{}/local-stack/idp/github/jobs", self.text("/endpoint")));
        let runner = request.header("content-type", "application/json").body(order).send().await.expect("it answers");
        let runner: Value = serde_json::from_slice(&runner.bytes().await.expect("whole")).expect("JSON");
        let of_runner = |name: &str| runner[name].as_str().expect("the runner sets it").to_owned();
        Job::new(vec![
            ("IDP_TYPE", "github".to_owned()),
            ("AWS_ROLE_ARN", role),
            ("AWS_ENDPOINT_URL", self.text("/endpoint")),
            ("ACTIONS_ID_TOKEN_REQUEST_URL", of_runner("ACTIONS_ID_TOKEN_REQUEST_URL")),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", of_runner("ACTIONS_ID_TOKEN_REQUEST_TOKEN")),
        ])
    }
}
