//! `terraform-cognito/query-api/`: from an empty account to the first row, and back to an empty account.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use serde_json::{Value, json};
use tests::process::repository;

use super::account::{Account, Layer, architecture, succeeds, zip_of};
use super::deployer::policy_names_every_call;
use crate::machine::run;

const RESULTS: &str = "credvend-query-results";

#[tokio::test]
async fn the_query_api_from_nothing_and_back() {
    let account = Account::start().await;
    account.make_bucket(RESULTS).await;
    data(&account).await;
    let nothing = account.inventory().await;
    account.control("DELETE", "requests", Value::Null).await;
    let layer = account.layer("terraform-cognito/query-api", None).await;
    layer.set(json!({
        "bucket_name": null,
        "existing_bucket_name": RESULTS,
        "database_name": "analytics",
        "lambda_zip": zip_of("query-lambda", account.home.path()).await,
        "lambda_architecture": architecture(),
        "databases": {"analytics": {
            "dev_tables": {"orders": {}, "customers": {"excluded_columns": ["email"]}},
            "lf_tags": {"sensitivity": "internal"},
        }},
        "lf_tags": {"sensitivity": {"values": ["public", "internal"], "dev": ["public"], "super": ["public", "internal"]}},
        "data_location_arns": [format!("arn:aws:s3:::{RESULTS}/data")],
        "register_data_locations": true,
        "role_mappings_table": true,
        "kms_key": "create",
        // They are the same resource again and again.
        "alarms": {"denials": {}, "errors": {"misconfigured": 1}},
    }));
    layer.apply().await;
    layer.plans_nothing().await;

    let api = layer.text("query_api_url").await;
    let (status, body) = account.request("GET", &format!("{api}/ready"), &[], "").await;
    assert_eq!(status, 200, "{body}");
    let roles = layer.output("lake_formation_role_arns").await;
    let clients = Clients::of(&layer).await;
    for (client, role) in [("super", "super"), ("dev", "dev"), ("admin", "super")] {
        let token = clients.token(&account, client).await;
        let (status, body) = query(&account, &api, &token, "SELECT 1 AS one").await;
        assert_eq!((status, &body["data"], &body["lfRole"]), (200, &json!([["one"], ["1"]]), &roles[role]), "{body}");
    }
    // Lake Formation decides the columns.
    let dev = clients.token(&account, "dev").await;
    for (client, columns) in [("super", json!([["name", "email"]])), ("dev", json!([["name"]]))] {
        let token = clients.token(&account, client).await;
        assert_eq!(query(&account, &api, &token, "SELECT * FROM customers").await.1["data"], columns, "{client}");
    }
    let (status, body) = query(&account, &api, &dev, "SELECT email FROM customers").await;
    assert_eq!((status, body["error"].as_str()), (403, Some("permission_denied")), "{body}");
    // The scope decides the kind of statement, and a token that was altered opens nothing.
    let (status, body) = query(&account, &api, &dev, "DROP TABLE orders").await;
    assert_eq!((status, body["error"].as_str()), (403, Some("statement_not_allowed")), "{body}");
    let (status, body) = query(&account, &api, &format!("{dev}x"), "SELECT 1").await;
    assert_eq!((status, body["error"].as_str()), (401, Some("invalid_token")), "{body}");

    the_five_checks_pass(&account, &layer).await;
    a_machine_of_a_client_queries(&account, &layer).await;

    alarms_and_dashboard_ask_for_what_is_counted(&account).await;

    layer.destroy().await;
    let mut left = account.inventory().await;
    // Results belong to the bucket's owner.
    left["objects"] = nothing["objects"].clone();
    assert_eq!(left, nothing, "destroy leaves nothing");
    policy_names_every_call(&account, "terraform-cognito/query-api/deployer-policy.json").await;
}

/// `scripts/test-query-api terraform-cognito/query-api`. Its `terraform` says where this stack has what is at `https://…`.
async fn the_five_checks_pass(account: &Account, layer: &Layer) {
    let programs = account.home.path().join("bin");
    std::fs::create_dir(&programs).expect("a new folder");
    let local = account.local("https://");
    let script =
        format!("#!/bin/bash\nset -o pipefail\nPATH=${{PATH#*:}}\nterraform \"$@\" | sed 's#https://#{local}#g'\n");
    let program = programs.join("terraform");
    std::fs::write(&program, script).expect("a writable folder");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("a file of ours");
    let mut command = Command::new(repository().join("scripts/test-query-api"));
    command.arg(&layer.folder).env_clear().envs(layer.environment.clone());
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{}:{path}", programs.display()));
    let ran = run(command).await;
    assert_eq!(ran.code(), Some(0), "{}{}", ran.stdout(), ran.stderr());
    assert!(ran.stdout().contains("5 of 5 passed"), "{}", ran.stdout());
}

/// `credvend query`, with the env file that `scripts/server-env` prints.
async fn a_machine_of_a_client_queries(account: &Account, layer: &Layer) {
    let dev = account.machine(layer, "dev").await;
    dev.set(&[
        ("COGNITO_TOKEN_ENDPOINT", account.local(&layer.text("token_endpoint").await)),
        ("QUERY_API_URL", account.local(&dev.variable("QUERY_API_URL"))),
    ]);
    let ran = dev.credvend(&["query", "--format", "json", "SELECT 1 AS one, 'a' AS text"]).await;
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    let rows: Value = serde_json::from_str(&ran.stdout()).expect("JSON");
    assert_eq!(rows, json!([{"one": 1, "text": "a"}]));
    let ran = dev.credvend(&["query", "SELECT email FROM customers"]).await;
    assert_eq!(ran.code(), Some(3), "{}", ran.stderr());
    assert!(ran.stderr().contains("permission_denied") || ran.stderr().contains("Insufficient"), "{}", ran.stderr());
}

/// The metrics of the audit lines are those of the file with which both deployments' alarms and dashboards are compared.
async fn alarms_and_dashboard_ask_for_what_is_counted(account: &Account) {
    let path = repository().join("tests/cases/query-api/metrics.json");
    let text = std::fs::read_to_string(path).expect("the file is there");
    let mut expected: BTreeMap<String, Value> = serde_json::from_str(&text).expect("JSON");
    // No dependency has failed here.
    expected.remove("Errors");
    let log = account.control("GET", "functions/credvend-dev-query/log", Value::Null).await;
    let mut counted = BTreeMap::new();
    for line in log["log"].as_str().expect("a text").lines().filter(|line| line.starts_with('{')) {
        let line: Value = serde_json::from_str(line).expect("JSON");
        for directive in line["_aws"]["CloudWatchMetrics"].as_array().into_iter().flatten() {
            assert_eq!(directive["Namespace"], "credvend-dev-query");
            for metric in directive["Metrics"].as_array().expect("metrics") {
                let name = metric["Name"].as_str().expect("a name").to_owned();
                counted.insert(name, directive["Dimensions"][0].clone());
            }
        }
    }
    assert_eq!(counted, expected);
}

/// A database with the two tables that the grants name.
async fn data(account: &Account) {
    let made = account.aws(&["glue", "create-database", "--database-input", "Name=analytics"]).await;
    succeeds("create-database", made);
    for table in ["orders", "customers"] {
        let columns = json!([{"Name": "name", "Type": "string"}, {"Name": "email", "Type": "string"}]);
        let input = json!({"Name": table, "StorageDescriptor": {"Columns": columns}}).to_string();
        let arguments = ["glue", "create-table", "--database-name", "analytics", "--table-input", &input];
        succeeds("create-table", account.aws(&arguments).await);
    }
}

/// What a client is told.
struct Clients {
    configurations: Value,
    secrets: Value,
    token_endpoint: String,
}

impl Clients {
    async fn of(layer: &Layer) -> Self {
        Self {
            configurations: layer.output("client_configurations").await,
            secrets: layer.output("client_secrets").await,
            token_endpoint: layer.text("token_endpoint").await,
        }
    }

    async fn token(&self, account: &Account, client: &str) -> String {
        let id = self.configurations[client]["COGNITO_CLIENT_ID"].as_str().expect("an id");
        let secret = self.secrets[client]["COGNITO_CLIENT_SECRET"].as_str().expect("a secret");
        let body = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let (status, answer) = account.request("POST", &self.token_endpoint, &form, &body).await;
        assert_eq!(status, 200, "{answer}");
        answer["access_token"].as_str().expect("a token").to_owned()
    }
}

async fn query(account: &Account, api: &str, token: &str, statement: &str) -> (u16, Value) {
    let headers = [("authorization", &*format!("Bearer {token}")), ("content-type", "application/json")];
    let body = json!({"query": statement}).to_string();
    account.request("POST", &format!("{api}/query-client-creds"), &headers, &body).await
}
