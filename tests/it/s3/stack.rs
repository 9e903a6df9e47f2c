//! `credvend-s3` on the local stack: its identity by way of credvend, the vending Lambda, and IAM that says no.
//!
//! One test, since the stack takes two seconds to start; each part is a function of its own.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use tests::http_server::closed_port;
use tests::process::{Process, binary};

use super::{MEBIBYTE, bytes};
use crate::local_stack;
use crate::machine::{Ran, run};
use crate::service::{client, start_process};

struct Stack {
    _process: Process,
    _lambda: Process,
    state: Value,
    api: String,
    home: TempDir,
}

/// A registered server with the environment file of its identity.
struct Server {
    env_file: String,
    prefix: String,
}

#[tokio::test]
async fn by_level_and_by_prefix() {
    let stack = Stack::start().await;
    std::fs::write(stack.home.path().join("small"), "hello").unwrap();
    std::fs::write(stack.home.path().join("big"), bytes(20 * MEBIBYTE)).unwrap();
    what_each_level_may(&stack).await;
    a_neighbour_is_refused_by_us_and_by_iam(&stack).await;
    the_standard_chain_asks_a_profile(&stack).await;
    the_file_of_an_identity_says_it_all(&stack).await;
    a_helper_that_is_refused_says_why(&stack).await;
}

async fn what_each_level_may(stack: &Stack) {
    for (level, downloads, deletes) in [("write", false, false), ("read-write", true, false), ("full", true, true)] {
        let server = stack.register(level, level).await;
        for file in ["small", "big"] {
            let key = format!("{}{file}", server.prefix);
            let ran = stack.s3(&server, &["upload", file]).await;
            assert_eq!((ran.stdout(), ran.code()), (format!("s3://{}/{key}\n", stack.text("bucket")), Some(0)));
            let ran = stack.s3(&server, &["download", &key, "copy"]).await;
            assert_eq!(ran.code(), Some(if downloads { 0 } else { 3 }), "{level}: {}", ran.stderr());
            if downloads {
                let [there, back] = [file, "copy"].map(|name| std::fs::read(stack.home.path().join(name)).unwrap());
                assert!(there == back, "{level}: {file} differs");
            } else {
                assert!(ran.stderr().contains(&format!("its prefix is `{}`", server.prefix)), "{}", ran.stderr());
            }
        }
        let ran = stack.s3(&server, &["list", "--prefix", &server.prefix]).await;
        assert_eq!(ran.code(), Some(if deletes { 0 } else { 3 }), "{level}: {}", ran.stderr());
        if deletes {
            assert_eq!(ran.stdout(), format!("{0}big\n{0}small\n", server.prefix));
            let ran = stack.s3(&server, &["list"]).await;
            assert_eq!(ran.code(), Some(3), "the whole bucket is not its own: {}", ran.stderr());
        }
        let ran = stack.s3(&server, &["delete", &format!("{}small", server.prefix)]).await;
        assert_eq!(ran.code(), Some(if deletes { 0 } else { 3 }), "{level}: {}", ran.stderr());
    }
}

async fn a_neighbour_is_refused_by_us_and_by_iam(stack: &Stack) {
    let server = stack.register("one", "full").await;
    let elsewhere = "logs/two/small";
    let ran = stack.s3(&server, &["upload", "small", "--key", elsewhere]).await;
    assert_eq!(ran.code(), Some(1), "{}", ran.stderr());
    assert!(ran.stderr().contains("lies outside of `logs/one/`"), "{}", ran.stderr());
    for arguments in [
        &["upload", "small", "--key", elsewhere][..],
        &["upload", "big", "--key", elsewhere],
        &["download", elsewhere, "copy"],
        &["list", "--prefix", "logs/two/"],
        &["delete", elsewhere],
    ] {
        let ran = stack.s3_with(&server, arguments, &[("S3_PATH_PREFIX", "")]).await;
        assert_eq!(ran.code(), Some(3), "{arguments:?}: {}", ran.stderr());
        assert!(ran.stderr().contains("logs/two/") && ran.stderr().contains("S3_PATH_PREFIX"), "{}", ran.stderr());
    }
}

async fn the_standard_chain_asks_a_profile(stack: &Stack) {
    let server = stack.register("chain", "write").await;
    let config = stack.home.path().join("aws-config");
    let process = format!("{} --env-file {} get-credentials", binary("credvend").display(), server.env_file);
    std::fs::write(&config, format!("[profile credvend]\ncredential_process = {process}\n")).unwrap();
    let variables = [("AWS_CONFIG_FILE", config.to_str().unwrap()), ("AWS_PROFILE", "credvend")];
    let ran = run(stack.command(&server, &["upload", "small"], &variables)).await;
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
}

/// Bucket, region, prefix, endpoint, cache and proxy of the file count, whatever the process has, whichever program is run.
async fn the_file_of_an_identity_says_it_all(stack: &Stack) {
    let server = stack.register("file", "full").await;
    let variables = [
        ("S3_BUCKET", stack.text("bucket")),
        ("S3_PATH_PREFIX", &server.prefix),
        ("AWS_ENDPOINT_URL_S3", stack.text("endpoint")),
        ("HTTPS_PROXY", "http://127.0.0.1:1"),
    ];
    let mut text = std::fs::read_to_string(&server.env_file).unwrap();
    text.extend(variables.iter().map(|(name, value)| format!("export {name}='{value}'\n")));
    let file = stack.home.path().join("whole.env");
    std::fs::write(&file, &text).unwrap();
    let secret = stack.home.path().join("secret");
    let table: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("export ")?.split_once('='))
        .filter(|(name, _)| *name != "HTTPS_PROXY")
        .map(|(name, value)| match name {
            "COGNITO_CLIENT_SECRET" => {
                std::fs::write(&secret, value.trim_matches('\'')).unwrap();
                format!("cognito_client_secret_file = '{}'\n", secret.display())
            }
            name => format!("{} = {value}\n", name.to_lowercase()),
        })
        .collect();
    let config = stack.home.path().join("identities.toml");
    std::fs::write(&config, format!("[identity.web]\n{}", table.concat())).unwrap();
    let (file, config) = (file.to_str().unwrap(), config.to_str().unwrap());
    for options in [&["--env-file", file][..], &["--config", config, "--identity", "web"]] {
        for (program, between) in [("credvend-s3", &[][..]), ("credvend", &["s3"])] {
            for arguments in [&["upload", "small"][..], &["delete", &format!("{}small", server.prefix)]] {
                let mut command = Command::new(binary(program));
                command.env_clear().current_dir(stack.home.path()).args(options).args(between).args(arguments).envs([
                    ("S3_BUCKET", "another-bucket"),
                    ("S3_PATH_PREFIX", "another/"),
                    ("AWS_REGION", "mars-1"),
                    ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1"),
                    ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
                    ("CREDVEND_CACHE_DIR", "/proc/nowhere"),
                ]);
                let ran = run(command).await;
                let printed = format!("s3://{}/{}small\n", stack.text("bucket"), server.prefix);
                assert_eq!((ran.stdout(), ran.code()), (printed, Some(0)), "{program} {options:?}: {}", ran.stderr());
            }
        }
    }
    the_proxy_of_the_file_is_used(file).await;
}

/// In either case of letters: the process's own in the other one would win otherwise.
async fn the_proxy_of_the_file_is_used(file: &str) {
    let text = std::fs::read_to_string(file).unwrap();
    let text: Vec<_> = text.lines().filter(|line| !line.contains("PROXY") && !line.contains("URL_S3")).collect();
    for (in_file, in_process) in [
        ("HTTPS_PROXY", "https_proxy"),
        ("https_proxy", "HTTPS_PROXY"),
        ("ALL_PROXY", "https_proxy"),
        ("HTTPS_PROXY", "all_proxy"),
    ] {
        for fips in ["true", "false"] {
            let (ours, others) = (closed_port().await, closed_port().await);
            let changed = format!("{}\n{in_file}={ours}\nAWS_USE_FIPS_ENDPOINT={fips}\n", text.join("\n"));
            std::fs::write(file, changed).unwrap();
            for (program, between) in [("credvend-s3", &[][..]), ("credvend", &["s3"])] {
                let mut command = Command::new(binary(program));
                command.env_clear().arg("--env-file").arg(file).args(between).arg("list");
                command.envs([(in_process, others.as_str()), ("AWS_USE_FIPS_ENDPOINT", "false")]);
                let ran = run(command).await;
                assert_eq!(ran.code(), Some(4), "{}", ran.stderr());
                assert!(
                    ran.stderr().contains(&format!("the proxy {ours} cannot be used")),
                    "{in_file}: {}",
                    ran.stderr()
                );
            }
        }
    }
}

async fn a_helper_that_is_refused_says_why(stack: &Stack) {
    let server = stack.register("gone", "write").await;
    stack.control("DELETE", "servers/gone", Value::Null).await;
    let ran = stack.s3(&server, &["upload", "small"]).await;
    assert_eq!(ran.code(), Some(3), "{}", ran.stderr());
    assert!(ran.stderr().contains("get-credentials` gave no credentials"), "{}", ran.stderr());
    assert!(ran.stderr().contains("credvend: error: ") && ran.stderr().contains("invalid_client"), "{}", ran.stderr());
    let ran = stack.s3(&Server { env_file: "/nonexistent".to_owned(), ..server }, &["upload", "small"]).await;
    assert_eq!(ran.code(), Some(1), "{}", ran.stderr());
}

impl Stack {
    async fn start() -> Self {
        let (process, state) = local_stack::start().await;
        let mut lambda = start_process(&local_stack::lambda_environment(&state));
        let address = lambda.wait_for("listening on ").await;
        let api = address.split('"').next().expect("split yields at least one part").to_owned();
        Self { _process: process, _lambda: lambda, state, api, home: tempfile::tempdir().expect("a folder") }
    }

    fn text(&self, name: &str) -> &str {
        self.state[name].as_str().expect("the state holds it")
    }

    async fn control(&self, method: &str, path: &str, body: Value) -> Value {
        let url = format!("{}/local-stack/{path}", self.text("endpoint"));
        let request = client().request(method.parse().expect("a method"), url);
        let response = request.header("content-type", "application/json").body(body.to_string()).send().await;
        let response = response.expect("the stack answers");
        assert!(response.status().is_success(), "{method} {path}: {}", response.status());
        serde_json::from_slice(&response.bytes().await.expect("whole")).unwrap_or(Value::Null)
    }

    async fn register(&self, name: &str, level: &str) -> Server {
        let server = self.control("POST", "servers", json!({"server_name": name, "level": level})).await;
        let text = |name: &str| server[name].as_str().expect("the stack answers with text");
        let cache = self.home.path().join(format!("cache-{name}"));
        let lines = [
            ("IDP_TYPE", "cognito"),
            ("AWS_REGION", self.text("region")),
            ("COGNITO_TOKEN_ENDPOINT", self.text("token_endpoint")),
            ("COGNITO_CLIENT_ID", text("client_id")),
            ("COGNITO_CLIENT_SECRET", text("client_secret")),
            ("COGNITO_CREDENTIAL_API_URL", &format!("{}/credentials", self.api)),
            ("CREDVEND_CACHE_DIR", cache.to_str().expect("a plain path")),
        ]
        .map(|(name, value)| format!("export {name}='{value}'\n"));
        let env_file = self.home.path().join(format!("{name}.env"));
        std::fs::write(&env_file, lines.concat()).expect("a writable folder");
        Server { env_file: env_file.display().to_string(), prefix: text("s3_path_prefix").to_owned() }
    }

    async fn s3(&self, server: &Server, arguments: &[&str]) -> Ran {
        self.s3_with(server, arguments, &[]).await
    }

    async fn s3_with(&self, server: &Server, arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
        run(self.command(server, &[&["--env-file", &server.env_file], arguments].concat(), variables)).await
    }

    fn command(&self, server: &Server, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new(binary("credvend-s3"));
        let home: &Path = self.home.path();
        command.env_clear().current_dir(home).envs([
            ("AWS_REGION", self.text("region")),
            ("AWS_ENDPOINT_URL", self.text("endpoint")),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("S3_BUCKET", self.text("bucket")),
            ("S3_PATH_PREFIX", &server.prefix),
            ("CREDVEND_CACHE_DIR", home.join("cache").to_str().expect("a plain path")),
            // `credential_process` is run by a shell.
            ("PATH", &std::env::var("PATH").unwrap_or_default()),
        ]);
        command.envs(variables.iter().copied()).args(arguments);
        command
    }
}
