//! `--env-file`: what it may look like, who may write it, and what it overrules.

use std::os::unix::fs::PermissionsExt as _;

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
