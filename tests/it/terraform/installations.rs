//! Installations that come again, and several in one account.

use serde_json::{Value, json};

use super::account::{Account, Layer, architecture, lambda_zip, servers, succeeds};

const BUCKET: &str = "credvend-terraform-installations";

/// Its log groups outlive a production, and with them the key that they are encrypted with; the next apply takes the
/// groups over.
#[tokio::test]
async fn a_destroyed_prod_can_be_applied_again() {
    let account = Account::start().await;
    account.make_bucket(BUCKET).await;
    let foundation = account.layer("terraform-cognito/foundation", None).await;
    foundation.set(
        variables(
            &account,
            json!({"name": "credvend-prod", "environment": "prod", "kms_key": "create", "deletion_protection": false}),
        )
        .await,
    );
    foundation.apply().await;
    foundation.plans_nothing().await;
    let before = log_group(&account).await;
    let key = before["kmsKeyId"].as_str().expect("the groups are encrypted with the installation's key").to_owned();

    foundation.destroy().await;
    let left = account.inventory().await;
    assert_eq!(
        left["log_groups"],
        json!(["/aws/apigateway/credvend-prod-vending", "/aws/lambda/credvend-prod-vending"])
    );
    assert_eq!(log_group(&account).await["kmsKeyId"], json!(key), "the trail is still there");
    assert!(is_kept(&account, &key).await, "and can be read");
    for kind in ["functions", "tables", "user_pools", "roles", "kms_aliases"] {
        assert_eq!(left[kind], json!([]), "{kind}");
    }

    foundation.apply().await;
    foundation.plans_nothing().await;
    let after = log_group(&account).await;
    assert_eq!(after["arn"], before["arn"]);
    assert_ne!(after["kmsKeyId"], json!(key), "what is written from now on has the new key");
    assert!(is_kept(&account, &key).await, "what was written before still has the old one");
}

/// What a person can change of two installations of one account and region is the name; servers of both get their own
/// credentials, and neither sees the other's metrics.
#[tokio::test]
async fn two_installations_in_one_account() {
    let account = Account::start().await;
    account.make_bucket(BUCKET).await;
    account.second_checkout("other").await;
    let mut machines = Vec::new();
    for (name, checkout) in [("credvend-one", "terraform-cognito"), ("credvend-two", "other/terraform-cognito")] {
        let foundation = account.layer(&format!("{checkout}/foundation"), None).await;
        // Tags in the spelling of a corporate policy: IAM takes `Environment` and `environment` for one key.
        let tags = json!({"Environment": "development", "PROJECT": name, "Server": "fleet"});
        foundation.set(variables(&account, json!({"name": name, "cognito_domain": name, "tags": tags})).await);
        foundation.apply().await;
        let layer = account.layer(&format!("{checkout}/servers"), Some(&foundation)).await;
        layer.set(json!({"servers": servers(&[("web-01", &format!("logs/{name}/"), "write")])}));
        layer.apply().await;
        let machine = account.machine(&layer, "web-01").await;
        machine.set(&[
            ("COGNITO_TOKEN_ENDPOINT", account.local(&foundation.text("cognito_token_endpoint").await)),
            ("COGNITO_CREDENTIAL_API_URL", account.local(&foundation.text("credential_vending_api_url").await)),
        ]);
        machines.push((machine, foundation, layer));
    }
    let [(one, _, _), (two, foundation, layer)] = machines.as_slice() else { panic!("two machines") };
    one.keeps_to_its_prefix(two).await;
    two.keeps_to_its_prefix(one).await;
    for name in ["credvend-one", "credvend-two"] {
        assert!(namespaces(&account, name).await.contains(&json!(name)));
    }

    // Taking one down leaves the other as it is.
    layer.destroy().await;
    foundation.destroy().await;
    one.forget();
    one.get_credentials().await.credentials();
    let mut left = account.inventory().await;
    left.as_object_mut().expect("kinds and names").remove("objects");
    assert!(!left.to_string().contains("credvend-two"), "nothing but its objects is left: {left}");
}

/// The rules that the foundations share are in force in each of them, and told in their own words.
#[tokio::test]
async fn every_foundation_refuses_what_the_rules_refuse() {
    let account = Account::start().await;
    for tree in ["terraform-cognito", "terraform", "terraform/entra", "terraform/github", "terraform/oidc"] {
        let foundation: Layer = account.layer(&format!("{tree}/foundation"), None).await;
        for (variables, sentence) in [
            (json!({"name": "Credvend"}), "name \"Credvend\" is refused"),
            (json!({"aws_region": "Ireland"}), "aws_region \"Ireland\" is not a region's name"),
            (json!({"tags": {"Team": "a", "team": "b"}}), "tags: some keys differ in case only"),
            (json!({"existing_bucket_name": "corp-logs"}), "Set exactly one of bucket_name"),
            (json!({"role_path": "/*/"}), "role_path \"/*/\" is refused"),
        ] {
            foundation.set(variables);
            let ran = foundation.try_plan().await;
            let told = ran.stderr().split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ");
            assert!(ran.code() == Some(1) && told.contains(sentence), "{tree}: {sentence}: {}", ran.stderr());
        }
    }
}

async fn variables(account: &Account, more: Value) -> Value {
    let mut all = json!({
        "bucket_name": null,
        "existing_bucket_name": BUCKET,
        "lambda_zip": lambda_zip(account.home.path()).await,
        "lambda_architecture": architecture(),
    });
    all.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
    all
}

async fn log_group(account: &Account) -> Value {
    let arguments = ["logs", "describe-log-groups", "--log-group-name-prefix", "/aws/lambda/credvend-prod-vending"];
    json(account, &arguments).await["logGroups"][0].clone()
}

/// Whether the key is there and does not wait for its deletion.
async fn is_kept(account: &Account, key: &str) -> bool {
    let id = key.rsplit('/').next().expect("an ARN ends in the key's id");
    account.inventory().await["kms_keys"].as_array().expect("a list").contains(&json!(id))
}

async fn namespaces(account: &Account, name: &str) -> Vec<Value> {
    let alarms = json(account, &["cloudwatch", "describe-alarms", "--alarm-name-prefix", name]).await;
    let alarms = alarms["MetricAlarms"].as_array().cloned().unwrap_or_default();
    assert!(!alarms.is_empty(), "{name} has alarms");
    let mine = alarms.iter().all(|alarm| alarm["Namespace"] == name || alarm["Namespace"] == "AWS/Lambda");
    assert!(mine, "{alarms:?}");
    alarms.into_iter().map(|alarm| alarm["Namespace"].clone()).collect()
}

async fn json(account: &Account, arguments: &[&str]) -> Value {
    let ran = succeeds(&arguments.join(" "), account.aws(&[arguments, &["--output", "json"]].concat()).await);
    serde_json::from_str(&ran.stdout()).expect("JSON")
}
