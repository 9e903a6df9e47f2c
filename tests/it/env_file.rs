//! `--env-file`: what it may look like, who may write it, and what it overrules.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use tests::process::binary;
use tests::upstream::Service as Upstream;

use crate::machine::{Machine, run};
use crate::service::CLIENT_ID;

#[tokio::test]
async fn a_file_that_everybody_can_write_says_nothing() {
    let machine = Machine::start().await;
    let file = machine.home.path().join("credvend.env");
    std::fs::write(&file, "export AWS_REGION=eu-west-1").expect("a writable folder");
    let arguments = ["--env-file", file.to_str().expect("a plain path"), "get-credentials"];
    for (mode, code) in [(0o606, Some(1)), (0o660, Some(0))] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).expect("ours");
        let ran = machine.run(&arguments, &[]).await;
        assert_eq!(ran.code(), code, "{}", ran.stderr());
        assert_eq!(ran.stderr().contains("chmod o-w"), code == Some(1), "{}", ran.stderr());
    }
}

#[tokio::test]
async fn both_dialects_of_the_env_file() {
    let machine = Machine::start().await;
    let file = machine.home.path().join("credvend.env");
    for prefix in ["", "export "] {
        let lines: Vec<_> =
            machine.environment().iter().map(|(name, value)| format!("{prefix}{name}=\"{value}\"")).collect();
        std::fs::write(&file, format!("# servers\n\n{}\n", lines.join("\n"))).unwrap();
        let mut command = std::process::Command::new(tests::process::binary("credvend"));
        command.env_clear().args(["--env-file", file.to_str().unwrap(), "get-credentials"]);
        run(command).await.credentials();
    }
}

/// What the file says wins over the process's environment, in whichever spelling.
#[tokio::test]
async fn the_env_file_overrules_other_spellings_of_the_same_thing() {
    let machine = Machine::start().await;
    let secret = machine.home.path().join("secret");
    std::fs::write(&secret, "from-the-file").unwrap();
    let env_file = machine.home.path().join("credvend.env");
    std::fs::write(&env_file, format!("COGNITO_CLIENT_SECRET_FILE={}\n", secret.display())).unwrap();
    machine.run(&["--env-file", env_file.to_str().unwrap(), "get-credentials"], &[]).await.credentials();
    let sent = machine.service.upstream.received(Upstream::Token)[0].headers["authorization"].clone();
    let encoded = sent.strip_prefix("Basic ").unwrap();
    let decoded = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, encoded).unwrap();
    assert_eq!(String::from_utf8(decoded).unwrap(), format!("{CLIENT_ID}:from-the-file"));
    for line in ["CREDVEND_CACHE_DIR=~/x", "COGNITO_SCOPES=$'abc'"] {
        std::fs::write(&env_file, line).unwrap();
        let ran = machine.run(&["--env-file", env_file.to_str().unwrap(), "get-credentials"], &[]).await;
        assert_eq!(ran.code(), Some(1), "{line}");
        assert!(ran.stderr().contains("line 1"), "{}", ran.stderr());
    }
}

/// What `credvend-s3` gets, seen by a program in its place: `credvend` runs the one that lies beside it.
async fn environment_of_s3(folder: &Path, file: &str, process: &[(&str, &str)]) -> Vec<String> {
    // Written by a child: a file that this process has open for writing while another test forks cannot be run.
    let mut make = Command::new("sh");
    make.args(["-c", r#"cp "$0" "$1" && printf '#!/bin/sh\nexec /usr/bin/env\n' > "$2" && chmod 755 "$2""#]);
    let (credvend, s3) = (folder.join("credvend"), folder.join("credvend-s3"));
    make.arg(binary("credvend")).arg(&credvend).arg(s3);
    let made = run(make).await;
    assert_eq!(made.code(), Some(0), "{}", made.stderr());
    let env_file = folder.join("identity.env");
    std::fs::write(&env_file, file).expect("a writable folder");
    let mut command = Command::new(credvend);
    command.env_clear().envs(process.iter().copied()).arg("--env-file").arg(env_file).args(["s3", "list"]);
    let ran = run(command).await;
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    let mut lines: Vec<_> = ran.stdout().lines().map(str::to_owned).collect();
    // What tells credvend-s3 that it need not ask for them.
    lines.retain(|line| !line.starts_with("CREDVEND_S3_VARIABLES_ARE_SET="));
    lines.retain(|line| !line.starts_with("PWD=") && !line.starts_with("_=") && !line.starts_with("SHLVL="));
    lines.sort();
    lines
}

/// The file, the process's own variables, and what `credvend-s3` finds.
type Row = (&'static str, &'static [(&'static str, &'static str)], &'static [&'static str]);

#[tokio::test]
async fn what_the_file_says_reaches_s3_and_wins_there_in_any_spelling() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let rows: [Row; 8] = [
        // The reported case.
        (
            "export IDP_TYPE=cognito\nexport AWS_REGION=us-east-1\nexport S3_BUCKET=example-logs\n\
             export HTTPS_PROXY=http://proxy.example.com:3128\nexport AWS_USE_FIPS_ENDPOINT=true\n",
            &[("https_proxy", "http://other.example:1"), ("AWS_REGION", "eu-west-1")],
            &[
                "AWS_REGION=us-east-1",
                "AWS_USE_FIPS_ENDPOINT=true",
                "HTTPS_PROXY=http://proxy.example.com:3128",
                "S3_BUCKET=example-logs",
            ],
        ),
        (
            "https_proxy=http://a.example:1\n",
            &[("HTTPS_PROXY", "http://b.example:1")],
            &["https_proxy=http://a.example:1"],
        ),
        ("ALL_PROXY=http://a.example:1\n", &[("https_proxy", "http://b.example:1")], &["ALL_PROXY=http://a.example:1"]),
        (
            "HTTPS_PROXY=http://a.example:1\n",
            &[("all_proxy", "http://b.example:1")],
            &["HTTPS_PROXY=http://a.example:1"],
        ),
        ("NO_PROXY=a.example\n", &[("no_proxy", "b.example")], &["NO_PROXY=a.example"]),
        ("TMPDIR=/var/tmp\n", &[("TMPDIR", "/tmp")], &["TMPDIR=/var/tmp"]),
        (
            "AWS_USE_DUALSTACK_ENDPOINT=true\nAWS_CA_BUNDLE=/ca.pem\n",
            &[("AWS_USE_DUALSTACK_ENDPOINT", "false")],
            &["AWS_CA_BUNDLE=/ca.pem", "AWS_USE_DUALSTACK_ENDPOINT=true"],
        ),
        // What the file leaves open stays the process's.
        (
            "S3_BUCKET=a\n",
            &[("https_proxy", "http://b.example:1"), ("NO_PROXY", "c"), ("S3_PATH_PREFIX", "p/")],
            &["NO_PROXY=c", "S3_BUCKET=a", "S3_PATH_PREFIX=p/", "https_proxy=http://b.example:1"],
        ),
    ];
    for (file, process, expected) in rows {
        assert_eq!(environment_of_s3(folder.path(), file, process).await, expected, "{file}");
    }
}
