//! `credvend-s3`: against an S3 that misbehaves, and on the local stack with IAM enforced.

mod completion;
mod credentials;
mod downloads;
mod fake;
mod keys;
mod links;
mod listings;
mod pages;
mod proxies;
mod retries;
mod signals;
mod stack;
mod uploads;

use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;
use tests::process::{Process, binary};

use self::fake::FakeS3;
use crate::machine::{Ran, run};

const SECRET_ACCESS_KEY: &str = "CANARY/secret+key";

/// A machine with a folder of files, in front of a fake S3.
struct Desk {
    s3: FakeS3,
    home: TempDir,
}

impl Desk {
    async fn start() -> Self {
        Self { s3: FakeS3::start().await, home: tempfile::tempdir().expect("a temporary folder") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// A file of these bytes; its name.
    fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("below the folder")).expect("a writable folder");
        std::fs::write(path, bytes).expect("a writable folder");
        name.to_owned()
    }

    fn command(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new(binary("credvend-s3"));
        self.prepare(&mut command, variables);
        command.args(arguments);
        command
    }

    fn prepare(&self, command: &mut Command, variables: &[(&str, &str)]) {
        command.env_clear().current_dir(self.home.path()).envs([
            ("AWS_REGION", "eu-west-1"),
            ("S3_BUCKET", "bucket"),
            ("AWS_ENDPOINT_URL_S3", &self.s3.url()),
            ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("CREDVEND_CACHE_DIR", self.path("cache").to_str().expect("a plain path")),
        ]);
        command.envs(variables.iter().copied());
    }

    async fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, &[]).await
    }

    async fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
        let ran = run(self.command(arguments, variables)).await;
        assert!(!format!("{}{}", ran.stdout(), ran.stderr()).contains("CANARY"), "{}", ran.stderr());
        ran
    }

    async fn succeed(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments).await;
        assert_eq!((ran.code(), ran.stderr()), (Some(0), String::new()), "{arguments:?}");
        ran.stdout()
    }

    fn spawn(&self, arguments: &[&str]) -> Process {
        Process::spawn(self.command(arguments, &[]))
    }

    /// Names in a folder.
    fn names(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.path(folder)) else { return Vec::new() };
        let mut names: Vec<_> =
            entries.map(|entry| entry.expect("readable").file_name().into_string().expect("UTF-8")).collect();
        names.sort();
        names
    }
}

/// Bytes that repeat nowhere within a part.
fn bytes(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

const MEBIBYTE: usize = 1024 * 1024;
