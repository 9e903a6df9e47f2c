//! The vending API keeps what `GET /openapi.json` promises: schemathesis, which nobody here wrote, makes requests from the
//! description, valid ones and invalid ones, and compares each response with it.

use std::process::Command;

use serde_json::{Value, json};
use tests::process::repository;

use crate::local_stack::Stack;
use crate::machine::run;

#[tokio::test]
async fn the_service_does_what_its_description_says() {
    let program = repository().join(".tools/schemathesis/bin/schemathesis");
    assert!(program.exists(), "{} is missing: run scripts/setup --schemathesis", program.display());
    let stack = Stack::start().await;
    // The level with the longest session policy.
    let server = stack.register("web-01", "full", json!({"session_policy": "s3-prefix"})).await;
    let token = stack.access_token(&server).await;
    let folder = repository().join("tests/openapi");

    let mut command = Command::new(program);
    // It keeps files in the current folder.
    command.current_dir(stack.home.path());
    command.env("SCHEMATHESIS_HOOKS", folder.join("hooks.py"));
    command.env("ACCESS_TOKEN", &token).env("S3_PATH_PREFIX", server.text("s3_path_prefix"));
    command.arg("--config-file").arg(folder.join("schemathesis.toml"));
    command.args(["run", &format!("{}/openapi.json", stack.api()), "--url", stack.api()]);
    command.args(["--header", &format!("Authorization: Bearer {token}")]);
    command.args(["--phases", "examples,coverage,fuzzing", "--max-examples", "25"]);
    let ran = run(command).await;
    assert_eq!(ran.code(), Some(0), "{}\n{}", ran.stdout(), ran.stderr());
    // All operations were tried, with the client's own token; GET /openapi.json is where the description comes from.
    let description = std::fs::read(repository().join("vending-lambda/src/openapi.json")).unwrap();
    let description: Value = serde_json::from_slice(&description).unwrap();
    let operations: usize =
        description["paths"].as_object().unwrap().values().map(|path| path.as_object().unwrap().len()).sum();
    assert!(ran.stdout().contains(&format!("Tested: {}\n", operations - 1)), "{operations}: {}", ran.stdout());
    assert!(!ran.stdout().contains("authentication"), "{}", ran.stdout());
}
