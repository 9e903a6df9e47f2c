//! The programs: how one uploads an object and reads it back, and which ways it knows.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use tests::process::{binary, repository};

use super::way::Way;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Consumer {
    AwsCli,
    Boto3,
    JavaScript,
    Rust,
    Rclone,
    S5cmd,
    PyArrow,
    Restic,
}

/// Where a program uploads to, and what.
pub(super) struct Upload<'a> {
    pub(super) endpoint: &'a str,
    pub(super) bucket: &'a str,
    pub(super) key: &'a str,
    pub(super) file: &'a Path,
}

/// Where restic's repository lies under its key.
const SNAPSHOTS: &str = "/snapshots/";

impl Consumer {
    pub(super) const ALL: [Self; 8] = [
        Self::AwsCli,
        Self::Boto3,
        Self::JavaScript,
        Self::Rust,
        Self::Rclone,
        Self::S5cmd,
        Self::PyArrow,
        Self::Restic,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::AwsCli => "aws-cli",
            Self::Boto3 => "boto3",
            Self::JavaScript => "aws-sdk-js",
            Self::Rust => "aws-sdk-rust",
            Self::Rclone => "rclone",
            Self::S5cmd => "s5cmd",
            Self::PyArrow => "pyarrow",
            Self::Restic => "restic",
        }
    }

    /// Why it cannot take credentials in this way; none where it can.
    pub(super) fn lacks(self, way: Way) -> Option<&'static str> {
        match (self, way) {
            (Self::S5cmd, Way::ContainerTokenFile) => {
                Some("the AWS SDK for Go v1 knows the token in the environment only: set both variables")
            }
            (Self::PyArrow, Way::WebIdentity) => {
                Some("the AWS SDK for C++ asks the region's own STS, whatever the endpoint variables say: not tried")
            }
            (Self::Restic, Way::ContainerToken | Way::SharedFile) => None,
            (Self::Restic, _) => Some(
                "minio-go, which restic is built on, knows no such way or asks a fixed address of AWS; restic then goes on \
                 without credentials and without a word",
            ),
            _ => None,
        }
    }

    /// What prints its version, and which word of the line it is; `None` where the distribution decides.
    pub(super) fn version(self) -> Option<(Command, usize)> {
        let python = |code: &str| command(tool("python"), &["-c", code]);
        let found = match self {
            Self::AwsCli => (command(tool("aws"), &["--version"]), 0),
            Self::Boto3 => (python("import boto3; print(boto3.__version__)"), 0),
            Self::JavaScript => {
                let mut node = command("node", &["-p", "require('@aws-sdk/client-s3/package.json').version"]);
                node.env("NODE_PATH", node_modules());
                (node, 0)
            }
            Self::Rust => (command(binary("sdk-consumer"), &["version"]), 0),
            Self::Rclone => (command(tool("rclone"), &["version"]), 1),
            Self::S5cmd => (command(tool("s5cmd"), &["version"]), 0),
            Self::PyArrow => (python("import pyarrow; print(pyarrow.__version__)"), 0),
            Self::Restic => return None,
        };
        Some(found)
    }

    /// The name of the object, or the beginning of its name, for what is under `folder`.
    pub(super) fn key(self, folder: &str) -> String {
        match self {
            Self::Restic => format!("{folder}{SNAPSHOTS}"),
            _ => format!("{folder}/file.txt"),
        }
    }

    /// What an administrator does beforehand.
    pub(super) fn preparation(self, upload: &Upload<'_>) -> Option<Command> {
        // `init` asks whether the bucket exists, which a role that is confined to a prefix may not know.
        (self == Self::Restic).then(|| restic(upload, &["init"]))
    }

    /// What uploads the file and then prints the object, one after the other.
    pub(super) fn commands(self, upload: &Upload<'_>) -> Vec<Command> {
        let url = format!("s3://{}/{}", upload.bucket, upload.key);
        let file = upload.file.to_str().expect("a plain path");
        match self {
            Self::AwsCli => [["cp", file, &url], ["cp", &url, "-"]]
                .map(|words| command(tool("aws"), &[&["s3"][..], &words].concat()))
                .into(),
            Self::S5cmd => [vec!["cp", file, &url], vec!["cat", &url]]
                .map(|words| command(tool("s5cmd"), &[&["--endpoint-url", upload.endpoint], &words[..]].concat()))
                .into(),
            Self::Rclone => {
                // A remote `s3:` made of variables (rclone's documentation, "Config file").
                let remote = format!("s3:{}/{}", upload.bucket, upload.key);
                vec![
                    command(tool("rclone"), &[&["copyto", file, &remote], &RCLONE_DOES_NOT_ASK[..]].concat()),
                    command(tool("rclone"), &["cat", &remote]),
                ]
            }
            Self::Restic => vec![restic(upload, &["backup", file]), restic(upload, &["dump", "latest", file])],
            Self::Boto3 | Self::JavaScript | Self::Rust | Self::PyArrow => {
                let mut once = self.program();
                once.args(["once", upload.bucket, upload.key, file]);
                vec![once]
            }
        }
    }

    /// One of the programs in tests/consumers.
    pub(super) fn program(self) -> Command {
        let source = |name: &str| repository().join("tests/consumers").join(name).display().to_string();
        match self {
            Self::Boto3 => command(tool("python"), &[&source("object_boto3.py")]),
            Self::PyArrow => command(tool("python"), &[&source("object_pyarrow.py")]),
            Self::JavaScript => command("node", &[&source("object_sdk.cjs")]),
            Self::Rust => command(binary("sdk-consumer"), &[]),
            Self::AwsCli | Self::Rclone | Self::S5cmd | Self::Restic => panic!("{self:?} is a program by itself"),
        }
    }
}

/// Who may not list the whole bucket is told 403, not 404, of an object that is not there.
const RCLONE_DOES_NOT_ASK: [&str; 3] = ["--no-check-dest", "--s3-no-check-bucket", "--s3-no-head-object"];

fn restic(upload: &Upload<'_>, words: &[&str]) -> Command {
    let folder = upload.key.strip_suffix(SNAPSHOTS).expect("its key is that of its snapshots");
    let repository = format!("s3:{}/{}/{folder}", upload.endpoint, upload.bucket);
    command("restic", &[&["--repo", &repository, "--no-cache", "--quiet"], words].concat())
}

/// Where the JavaScript program's packages are.
pub(super) fn node_modules() -> PathBuf {
    repository().join(".tools/consumers-js/node_modules")
}

/// A program of the Python environment.
pub(super) fn tool(name: &str) -> PathBuf {
    let path = repository().join(".tools/consumers/bin").join(name);
    assert!(path.exists(), "{} is missing: run scripts/setup --consumers", path.display());
    path
}

fn command(program: impl AsRef<OsStr>, words: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(words);
    command
}
