use serde_json::{Value, json};

use super::world::{Caller, Service, World};

/// The AssumeRole that served this client, by the name that every session of it carries.
async fn assume_role(world: &World, role_arn: &str, caller: &Caller) -> Value {
    let requests = world.requests("sts:AssumeRole").await;
    let found = requests.iter().find(|request| {
        let name = request["detail"]["RoleSessionName"].as_str().unwrap_or_default();
        request["detail"]["RoleArn"] == role_arn && name.contains(&caller.id)
    });
    found.unwrap_or_else(|| panic!("no session of {} for {}: {requests:?}", role_arn, caller.id))["detail"].clone()
}

/// Roles that trust `sts:AssumeRole` alone would refuse anything else.
pub async fn todays_roles_get_a_name_alone(world: &World, service: &Service) {
    let caller = world.caller_with("named", &["query.read"]).await;
    let response = service.query(&caller, "SELECT 1 AS named").await;
    assert_eq!(response.status, 200, "{}", response.body);
    let detail = assume_role(world, world.text("/dev_role_arn"), &caller).await;
    assert!(detail.get("SourceIdentity").is_none() && detail.get("Tags").is_none(), "{detail}");
    // Athena was asked by that session.
    let seen = world.query(response.body["queryExecutionId"].as_str().unwrap()).await;
    let principal = seen["principal"].as_str().unwrap();
    assert!(principal.contains(":assumed-role/credvend-lf-dev/") && principal.contains(&caller.id), "{principal}");
}

/// A role that takes them gets source identity and tags, and may let a client reach its own folder alone.
pub async fn a_session_shows_whose_it_is(world: &World, service: &Service) {
    let caller = world.caller(json!({"name": "tagged", "role": "dev", "item": {"server_name": "reports"}})).await;
    let response = service.query(&caller, "SELECT 1 AS tagged").await;
    assert_eq!(response.status, 200, "{}", response.body);
    let detail = assume_role(world, &caller.role_arn, &caller).await;
    assert_eq!(detail["SourceIdentity"], caller.id, "{detail}");
    assert_eq!(detail["Tags"]["client_id"], caller.id, "{detail}");
    assert_eq!(detail["Tags"]["server_name"], "reports", "{detail}");
    assert!(detail["RoleSessionName"].as_str().unwrap().starts_with("reports-"), "{detail}");
    // The owner's folder is named by the client and not by the server.
    let seen = world.query(response.body["queryExecutionId"].as_str().unwrap()).await;
    let folder = format!("{}client-creds-queries/{}/", world.text("/output"), caller.id);
    assert!(seen["output"].as_str().unwrap().starts_with(&folder), "{seen}");

    // A role that trusts less than the session needs is not assumable, and that is no fault of the caller.
    let order = json!({"name": "distrusted", "role": "dev", "trust_actions": ["sts:AssumeRole"]});
    let distrusted = world.caller(order).await;
    let response = service.query(&distrusted, "SELECT 1").await;
    assert_eq!(response.verdict(), (502, "role_not_assumable"), "{}", response.body);
    assert_eq!(response.body["retryable"], true);
}
