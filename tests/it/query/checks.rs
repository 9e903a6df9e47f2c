use std::process::Command;

use serde_json::{Value, json};
use tests::process::repository;

use super::world::{Service, World};
use crate::machine::{Ran, run};

/// The AWS CLI and what scripts need, as the account's administrator.
fn as_administrator(world: &World, mut command: Command, home: &std::path::Path) -> Command {
    let path = format!("{}:/usr/bin:/bin", repository().join(".tools/venv/bin").display());
    command.env_clear().envs([
        ("PATH", path.as_str()),
        ("HOME", home.to_str().expect("a path is text")),
        ("AWS_ENDPOINT_URL", world.text("/endpoint")),
        ("AWS_REGION", world.text("/region")),
        ("AWS_DEFAULT_REGION", world.text("/region")),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_ACCESS_KEY_ID", world.text("/admin/access_key_id")),
        ("AWS_SECRET_ACCESS_KEY", world.text("/admin/secret_access_key")),
    ]);
    command
}

async fn aws(world: &World, home: &std::path::Path, arguments: &[&str]) -> Value {
    let mut command = Command::new(repository().join(".tools/venv/bin/aws"));
    command.args(arguments);
    let ran = run(as_administrator(world, command, home)).await;
    assert_eq!(ran.code(), Some(0), "{arguments:?}: {}", ran.stderr());
    serde_json::from_str(&ran.stdout()).unwrap_or(Value::Null)
}

/// A stack with the outputs of scripts/deploy-query-api, and the checks of it.
async fn checked(world: &World, home: &std::path::Path, environment: &str, outputs: &Value) -> Ran {
    let outputs: serde_json::Map<_, _> = outputs
        .as_object()
        .expect("an object")
        .iter()
        .map(|(name, text)| (name.clone(), json!({"Value": text})))
        .collect();
    let template = json!({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}, "Outputs": outputs});
    let (stack, template) = (format!("query-api-{environment}"), template.to_string());
    aws(world, home, &["cloudformation", "create-stack", "--stack-name", &stack, "--template-body", &template]).await;
    let mut command = Command::new(repository().join("scripts/test-query-api"));
    command.arg(environment);
    run(as_administrator(world, command, home)).await
}

/// What the script says of a deployment that works, and of ones that do not.
pub async fn the_five_checks_of_a_deployment(world: &World, service: &Service) {
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path();
    let mut secrets = Vec::new();
    for (name, scope) in [("checks-super", "query.write"), ("checks-dev", "query.read")] {
        let made = world.control("POST", "query-clients", json!({"name": name, "scopes": [scope]})).await;
        let secret = json!({"client_id": made["client_id"], "client_secret": made["client_secret"]}).to_string();
        let made =
            aws(world, home, &["secretsmanager", "create-secret", "--name", name, "--secret-string", &secret]).await;
        secrets.push(made["ARN"].clone());
    }
    let good = json!({
        "ApiUrl": service.url, "TokenEndpoint": world.text("/token_endpoint"),
        "SuperRoleArn": world.text("/super_role_arn"), "DevRoleArn": world.text("/dev_role_arn"),
        "SuperClientSecretArn": secrets[0], "DevClientSecretArn": secrets[1],
    });
    let ran = checked(world, home, "good", &good).await;
    assert_eq!(ran.code(), Some(0), "{}{}", ran.stdout(), ran.stderr());
    assert!(ran.stdout().contains("5 of 5 passed") && ran.stdout().matches("PASS").count() == 5, "{}", ran.stdout());

    let mut swapped = good.clone();
    swapped["SuperRoleArn"] = good["DevRoleArn"].clone();
    let ran = checked(world, home, "swapped", &swapped).await;
    assert_eq!(ran.code(), Some(1), "{}{}", ran.stdout(), ran.stderr());
    assert!(ran.stdout().contains("FAIL  2.") && ran.stdout().contains("4 of 5 passed"), "{}", ran.stdout());

    let mut gone = good.clone();
    gone["ApiUrl"] = json!(tests::http_server::closed_port().await);
    let ran = checked(world, home, "gone", &gone).await;
    assert_eq!(ran.code(), Some(1), "{}{}", ran.stdout(), ran.stderr());
    assert!(ran.stdout().contains("2 of 5 passed"), "{}", ran.stdout());

    let mut command = Command::new(repository().join("scripts/test-query-api"));
    command.arg("nowhere");
    let ran = run(as_administrator(world, command, home)).await;
    assert_eq!(ran.code(), Some(2), "{}{}", ran.stdout(), ran.stderr());
    assert!(ran.stderr().contains("query-api-nowhere"), "{}", ran.stderr());
}
