//! Who may deploy: the policies of docs/deployer.md.

use serde_json::Value;
use tests::process::repository;

use super::account::Account;

/// A deployer's policy against what Terraform has called. S3's and Lambda's calls have other names than their
/// permissions, and the latter are allowed as a whole.
pub async fn policy_names_every_call(account: &Account, policy: &str) {
    let path = repository().join(policy);
    let text = std::fs::read_to_string(path).expect("the policy is there");
    let policy: Value = serde_json::from_str(&text).expect("JSON");
    assert!(policy.to_string().len() < 6144 - 200, "IAM takes 6,144 characters, names filled in");
    let statements = policy["Statement"].as_array().expect("statements");
    let allowed: Vec<_> =
        statements.iter().flat_map(|one| one["Action"].as_array().expect("a list")).filter_map(Value::as_str).collect();
    let allows = |action: &str| {
        allowed.iter().any(|one| one.strip_suffix('*').map_or(*one == action, |start| action.starts_with(start)))
    };
    let requests = account.control("GET", "requests", Value::Null).await;
    let mut missing = std::collections::BTreeSet::new();
    let mut seen = 0;
    for request in requests["requests"].as_array().expect("a list") {
        if request["access_key"] != *account.administrators_key() {
            continue;
        }
        let api = request["api"].as_str().expect("a name");
        let (service, operation) = api.split_once(':').expect("service and operation");
        let action = match service {
            "s3" | "lambda" | "sts" => continue,
            "monitoring" => format!("cloudwatch:{operation}"),
            "lakeformation" => api.replace("POST /", ""),
            "apigateway" => format!("apigateway:{}", operation.split(' ').next().expect("a method")),
            _ => api.to_owned(),
        };
        seen += 1;
        if !allows(&action) {
            missing.insert(action);
        }
    }
    assert!(seen > 100, "{seen} requests of Terraform's");
    assert!(missing.is_empty(), "not in the deployer's policy: {missing:?}");
}
