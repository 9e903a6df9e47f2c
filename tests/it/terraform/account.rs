//! An empty AWS account on loopback, and the project's Terraform trees applied to it.
//!
//! The trees are used as they are. A copy is needed for one override a root: state beside the copy instead of in S3,
//! and path-style S3 addresses, since `bucket.127.0.0.1` is no name.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use tests::process::{Process, binary, repository};

use crate::machine::{Ran, run};
use crate::service::client;

pub const REGION: &str = "eu-west-1";

pub struct Account {
    _process: Process,
    state: Value,
    pub home: TempDir,
    http: reqwest::Client,
}

impl Account {
    pub async fn start() -> Self {
        let mut command = Command::new(repository().join("scripts/local-stack"));
        command.arg("--empty").env_remove("AWS_PROFILE");
        let mut process = Process::spawn(command);
        let line = process.wait_for("{\"").await;
        let state = serde_json::from_str(&format!("{{\"{line}")).expect("one line of JSON");
        let home = tempfile::tempdir().expect("a folder");
        copy_trees(home.path()).await;
        let mut config = Command::new(repository().join("tests/terraform-provider/cli-config"));
        config.arg(home.path().join("terraform.rc"));
        succeeds("cli-config", run(config).await);
        Self { _process: process, state, home, http: client() }
    }

    pub fn endpoint(&self) -> &str {
        self.state["endpoint"].as_str().expect("the state holds it")
    }

    pub fn administrators_key(&self) -> &str {
        self.state["admin"]["access_key_id"].as_str().expect("the state holds it")
    }

    /// Where this stack serves what the internet has at `https://…`; other text stays as it is.
    pub fn local(&self, text: &str) -> String {
        text.replace("https://", &format!("{}/local-stack/internet/", self.endpoint()))
    }

    pub async fn control(&self, method: &str, path: &str, body: Value) -> Value {
        let request =
            self.http.request(method.parse().expect("a method"), format!("{}/local-stack/{path}", self.endpoint()));
        let request = request.header("content-type", "application/json").body(body.to_string());
        let response = request.send().await.expect("the stack answers");
        let status = response.status();
        let text = response.text().await.expect("whole");
        assert!(status.is_success(), "{method} {path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// Everything that exists in the account, to see that nothing stays behind.
    pub async fn inventory(&self) -> Value {
        self.control("GET", "inventory", Value::Null).await
    }

    /// A form or empty request to what the internet has at `url`: status and JSON.
    pub async fn request(&self, method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> (u16, Value) {
        let mut request = self.http.request(method.parse().expect("a method"), self.local(url)).body(body.to_owned());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.expect("the stack answers");
        let status = response.status().as_u16();
        (status, serde_json::from_slice(&response.bytes().await.expect("whole")).unwrap_or(Value::Null))
    }

    /// A root of the copied trees, initialised; `foundation` is the layer whose outputs it reads, if any.
    pub async fn layer(&self, folder: &str, foundation: Option<&Layer>) -> Layer {
        let layer = Layer {
            folder: self.home.path().join(folder),
            state: self.home.path().join(format!("{}.tfstate", folder.replace('/', "-"))),
            variables: self.home.path().join(format!("{}.tfvars.json", folder.replace('/', "-"))),
            environment: self.administrator(),
        };
        let local = |path: &Path| json!({"backend": "local", "config": {"path": path}});
        let mut changes = json!({
            "terraform": {"backend": {"local": {"path": layer.state}}},
            "provider": {"aws": {"s3_use_path_style": true}},
        });
        if let Some(foundation) = foundation {
            changes["data"] = json!({"terraform_remote_state": {"foundation": local(&foundation.state)}});
        }
        std::fs::write(layer.folder.join("local_stack_override.tf.json"), changes.to_string())
            .expect("a writable folder");
        layer.succeeds(&["init", "-input=false"]).await;
        layer
    }

    /// Another copy of the trees, as another person's checkout: `layer` finds it below `name`.
    pub async fn second_checkout(&self, name: &str) {
        let folder = self.home.path().join(name);
        std::fs::create_dir(&folder).expect("a new folder");
        copy_trees(&folder).await;
    }

    fn administrator(&self) -> Vec<(String, String)> {
        let admin = |name: &str| self.state["admin"][name].as_str().unwrap_or_default().to_owned();
        [
            ("HOME", self.home.path().display().to_string()),
            ("PATH", std::env::var("PATH").unwrap_or_default()),
            ("TF_CLI_CONFIG_FILE", self.home.path().join("terraform.rc").display().to_string()),
            ("TF_IN_AUTOMATION", "1".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ("AWS_ENDPOINT_URL", self.endpoint().to_owned()),
            ("AWS_REGION", REGION.to_owned()),
            // Version 1 of the AWS CLI reads this one alone.
            ("AWS_DEFAULT_REGION", REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", admin("access_key_id")),
            ("AWS_SECRET_ACCESS_KEY", admin("secret_access_key")),
            ("LOCAL_STACK_ENDPOINT", self.endpoint().to_owned()),
            ("AUTH0_CLIENT_ID", "operator".to_owned()),
            ("AUTH0_CLIENT_SECRET", "not checked".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    /// The AWS CLI as the account's administrator.
    pub async fn aws(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new(repository().join(".tools/venv/bin/aws"));
        command.env_clear().envs(self.administrator()).args(arguments);
        run(command).await
    }

    pub async fn make_bucket(&self, name: &str) {
        succeeds("aws s3 mb", self.aws(&["s3", "mb", &format!("s3://{name}")]).await);
    }

    /// A machine with the env file that `scripts/server-env` prints for `server`.
    pub async fn machine(&self, servers: &Layer, server: &str) -> Machine<'_> {
        let mut command = Command::new(repository().join("scripts/server-env"));
        command.env_clear().envs(servers.environment.clone()).arg(&servers.folder).arg(server);
        let ran = run(command).await;
        assert_eq!(ran.code(), Some(0), "server-env {server}: {}", ran.stderr());
        let machine = Machine { account: self, name: server.to_owned(), home: tempfile::tempdir().expect("a folder") };
        machine.write("server.env", &ran.stdout());
        machine.write("file.txt", &format!("written by {server}"));
        machine
    }
}

/// A root module with a state and variables of its own.
pub struct Layer {
    pub folder: PathBuf,
    state: PathBuf,
    variables: PathBuf,
    pub environment: Vec<(String, String)>,
}

impl Layer {
    /// What stands in the test's tfvars file, which wins over the tree's own example.
    pub fn set(&self, variables: Value) {
        std::fs::write(&self.variables, variables.to_string()).expect("a writable folder");
    }

    pub async fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new("terraform");
        command.env_clear().envs(self.environment.clone()).current_dir(&self.folder).args(arguments);
        run(command).await
    }

    /// `plan`, which is expected to refuse the variables.
    pub async fn try_plan(&self) -> Ran {
        self.with_variables(&["plan"]).await
    }

    async fn succeeds(&self, arguments: &[&str]) -> Ran {
        succeeds(&format!("{}: terraform {}", self.folder.display(), arguments.join(" ")), self.run(arguments).await)
    }

    /// `terraform COMMAND` with the example variables of the dev environment and then ours.
    async fn with_variables(&self, command: &[&str]) -> Ran {
        let layer = self.folder.file_name().and_then(|name| name.to_str()).expect("a layer has a name");
        let example = format!("-var-file=../environments/dev/{layer}.tfvars");
        let ours = format!("-var-file={}", self.variables.display());
        self.run(&[command, &["-input=false", "-no-color", &example, &ours]].concat()).await
    }

    pub async fn apply(&self) {
        let started = std::time::Instant::now();
        succeeds(&format!("apply of {}", self.folder.display()), self.try_apply().await);
        println!("applied {} in {:.0?}", self.folder.display(), started.elapsed());
    }

    /// `apply -target=ADDRESS`.
    pub async fn apply_only(&self, address: &str) {
        let target = format!("-target={address}");
        succeeds(&format!("apply of {address}"), self.with_variables(&["apply", "-auto-approve", &target]).await);
    }

    pub async fn try_apply(&self) -> Ran {
        self.with_variables(&["apply", "-auto-approve"]).await
    }

    /// A second plan right after an apply: nothing to do.
    pub async fn plans_nothing(&self) {
        let ran = self.with_variables(&["plan", "-detailed-exitcode"]).await;
        assert_eq!(ran.code(), Some(0), "{}: {}{}", self.folder.display(), ran.stdout(), ran.stderr());
    }

    /// Addresses of everything that a plan would do something with, and what.
    pub async fn planned(&self) -> Vec<(String, Vec<String>)> {
        let file = self.state.with_extension("plan");
        let file = file.to_str().expect("a plain path");
        succeeds("plan", self.with_variables(&["plan", &format!("-out={file}")]).await);
        let shown = self.succeeds(&["show", "-json", file]).await;
        let plan: Value = serde_json::from_str(&shown.stdout()).expect("JSON");
        let changes = plan["resource_changes"].as_array().cloned().unwrap_or_default();
        let planned = changes.iter().map(|change| {
            let actions = change["change"]["actions"].as_array().expect("actions");
            let actions: Vec<_> = actions.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            (change["address"].as_str().expect("an address").to_owned(), actions)
        });
        planned.filter(|(_, actions)| actions != &["no-op"] && actions != &["read"]).collect()
    }

    /// The value of an output, sensitive or not.
    pub async fn output(&self, name: &str) -> Value {
        let ran = self.succeeds(&["output", "-json", name]).await;
        serde_json::from_str(&ran.stdout()).expect("JSON")
    }

    pub async fn text(&self, name: &str) -> String {
        let value = self.output(name).await;
        value.as_str().unwrap_or_else(|| panic!("{name} is {value}")).to_owned()
    }

    pub async fn try_destroy(&self) -> Ran {
        self.with_variables(&["destroy", "-auto-approve"]).await
    }

    pub async fn destroy(&self) {
        succeeds(&format!("destroy of {}", self.folder.display()), self.try_destroy().await);
    }
}

/// A user's machine: one env file, `credvend` and a plain AWS CLI.
pub struct Machine<'a> {
    account: &'a Account,
    pub name: String,
    home: TempDir,
}

impl Machine<'_> {
    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.home.path().join(name), text).expect("a writable folder");
    }

    /// More variables for the env file; the last of a name counts.
    pub fn set(&self, variables: &[(&str, String)]) {
        let path = self.home.path().join("server.env");
        let mut text = std::fs::read_to_string(&path).expect("the env file");
        for (name, value) in variables {
            writeln!(text, "export {name}=\"{value}\"").expect("a text takes all");
        }
        std::fs::write(path, text).expect("a writable folder");
    }

    /// The value of a variable in the env file.
    pub fn variable(&self, name: &str) -> String {
        let text = std::fs::read_to_string(self.home.path().join("server.env")).expect("the env file");
        let line = text.lines().rev().find_map(|line| line.strip_prefix(&format!("export {name}=\"")));
        line.unwrap_or_else(|| panic!("{name} is not in the env file of {}", self.name))
            .trim_end_matches('"')
            .to_owned()
    }

    pub async fn get_credentials(&self) -> Ran {
        self.credvend(&["get-credentials"]).await
    }

    pub async fn credvend(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new(binary("credvend"));
        command.arg("--env-file").arg(self.home.path().join("server.env")).args(arguments).env_clear();
        command.env("HOME", self.home.path()).env("AWS_ENDPOINT_URL", self.account.endpoint());
        run(command).await
    }

    /// Empties the client's cache.
    pub fn forget(&self) {
        let _ = std::fs::remove_dir_all(self.home.path().join(".cache"));
    }

    /// A plain `aws s3 …` whose profile runs credvend.
    pub async fn s3(&self, arguments: &[&str]) -> Ran {
        let home = self.home.path();
        let config = home.join("config");
        let process = format!(
            "{} --env-file {} get-credentials",
            binary("credvend").display(),
            home.join("server.env").display()
        );
        std::fs::write(&config, format!("[profile credvend]\nregion = {REGION}\ncredential_process = {process}\n"))
            .expect("a writable folder");
        let mut command = Command::new(repository().join(".tools/venv/bin/aws"));
        command.env_clear().current_dir(home).envs([
            ("HOME", home.as_os_str()),
            ("PATH", std::env::var_os("PATH").unwrap_or_default().as_os_str()),
            ("AWS_CONFIG_FILE", config.as_os_str()),
            ("AWS_PROFILE", "credvend".as_ref()),
            ("AWS_EC2_METADATA_DISABLED", "true".as_ref()),
            ("AWS_ENDPOINT_URL", self.account.endpoint().as_ref()),
        ]);
        command.arg("s3").args(arguments);
        run(command).await
    }

    pub fn key(&self, name: &str) -> String {
        format!("s3://{}/{}{name}", self.variable("S3_BUCKET"), self.variable("S3_PATH_PREFIX"))
    }

    pub async fn may(&self, arguments: &[&str]) -> String {
        let ran = self.s3(arguments).await;
        assert_eq!(ran.code(), Some(0), "{} {arguments:?}: {}", self.name, ran.stderr());
        ran.stdout()
    }

    pub async fn may_not(&self, arguments: &[&str]) {
        let ran = self.s3(arguments).await;
        // A download asks for the object's head first, whose refusal has no body to say more than 403.
        let refused = ran.stderr().contains("AccessDenied") || ran.stderr().contains("(403)");
        assert!(ran.code() != Some(0) && refused, "{} {arguments:?}: {}", self.name, ran.stderr());
    }

    /// Uploads into its own prefix, and nowhere else.
    pub async fn keeps_to_its_prefix(&self, neighbour: &Machine<'_>) {
        self.may(&["cp", "file.txt", &self.key("file.txt")]).await;
        let bucket = format!("s3://{}/", self.variable("S3_BUCKET"));
        for elsewhere in [neighbour.key("stolen.txt"), format!("{bucket}file.txt"), format!("{bucket}logs/file.txt")] {
            self.may_not(&["cp", "file.txt", &elsewhere]).await;
        }
    }
}

async fn copy_trees(folder: &Path) {
    let mut copy = Command::new("sh");
    copy.current_dir(repository())
        .args([
            "-c",
            "tar -c --exclude=.terraform --exclude='*.tfstate*' terraform terraform-cognito | tar -x -C \"$1\"",
            "sh",
        ])
        .arg(folder);
    succeeds("copying the trees", run(copy).await);
}

/// Fails the test with what the program said.
pub fn succeeds(what: &str, ran: Ran) -> Ran {
    assert_eq!(ran.code(), Some(0), "{what}:\n{}{}", ran.stdout(), ran.stderr());
    ran
}

/// A zip with this build's vending Lambda as `bootstrap`, as `scripts/build-lambda` makes it of a release build.
pub async fn lambda_zip(folder: &Path) -> PathBuf {
    zip_of("vending-lambda", folder).await
}

/// The same of another Lambda.
pub async fn zip_of(lambda: &str, folder: &Path) -> PathBuf {
    let bootstrap = folder.join("bootstrap");
    let zip = folder.join("bootstrap.zip");
    let mut strip = Command::new("strip");
    strip.arg("-o").arg(&bootstrap).arg(binary(lambda));
    succeeds("strip", run(strip).await);
    let program = "import sys, zipfile\n\
        with zipfile.ZipFile(sys.argv[2], 'w', zipfile.ZIP_DEFLATED, compresslevel=1) as archive:\n    \
            archive.write(sys.argv[1], 'bootstrap')";
    let mut pack = Command::new("python3");
    pack.arg("-c").arg(program).arg(&bootstrap).arg(&zip);
    succeeds("zip", run(pack).await);
    zip
}

/// This machine's architecture, as Lambda calls it.
pub fn architecture() -> &'static str {
    if std::env::consts::ARCH == "aarch64" { "arm64" } else { std::env::consts::ARCH }
}

/// A `servers` value of a tfvars file: names, prefixes and levels.
pub fn servers(entries: &[(&str, &str, &str)]) -> Value {
    let entries = entries
        .iter()
        .map(|(name, prefix, level)| ((*name).to_owned(), json!({"s3_path_prefix": prefix, "s3_permissions": level})));
    Value::Object(entries.collect())
}
