//! `credvend-admin lint`: each rule finds its fault, and a clean installation has none.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::Command;

use serde_json::{Value, json};
use tests::process::repository;
use tests::token::now;

use super::Installation;
use crate::machine::run;

#[tokio::test]
async fn every_rule_finds_its_fault() {
    let installation = Installation::start().await;
    let function_role = installation.text("/lambda/role_arn").to_owned();
    let broken = installation.register("web-01").await;
    installation.register("web-02").await;
    let options = ["--function-role", &function_role, "--fail-on", "note"];
    let clean = installation.admin(&[&["lint", "--json"], &options[..]].concat()).await;
    let said: Value = serde_json::from_str(&clean.stdout()).unwrap();
    assert_eq!((clean.code(), &said["findings"]), (Some(0), &json!([])), "{said}");
    let expected = faulty(&installation, &broken.id).await;
    let ran = installation.admin(&[&["lint", "--json"], &options[..]].concat()).await;
    assert_eq!(ran.code(), Some(6), "{}", ran.stderr());
    let said: Value = serde_json::from_str(&ran.stdout()).unwrap();
    let text = |finding: &Value, member: &str| finding[member].as_str().unwrap().to_owned();
    let findings = said["findings"].as_array().unwrap();
    let found: BTreeSet<_> = findings.iter().map(|one| (text(one, "rule"), text(one, "item"))).collect();
    let expected: BTreeSet<_> = expected.into_iter().map(|(rule, item)| (rule.to_owned(), item)).collect();
    assert_eq!(found, expected, "{said:#}");
    assert!(findings.iter().all(|one| !text(one, "problem").is_empty() && !text(one, "fix").is_empty()));
    exit_codes(&installation, &function_role).await;
    sarif(&installation, &options).await;
    who_may_not_ask(&installation, &options).await;
}

/// Items and roles with a fault each; rule and item of what is to be found.
async fn faulty(installation: &Installation, broken: &str) -> Vec<(&'static str, String)> {
    let role = |name: &str| format!("arn:aws:iam::123456789012:role/credvend-{name}");
    // An item that borrows a role whose policy covers another prefix, and a role that everybody may assume.
    let open = installation.register("open").await;
    installation.admin(&["clients", "delete", &open.id, "--yes"]).await;
    let everybody = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]});
    let document = everybody.to_string();
    let update = ["iam", "update-assume-role-policy", "--role-name", "credvend-open", "--policy-document", &document];
    let mut command = Command::new(repository().join(".tools/venv/bin/aws"));
    command.args(update).args(["--region", installation.text("/region")]).env_clear().envs(installation.environment());
    let ran = run(command).await;
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    let long = "x".repeat(390);
    let items = json!({"clients": [
        {"client_id": "borrows", "role_arn": role("web-01"), "s3_path_prefix": "logs/borrowed/"},
        {"client_id": "opened", "role_arn": role("open"), "s3_path_prefix": "logs/open/"},
        {"client_id": "gone", "role_arn": role("gone"), "s3_path_prefix": "logs/gone/"},
        {"client_id": "below", "role_arn": role("web-02"), "s3_path_prefix": "logs/web-02/x/", "session_policy": "s3-prefix"},
        {"client_id": "long", "role_arn": role("web-02"), "s3_path_prefix": format!("{long}/"), "session_policy": "s3-prefix", "s3_permissions": "full"},
        {"client_id": "asks", "role_arn": role("web-02"), "s3_path_prefix": "logs/asks/", "session_policy": "s3-prefix", "allowed_scopes": ["a"]},
        {"client_id": "scope#a", "role_arn": role("web-02"), "s3_path_prefix": "logs/scope/", "session_policy": "s3-prefix"},
        {"client_id": "scope#b", "role_arn": role("web-02"), "s3_path_prefix": "logs/scope/", "session_policy": "s3-prefix", "disabled": true},
        // Switched off: neither its prefix nor its role is anybody's business.
        {"client_id": "off", "role_arn": role("gone"), "s3_path_prefix": "logs/gone/", "disabled": true}
    ]});
    let file = installation.home.path().join("faulty.json");
    std::fs::write(&file, items.to_string()).unwrap();
    let ran = installation.admin(&["import", file.to_str().unwrap()]).await;
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    installation.control("PATCH", "servers/web-01", json!({"item": {"s3_permissions": "all"}})).await;
    vec![
        ("misconfigured-item", broken.to_owned()),
        ("role-wider-than-prefix", "borrows".to_owned()),
        ("trust-lets-others-assume", "opened".to_owned()),
        ("role-missing", "gone".to_owned()),
        ("prefixes-overlap", "below".to_owned()),
        ("session-policy-near-limit", "long".to_owned()),
        ("scope-behind-client", "scope#a".to_owned()),
        ("scope-shadowed", "scope#b".to_owned()),
    ]
}

async fn exit_codes(installation: &Installation, function_role: &str) {
    let ran = installation.admin(&["lint", "--function-role", function_role]).await;
    assert_eq!(ran.code(), Some(0), "without --fail-on a finding is no failure: {}", ran.stderr());
    assert!(ran.stdout().contains("gone  [role-missing]") && ran.stdout().contains("fix: "), "{}", ran.stdout());
    let several = json!([{"issuer": "https://idp.example.com", "kind": "oidc", "audiences": ["a"]}]).to_string();
    let changes = [("TRUSTED_ISSUERS", several.as_str())];
    let ran = run(installation.command(&["lint", "--json", "--fail-on", "error"], &changes)).await;
    assert_eq!(ran.code(), Some(6), "{}", ran.stderr());
    assert!(ran.stdout().contains("item-without-issuer"), "{}", ran.stdout());
}

/// The members that SARIF 2.1.0 requires, and the references within the document.
async fn sarif(installation: &Installation, options: &[&str]) {
    let ran = installation.admin(&[&["lint", "--sarif"], options].concat()).await;
    assert_eq!(ran.code(), Some(6), "{}", ran.stderr());
    let document: Value = serde_json::from_str(&ran.stdout()).unwrap();
    assert_eq!(document["version"], "2.1.0");
    let run = &document["runs"][0];
    assert_eq!(run["tool"]["driver"]["name"], "credvend-admin");
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), 8, "{document:#}");
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert!(["error", "warning", "note"].contains(&result["level"].as_str().unwrap()), "{result}");
        assert!(result["message"]["text"].as_str().unwrap().contains("Fix: "), "{result}");
        assert!(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].is_string(), "{result}");
    }
}

/// What could not be looked at is never silently in order.
async fn who_may_not_ask(installation: &Installation, options: &[&str]) {
    let fault =
        json!({"api": "iam:GetAccountAuthorizationDetails", "kind": "status", "status": 403, "code": "AccessDenied"});
    installation.control("POST", "faults", fault).await;
    let ran = installation.admin(&["lint"]).await;
    assert_eq!(ran.code(), Some(3), "{}", ran.stderr());
    assert!(ran.stdout().contains("not checked: roles and their trust"), "{}", ran.stdout());
    assert!(ran.stdout().contains("[prefixes-overlap]"), "the rest is there: {}", ran.stdout());
    assert_eq!(installation.admin(&[&["lint"], options].concat()).await.code(), Some(6));
    installation.control("DELETE", "faults", Value::Null).await;
}

/// Who has not come for 90 days, by a file of audit lines.
#[tokio::test]
async fn clients_that_do_not_come() {
    let installation = Installation::start().await;
    let (here, away) = (installation.register("here").await, installation.register("away").await);
    let day = 86_400;
    let line = |client: &str, days: u64| {
        let time = (now() - days * day) * 1000;
        json!({"time": time, "decision": "allow", "code": "ok", "client_id": client, "access_key_id": "ASIA"})
            .to_string()
    };
    for (oldest, found) in [(200, json!([&away.id])), (80, json!([]))] {
        let mut lines = String::new();
        for (client, days) in [(&here.id, oldest), (&away.id, oldest.min(91)), (&here.id, 3)] {
            writeln!(lines, "{}", line(client, days)).unwrap();
        }
        let file = installation.home.path().join("audit.jsonl");
        std::fs::write(&file, lines).unwrap();
        let said = installation.json(&["lint", "--file", file.to_str().unwrap()]).await;
        let unused = said["findings"].as_array().unwrap().iter().filter(|one| one["rule"] == "client-unused");
        assert_eq!(json!(unused.map(|one| &one["item"]).collect::<Vec<_>>()), found, "{oldest}: {said}");
        let is_said = said["not_checked"].to_string().contains("go back to");
        assert_eq!(is_said, oldest < 90, "{said}");
    }
}
