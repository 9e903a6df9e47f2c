use std::process::Command;

use serde_json::json;
use tests::process::repository;

use super::world::{Service, World};
use crate::machine::run;

/// schemathesis, which nobody here wrote, makes requests from the service's own description, and compares each response.
pub async fn the_service_does_what_its_description_says(world: &World, service: &Service) {
    let program = repository().join(".tools/schemathesis/bin/schemathesis");
    assert!(program.exists(), "{} is missing: run scripts/setup --schemathesis", program.display());
    let caller = world.caller(json!({"name": "schemathesis", "role": "dev"})).await;
    let done = service.query(&caller, "SELECT 1 AS described").await;
    let folder = repository().join("tests/openapi");
    let home = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(program);
    // It keeps files in the current folder.
    command.current_dir(home.path());
    command.env("SCHEMATHESIS_HOOKS", folder.join("query_hooks.py"));
    command.env("ACCESS_TOKEN", &caller.token);
    command.env("QUERY_ID", done.body["queryExecutionId"].as_str().expect("an id"));
    command.arg("--config-file").arg(folder.join("query.toml"));
    command.args(["run", &format!("{}/openapi.json", service.url), "--url", &service.url]);
    command.args(["--header", &format!("Authorization: Bearer {}", caller.token)]);
    command.args(["--phases", "examples,coverage,fuzzing", "--max-examples", "10"]);
    let ran = run(command).await;
    assert_eq!(ran.code(), Some(0), "{}\n{}", ran.stdout(), ran.stderr());
    let description = service.send(service.request("GET", "/openapi.json")).await.body;
    let operations: usize = description["paths"]
        .as_object()
        .expect("paths")
        .values()
        .map(|path| path.as_object().map_or(0, serde_json::Map::len))
        .sum();
    assert!(ran.stdout().contains(&format!("Tested: {}\n", operations - 1)), "{operations}: {}", ran.stdout());
}
