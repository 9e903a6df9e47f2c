//! `terraform-cognito/query-api/`: from an empty account to the first row, and back to an empty account.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tests::process::repository;

use super::account::{Account, Layer, architecture, succeeds, zip_of};
use super::deployer::policy_names_every_call;

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

    alarms_and_dashboard_ask_for_what_is_counted(&account).await;

    layer.destroy().await;
    let mut left = account.inventory().await;
    // Results belong to the bucket's owner.
    left["objects"] = nothing["objects"].clone();
    assert_eq!(left, nothing, "destroy leaves nothing");
    policy_names_every_call(&account, "terraform-cognito/query-api/deployer-policy.json").await;
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
