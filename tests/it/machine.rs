//! A user's machine: `credvend` with a cache directory, in front of the real vending API.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;
use tests::process::binary;

use crate::service::{CLIENT_ID, Service, Setup, token};

pub const CLIENT_SECRET: &str = "CANARY-client/secret+1";

/// The machine and the service it talks to.
pub struct Machine {
    pub service: Service,
    pub home: TempDir,
}

impl Machine {
    pub async fn start() -> Self {
        let service = Service::start(Setup::default()).await;
        service.upstream.set_token(&token());
        // STS gives whole hours, counted from now.
        service.upstream.set_expiration(&rfc3339(3600));
        Self { service, home: tempfile::tempdir().expect("a temporary folder") }
    }

    pub fn cache(&self) -> PathBuf {
        self.home.path().join("cache")
    }

    pub fn environment(&self) -> Vec<(String, String)> {
        let pairs = [
            ("IDP_TYPE", "cognito".to_owned()),
            ("AWS_REGION", "eu-west-1".to_owned()),
            ("AWS_ENDPOINT_URL", self.service.upstream.url()),
            ("COGNITO_TOKEN_ENDPOINT", format!("{}/oauth2/token", self.service.upstream.url())),
            ("COGNITO_CLIENT_ID", CLIENT_ID.to_owned()),
            ("COGNITO_CLIENT_SECRET", CLIENT_SECRET.to_owned()),
            ("COGNITO_CREDENTIAL_API_URL", format!("{}/credentials", self.service.url)),
            ("CREDVEND_CACHE_DIR", self.cache().display().to_string()),
            ("HOME", self.home.path().display().to_string()),
            ("PATH", std::env::var("PATH").unwrap_or_default()),
        ];
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// `credvend ARGUMENTS` with this machine's environment, some of it changed.
    pub fn command(&self, arguments: &[&str], changes: &[(&str, &str)]) -> Command {
        let mut command = Command::new(binary("credvend"));
        command.args(arguments).env_clear().envs(self.environment()).envs(changes.iter().copied());
        command
    }

    /// Runs to the end, on a thread of its own, so that the services of this test go on.
    pub async fn run(&self, arguments: &[&str], changes: &[(&str, &str)]) -> Ran {
        run(self.command(arguments, changes)).await
    }

    pub async fn get_credentials(&self) -> Ran {
        self.run(&["get-credentials"], &[]).await
    }

    /// The same, with the process's clock moved by so many seconds (libfaketime).
    pub async fn get_credentials_later(&self, seconds: i64) -> Ran {
        let library = faketime_library();
        let offset = format!("{seconds:+}s");
        let changes = [
            ("LD_PRELOAD", library.to_str().expect("a plain path")),
            ("FAKETIME", offset.as_str()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ];
        self.run(&["get-credentials"], &changes).await
    }

    /// All files of the cache directory, with content and mode.
    pub fn cache_files(&self) -> Vec<(PathBuf, String, u32)> {
        let Ok(entries) = std::fs::read_dir(self.cache()) else { return Vec::new() };
        let mut files: Vec<_> = entries
            .map(|entry| entry.expect("a readable folder").path())
            .map(|path| {
                let mode = std::fs::metadata(&path).expect("a file that was just listed").permissions().mode() & 0o777;
                let text = String::from_utf8_lossy(&std::fs::read(&path).expect("a readable file")).into_owned();
                (path, text, mode)
            })
            .collect();
        files.sort();
        files
    }
}

pub async fn run(mut command: Command) -> Ran {
    let output = tokio::task::spawn_blocking(move || command.output().expect("the program starts")).await;
    Ran(output.expect("the thread does not panic"))
}

/// What a run has left.
pub struct Ran(pub Output);

impl Ran {
    pub fn code(&self) -> Option<i32> {
        self.0.status.code()
    }

    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.0.stdout).into_owned()
    }

    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }

    /// The credentials on standard output; fails the test if there is anything else.
    pub fn credentials(&self) -> Value {
        assert_eq!(self.code(), Some(0), "stderr: {}", self.stderr());
        let stdout = self.stdout();
        let value: Value = serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error} in {stdout:?}"));
        assert_eq!(value["Version"], 1);
        for name in ["AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"] {
            assert!(value[name].as_str().is_some_and(|text| !text.is_empty()), "{name}");
        }
        value
    }
}

/// RFC 3339 of a time so many seconds from now, by the system's own `date`.
pub fn rfc3339(seconds_from_now: i64) -> String {
    let at = format!("@{}", tests::token::now().cast_signed() + seconds_from_now);
    let output = Command::new("date").args(["-u", "-d", &at, "+%Y-%m-%dT%H:%M:%SZ"]).output().expect("date runs");
    String::from_utf8(output.stdout).expect("date prints text").trim().to_owned()
}

pub fn faketime_library() -> PathBuf {
    let places = [
        "/usr/lib/x86_64-linux-gnu/faketime",
        "/usr/lib/aarch64-linux-gnu/faketime",
        "/usr/lib64/faketime",
        "/usr/lib/faketime",
    ];
    let found = places.iter().map(|place| Path::new(place).join("libfaketime.so.1")).find(|path| path.exists());
    found.expect("libfaketime is missing: scripts/setup installs it")
}
