//! `credvend-admin explain`: what it says is what the service does.

use std::process::Command;

use serde_json::{Value, json};
use tests::process::binary;
use tests::token::cognito_claims;
use tests::upstream::item;
use tokio::task::JoinSet;

use super::{Installation, Server};
use crate::machine::run;
use crate::service::{ISSUER, Service, Setup, key};

#[tokio::test]
async fn a_decision_and_what_it_rests_on() {
    let installation = Installation::start().await;
    let server = installation.register("web-01").await;
    allowed(&installation, &server).await;
    denied_and_mended(&installation, &server).await;
    of_a_scope(&installation, &server).await;
    what_iam_says(&installation, &server).await;
    for_a_person(&installation, &server).await;
}

async fn allowed(installation: &Installation, server: &Server) {
    let function_role = installation.text("/lambda/role_arn");
    let said = installation.json(&["explain", &server.id, "--function-role", function_role]).await;
    assert_eq!((&said["decision"], &said["code"]), (&json!("allow"), &Value::Null), "{said}");
    assert_eq!((&said["scopes_from"], &said["scopes"]), (&json!("user-pool"), &json!(["credvend-api/write"])));
    assert_eq!(said["session"]["role_arn"], server.role_arn.as_str());
    assert_eq!(said["session"]["tags"]["client_id"], server.id.as_str());
    assert_eq!(said["role"]["exists"], true, "{said}");
    assert_eq!(said["role"]["lets_the_service_in"], true, "{said}");
    let changes = said["changes"].as_array().unwrap();
    let leads: Vec<_> = changes.iter().map(|change| change["leads_to"].as_str().unwrap()).collect();
    // The item's level is the highest, so the request cannot ask for more.
    assert_eq!(leads, ["client_disabled", "invalid_request", "invalid_request"], "{said}");
}

/// Each change that is named is made, and then the service does what was said.
async fn denied_and_mended(installation: &Installation, server: &Server) {
    let id = server.id.as_str();
    for arguments in [
        vec!["clients", "disable", id],
        vec!["clients", "expire", id, "2020-01-31"],
        vec!["clients", "put", id, "--allowed-scope", "x", "--source-cidr", "127.0.0.0/8"],
    ] {
        assert_eq!(installation.admin(&arguments).await.code(), Some(0), "{arguments:?}");
    }
    let said = installation.json(&["explain", id]).await;
    let changes = said["changes"].as_array().unwrap();
    let leads: Vec<_> = changes.iter().map(|change| change["leads_to"].as_str().unwrap()).collect();
    assert_eq!(said["code"], "client_disabled");
    assert_eq!(leads, ["client_expired", "source_not_allowed", "insufficient_scope", "allow"], "{said}");
    for change in &changes[..2] {
        let command: Vec<_> = change["command"].as_str().unwrap().split(' ').skip(1).collect();
        assert_eq!(installation.admin(&command).await.code(), Some(0), "{command:?}");
    }
    assert_eq!(installation.vend(server).await, super::refused("insufficient_scope"));
    let said = installation.json(&["explain", id, "--scopes", "x y", "--source-ip", "127.0.0.1"]).await;
    assert_eq!((&said["decision"], &said["scopes_from"]), (&json!("allow"), &json!("option")), "{said}");
    let unset = ["clients", "put", id, "--unset", "allowed_scopes", "--unset", "source_cidrs"];
    assert_eq!(installation.admin(&unset).await.code(), Some(0));
    assert_eq!(installation.vend(server).await, super::vended());
}

async fn of_a_scope(installation: &Installation, server: &Server) {
    let nobody = installation.json(&["explain", "nobody"]).await;
    assert_eq!(nobody["code"], "client_not_registered");
    assert!(nobody["notes"][0].as_str().unwrap().contains("no app client"), "{nobody}");
    assert_eq!(nobody["changes"][0]["leads_to"], Value::Null, "{nobody}");
    let put = ["clients", "put", "scope#s", "--role-arn", &server.role_arn, "--s3-path-prefix", "logs/shared/"];
    assert_eq!(installation.admin(&put).await.code(), Some(0));
    let caught = installation.json(&["explain", "nobody", "--scopes", "s"]).await;
    assert_eq!((&caught["decision"], &caught["session"]["tags"]["client_id"]), (&json!("allow"), &json!("nobody")));
    assert_eq!(caught["changes"][0]["command"], "credvend-admin clients disable 'scope#s'", "{caught}");
    assert_eq!(installation.admin(&["clients", "delete", "scope#s", "--yes"]).await.code(), Some(0));
}

async fn what_iam_says(installation: &Installation, server: &Server) {
    let id = server.id.as_str();
    let gone = "arn:aws:iam::123456789012:role/credvend-gone";
    for (role, exists, words) in [
        (gone, json!(false), "does not exist"),
        // The stack has no simulation, and says so.
        (server.role_arn.as_str(), json!(true), "what a session of the role may do is not known"),
    ] {
        assert_eq!(installation.admin(&["clients", "put", id, "--role-arn", role]).await.code(), Some(0));
        let said = installation.json(&["explain", id]).await;
        assert_eq!((&said["decision"], &said["role"]["exists"]), (&json!("allow"), &exists), "{said}");
        assert!(said["role"]["remarks"].to_string().contains(words), "{said}");
    }
    let other = "arn:aws:iam::123456789012:role/somebody-else";
    let said = installation.json(&["explain", id, "--function-role", other]).await;
    assert_eq!(said["role"]["lets_the_service_in"], false, "{said}");
    // Who may not ask IAM gets the decision all the same.
    let fault = json!({"api": "iam:GetRole", "kind": "status", "status": 403, "code": "AccessDenied"});
    installation.control("POST", "faults", fault).await;
    let said = installation.json(&["explain", id]).await;
    assert_eq!((&said["decision"], &said["role"]["exists"]), (&json!("allow"), &Value::Null), "{said}");
    installation.control("DELETE", "faults", Value::Null).await;
}

async fn for_a_person(installation: &Installation, server: &Server) {
    let ran = installation.admin(&["explain", &server.id, "--prefix", "elsewhere/"]).await;
    let text = ran.stdout();
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    assert!(text.starts_with("deny  ") && text.contains("invalid_request: `s3_path_prefix`"), "{text}");
    assert!(text.contains("the request does not ask for another prefix (--prefix)  → allow"), "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
    let none = [("COGNITO_ISSUER", ""), ("TRUSTED_ISSUERS", "")];
    for (changes, arguments, code, words) in [
        (&none[..], vec!["explain", "a"], 1, "--service-env"),
        (&[][..], vec!["explain", "scope#a"], 2, "--scopes a"),
        (&[][..], vec!["explain", "a", "--duration", "60"], 2, "900..=3600"),
        (&[][..], vec!["explain", "a", "--table", "no-such-table", "--scopes", "x"], 4, "nothing was decided"),
    ] {
        let ran = run(installation.command(&arguments, changes)).await;
        assert_eq!(ran.code(), Some(code), "{arguments:?}: {}", ran.stderr());
        assert!(ran.stderr().contains(words), "{arguments:?}: {}", ran.stderr());
    }
}

const QUESTIONS: usize = 200;
const AT_ONCE: usize = 4;

/// One question, for both.
struct Asked {
    scopes: String,
    body: Value,
    options: Vec<String>,
}

fn asked(random: &mut fastrand::Rng) -> Asked {
    let scopes: Vec<_> = ["a", "b", "c"].into_iter().filter(|_| random.bool()).collect();
    let mut asked = Asked { scopes: scopes.join(" "), body: json!({}), options: Vec::new() };
    let prefixes = ["logs/server-01/x/", "logs/server-01", "logs/", "logs/server-010/", "logs/server-01/../x/"];
    let prefix = prefixes[random.usize(..5)];
    let level = ["write", "read-write", "full"][random.usize(..3)];
    let seconds = [900, 1800, 3600][random.usize(..3)];
    for (member, option, value) in [
        ("s3_path_prefix", "--prefix", json!(prefix)),
        ("s3_permissions", "--level", json!(level)),
        ("duration_seconds", "--duration", json!(seconds)),
    ] {
        if random.u8(..3) == 0 {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            asked.options.extend([option.to_owned(), text]);
            asked.body[member] = value;
        }
    }
    asked
}

fn attributes(random: &mut fastrand::Rng) -> Value {
    let mut one = |values: &[&str]| json!(values[random.usize(..values.len())]);
    let all = json!({
        "s3_permissions": {"S": one(&["write", "read-write", "full"])},
        "session_policy": {"S": "s3-prefix"},
        "session_duration_seconds": {"N": one(&["900", "1800"])},
        "disabled": {"BOOL": one(&["no", "no", "yes"]) == "yes"},
        "expires_at": {"N": one(&["1", "4000000000"])},
        "source_cidrs": {"SS": [one(&["127.0.0.0/8", "10.0.0.0/8"])]},
        "allowed_scopes": {"SS": [one(&["a", "b"])]},
        "issuer": {"S": one(&[ISSUER, "https://idp.example.com"])},
        "observe": {"SS": [one(&["expires_at", "source_cidrs", "allowed_scopes"])]},
        "server_name": {"N": "1"},
    });
    let members = all.as_object().unwrap().iter();
    members.filter(|_| random.u8(..4) == 0).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// The same question over the wire: `POST /explain` with a token that the issuer signed, and the operator's program.
#[tokio::test]
async fn it_agrees_with_the_service_over_the_wire() {
    let service = std::sync::Arc::new(Service::start(Setup::default()).await);
    let mut random = fastrand::Rng::with_seed(13);
    let mut running = JoinSet::new();
    let mut codes = std::collections::BTreeSet::new();
    for number in 0..QUESTIONS {
        if running.len() >= AT_ONCE {
            codes.insert(running.join_next().await.unwrap().unwrap());
        }
        let client = format!("client-{number}");
        // One in eight has no item of its own; of these, half are caught by the item of a scope.
        let is_registered = number % 8 > 0;
        let name = if is_registered { client.clone() } else { format!("scope#{number}") };
        service.upstream.put_item(&name, item(&name, attributes(&mut random)));
        let mut asked = asked(&mut random);
        if !is_registered && random.bool() {
            asked.scopes = format!("{} {number}", asked.scopes).trim().to_owned();
        }
        running.spawn(compared(std::sync::Arc::clone(&service), client, asked));
    }
    while let Some(code) = running.join_next().await {
        codes.insert(code.unwrap());
    }
    assert!(codes.len() >= 8, "{codes:?}");
}

/// The code that both said.
async fn compared(service: std::sync::Arc<Service>, client: String, asked: Asked) -> String {
    let mut claims = cognito_claims(ISSUER, &client);
    claims["scope"] = json!(asked.scopes);
    let request = service.request("POST", "/explain").bearer_auth(key().token(&claims));
    let request = request.header("content-type", "application/json").body(asked.body.to_string());
    let served = service.send(request).await.body;
    let mut command = Command::new(binary("credvend-admin"));
    command.args(["explain", &client, "--json", "--scopes", &asked.scopes, "--source-ip", "127.0.0.1"]);
    command.args(&asked.options).env_clear().envs(crate::service::environment(&service.upstream));
    let ran = run(command).await;
    assert_eq!(ran.code(), Some(0), "{client} {:?}: {}", asked.options, ran.stderr());
    let explained: Value = serde_json::from_str(&ran.stdout()).unwrap();
    // What the service calls a failure is answered as any other error of its.
    let code = |said: &Value| said["code"].as_str().or(said["error"].as_str()).unwrap_or("ok").to_owned();
    assert_eq!(code(&explained), code(&served), "{client} {:?}\n{explained:#}\n{served:#}", asked.options);
    let steps = |said: &Value| {
        let steps = said["steps"].as_array().unwrap().iter();
        let of_the_client =
            steps.filter(|step| !["request", "token", "jwks"].contains(&step["step"].as_str().unwrap()));
        let mut steps: Vec<_> = of_the_client.cloned().collect();
        for step in &mut steps {
            // Each token has one of its own.
            step["detail"].as_object_mut().map(|detail| detail.remove("jti"));
        }
        steps
    };
    assert_eq!(steps(&explained), steps(&served), "{client} {:?}", asked.options);
    code(&served)
}
