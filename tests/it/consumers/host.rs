//! The machine that the programs run on: the client's configuration, its daemons, and what they have left in files.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as URL_SAFE_NO_PAD;
use serde_json::Value;
use tempfile::TempDir;
use tests::process::{Process, binary};

use super::clock::Clock;
use super::world::{Server, World};
use crate::machine::run;

pub(super) struct Host {
    pub(super) folder: TempDir,
    pub(super) endpoint: String,
    pub(super) region: String,
    pub(super) federated_role_arn: String,
    /// `http://127.0.0.1:PORT` of `credvend serve`.
    pub(super) served_at: String,
    pub(super) daemons: Vec<Process>,
    /// The variables of its clock.
    pub(super) clock: Vec<(&'static str, String)>,
}

impl Host {
    /// All three daemons, and their first credentials.
    pub(super) async fn start(world: &World, clock: &Clock) -> Self {
        let mut host = Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            endpoint: world.text("/endpoint").to_owned(),
            region: world.text("/region").to_owned(),
            federated_role_arn: world.federated.role_arn.clone(),
            served_at: String::new(),
            daemons: Vec::new(),
            clock: clock.variables(),
        };
        host.write_env_file("server.env", &world.server);
        host.write_env_file("federated.env", &world.federated);
        let token_file = host.serve_token_file();
        let mut serve = host.credvend(
            "server.env",
            &["serve", "--listen", "127.0.0.1:0", "--imds", "--token-file", &text(&token_file)],
        );
        let address = serve.wait_for("listening on ").await;
        host.served_at = address.split([' ', '"', ',']).next().expect("split yields at least one part").to_owned();
        host.daemons = vec![
            serve,
            host.credvend("server.env", &["credential-daemon", "--creds-dir", &text(&host.credentials_folder())]),
            host.credvend("federated.env", &["token-daemon", "--token-file", &text(&host.web_identity_token_file())]),
        ];
        for file in [token_file, host.credentials_folder().join("credentials"), host.web_identity_token_file()] {
            host.wait_for_file(&file).await;
        }
        host
    }

    /// The access key that the client has been vended, the same for all callers of this machine.
    pub(super) async fn access_key(&self) -> String {
        let mut command = Command::new(binary("credvend"));
        command.args(["--env-file", &text(&self.env_file("server.env")), "get-credentials"]);
        command.env_clear().env("CREDVEND_CACHE_DIR", self.folder.path().join("cache"));
        let credentials = run(command).await.credentials();
        credentials["AccessKeyId"].as_str().expect("a text").to_owned()
    }

    pub(super) fn env_file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn serve_token_file(&self) -> PathBuf {
        self.folder.path().join("serve-token")
    }

    pub(super) fn credentials_folder(&self) -> PathBuf {
        self.folder.path().join("credentials")
    }

    pub(super) fn web_identity_token_file(&self) -> PathBuf {
        self.folder.path().join("web-identity-token")
    }

    /// `exp` of the token in the file.
    pub(super) fn web_identity_token_ends_at(&self) -> SystemTime {
        let token = std::fs::read_to_string(self.web_identity_token_file()).expect("the token daemon has written it");
        let claims = token.split('.').nth(1).expect("a JWT has three parts");
        let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).expect("base64url")).expect("JSON");
        SystemTime::UNIX_EPOCH + Duration::from_secs(claims["exp"].as_u64().expect("a number"))
    }

    fn write_env_file(&self, name: &str, server: &Server) {
        let lines: Vec<_> = server.variables.iter().map(|(name, value)| format!("export {name}='{value}'\n")).collect();
        let cache = self.folder.path().join("cache");
        let lines = format!("{}export CREDVEND_CACHE_DIR='{}'\n", lines.concat(), cache.display());
        std::fs::write(self.env_file(name), lines).expect("a writable folder");
    }

    fn credvend(&self, env_file: &str, arguments: &[&str]) -> Process {
        let mut command = Command::new(binary("credvend"));
        command.args(["--log-level", "info", "--env-file", &text(&self.env_file(env_file))]).args(arguments);
        command.env_clear().env("HOME", self.folder.path()).envs(self.clock.iter().cloned());
        Process::spawn(command)
    }

    async fn wait_for_file(&self, path: &Path) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !path.exists() {
            let said: Vec<_> = self.daemons.iter().map(Process::output).collect();
            assert!(Instant::now() < deadline, "{} never came:\n{}", path.display(), said.concat());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

pub(super) fn text(path: &Path) -> String {
    path.display().to_string()
}
