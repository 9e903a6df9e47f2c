//! `revoke` and `unrevoke`: what was vended does nothing any more, and nobody else notices.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::error::ProvideErrorMetadata as _;
use serde_json::{Value, json};
use tests::process::repository;

use super::conflict::interrupted;
use super::{Installation, Server, refused, vended};
use crate::machine::run;

const ADMIN: &str = "arn:aws:iam::123456789012:user/admin";

/// What a client has in its hands.
pub(super) struct Vended {
    s3: Client,
    bucket: String,
    key: String,
}

impl Vended {
    /// `None` where the credentials may do nothing: S3's refusal is the only failure that counts.
    pub(super) async fn uploads(&self) -> bool {
        let body = b"x".to_vec().into();
        match self.s3.put_object().bucket(&self.bucket).key(&self.key).body(body).send().await {
            Ok(_) => true,
            Err(error) => {
                assert_eq!(error.code(), Some("AccessDenied"), "{error:?}");
                false
            }
        }
    }
}

impl Installation {
    pub(super) async fn credentials(&self, server: &Server, name: &str) -> Vended {
        let (_, body) = self.vend_response(server).await;
        let text = |name: &str| body["credentials"][name].as_str().expect("credentials").to_owned();
        let (key, secret, token) = (text("access_key_id"), text("secret_access_key"), text("session_token"));
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(self.text("/region").to_owned()))
            .endpoint_url(self.text("/endpoint"))
            .force_path_style(true)
            .credentials_provider(Credentials::new(key, secret, Some(token), None, "test"))
            .build();
        let bucket = self.text("/bucket").to_owned();
        Vended { s3: Client::from_conf(config), bucket, key: format!("logs/{name}/x") }
    }

    /// A server whose role the administrator may assume as well, so that a revocation can be probed.
    pub(super) async fn register_with(&self, name: &str, order: Value) -> Server {
        let mut whole = json!({"server_name": name, "level": "full", "trusted": [ADMIN]});
        whole.as_object_mut().unwrap().extend(order.as_object().unwrap().clone());
        Server::of(&self.control("POST", "servers", whole).await)
    }

    /// Sessions of a role as the service names them.
    async fn many_sessions(&self, role: &str, count: usize) -> Vec<String> {
        let session = |number| json!({"name": format!("web-{number}-other{number}"), "tags": {"client_id": format!("other{number}")}});
        let order = json!({"role_arn": role, "sessions": (0..count).map(session).collect::<Vec<_>>()});
        let made = self.control("POST", "sessions", order).await;
        made["access_keys"].as_array().unwrap().iter().map(|key| key.as_str().unwrap().to_owned()).collect()
    }

    /// How many of the sessions may upload.
    async fn allowed(&self, keys: &[String], name: &str) -> usize {
        let resource = format!("arn:aws:s3:::{}/logs/{name}/x", self.text("/bucket"));
        let question = json!({"access_keys": keys, "action": "s3:PutObject", "resource": resource});
        self.control("POST", "permissions", question).await["allowed"].as_array().unwrap().len()
    }

    pub(super) async fn revoke(&self, id: &str) -> Value {
        self.json(&["revoke", id, "--yes"]).await
    }
}

/// The one role of a report.
fn role(report: &Value) -> &Value {
    assert_eq!(report["roles"].as_array().map(Vec::len), Some(1), "{report}");
    &report["roles"][0]
}

/// The figure of this command: an old session is refused within five seconds.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_session_is_refused_within_seconds_and_no_other() {
    let installation = Installation::start().await;
    let server = installation.register_with("web-01", json!({})).await;
    // Two clients of one role.
    let neighbour = installation.register("web-02").await;
    let shared = json!({"item": {"role_arn": server.role_arn, "s3_path_prefix": "logs/web-01/"}});
    installation.control("PATCH", "servers/web-02", shared).await;
    let others = installation.many_sessions(&server.role_arn, 1000).await;
    let (old, kept) =
        tokio::join!(installation.credentials(&server, "web-01"), installation.credentials(&neighbour, "web-01"));
    assert!(old.uploads().await && kept.uploads().await);
    let started = Instant::now();
    let watch = async {
        while old.uploads().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        started.elapsed()
    };
    let (report, refused_after) = tokio::join!(installation.revoke(&server.id), watch);
    println!(
        "revoke: an old session is refused after {refused_after:.2?}; the command says {}",
        role(&report)["refused_after_seconds"]
    );
    assert!(refused_after < Duration::from_secs(5), "{refused_after:?}");
    assert_eq!(role(&report)["probe"], "refused", "{report}");
    assert_eq!(report["change"]["after"]["disabled"], true);
    assert_eq!(installation.vend(&server).await, refused("client_disabled"));
    assert!(kept.uploads().await, "another client of the same role");
    assert_eq!(installation.vend(&neighbour).await, vended());
    assert_eq!(installation.allowed(&others, "web-01").await, 1000);
    // Once more changes nothing for anybody.
    installation.revoke(&server.id).await;
    assert!(!old.uploads().await && kept.uploads().await);
    // What is vended after the stamp works; what is vended before does not, and `unrevoke` says so.
    let let_in = installation.json(&["unrevoke", &server.id]).await;
    assert!(role(&let_in)["works_from"].is_string(), "{let_in}");
    assert!(!installation.credentials(&server, "web-01").await.uploads().await, "before the stamp");
    let deadline = Instant::now() + Duration::from_secs(30);
    while !installation.credentials(&server, "web-01").await.uploads().await {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert!(!old.uploads().await, "the old session stays denied");
    let again = installation.json(&["unrevoke", &server.id]).await;
    assert_eq!((&again["change"], &role(&again)["works_from"]), (&Value::Null, &Value::Null));
    assert_eq!(installation.json(&["clients", "show", &server.id]).await["item"].get("revoked_at"), None);
}

impl Installation {
    /// The administrator's AWS CLI.
    async fn aws(&self, arguments: &[&str]) -> Value {
        let mut command = Command::new(repository().join(".tools/venv/bin/aws"));
        let region = ["--output", "json", "--region", self.text("/region")];
        command.args(arguments).args(region).env_clear().envs(self.environment());
        let ran = run(command).await;
        assert_eq!(ran.code(), Some(0), "{arguments:?}: {}", ran.stderr());
        serde_json::from_str(&ran.stdout()).unwrap_or(Value::Null)
    }

    async fn policy(&self, role: &str, name: &str) -> Value {
        let found = self.aws(&["iam", "get-role-policy", "--role-name", role, "--policy-name", name]).await;
        found["PolicyDocument"].clone()
    }

    /// Gives the role one policy more, of so many characters.
    async fn fill(&self, role: &str, length: usize) {
        let policy = filler(length);
        let arguments = ["--role-name", role, "--policy-name", "filler", "--policy-document", &policy];
        self.aws(&[&["iam", "put-role-policy"][..], &arguments].concat()).await;
    }

    /// A session of a role, made without STS.
    async fn session(&self, role: &str, session: Value) -> String {
        let made = self.control("POST", "sessions", json!({"role_arn": role, "sessions": [session]})).await;
        made["access_keys"][0].as_str().unwrap().to_owned()
    }

    /// A server whose item names the role of another one.
    async fn register_at(&self, name: &str, role: &str) -> Server {
        let server = self.register(name).await;
        let item = json!({"item": {"role_arn": role, "s3_path_prefix": "logs/a/"}});
        self.control("PATCH", &format!("servers/{name}"), item).await;
        server
    }
}

fn name_of(role: &str) -> &str {
    role.rsplit('/').next().unwrap()
}

/// `SESSION_IDENTITY=name` knows no tags; and items change while their sessions live on.
async fn names_alone_are_enough(installation: &Installation) {
    let server = installation.register_with("name-01", json!({})).await;
    let earlier = installation.register("name-02").await;
    let named = |name: String| json!({"name": name});
    let mine = installation.session(&server.role_arn, named(format!("name-01-{}", server.id))).await;
    let recorded = installation.session(&earlier.role_arn, named("as-it-was-called".to_owned())).await;
    let mut near = Vec::new();
    for name in [format!("name-011-{}", server.id), format!("x-name-01-{}", server.id), server.id[1..].to_owned()] {
        near.push(installation.session(&server.role_arn, named(name)).await);
    }
    // The trail knows another role, under another name; and lines that are of no use.
    let line = |change: &[(&str, Value)]| {
        let now = tests::token::now() * 1000;
        let mut line = json!({"time": now, "decision": "allow", "code": "ok", "client_id": server.id, "issuer": installation.text("/issuer"),
            "role_arn": earlier.role_arn, "session_name": "as-it-was-called", "access_key_id": "ASIA0"});
        for (name, value) in change {
            line[*name] = value.clone();
        }
        format!("{line}\n")
    };
    let long_ago = json!((tests::token::now() - 13 * 3600) * 1000);
    let gone = json!("arn:aws:iam::123456789012:role/credvend-gone");
    let trail = installation.home.path().join("trail.jsonl");
    let lines = [
        line(&[]),
        line(&[("role_arn", json!("arn:aws:iam::123456789012:role/long-ago")), ("time", long_ago)]),
        line(&[("role_arn", json!("arn:aws:iam::123456789012:role/denied")), ("decision", json!("deny"))]),
        line(&[("role_arn", gone)]),
        line(&[("client_id", json!("another")), ("session_name", json!("other"))]),
        "garbage\n".to_owned(),
    ];
    std::fs::write(&trail, lines.concat()).unwrap();
    let report = installation.json(&["revoke", &server.id, "--yes", "--file", trail.to_str().unwrap()]).await;
    let policies: BTreeMap<_, _> = report["roles"]
        .as_array()
        .unwrap()
        .iter()
        .map(|role| (name_of(role["role_arn"].as_str().unwrap()), role["policy"].as_str().unwrap()))
        .collect();
    assert_eq!(
        policies,
        BTreeMap::from([
            ("credvend-gone", "role_gone"),
            ("credvend-name-01", "written"),
            ("credvend-name-02", "written")
        ])
    );
    assert_eq!(report["audit_read"], true);
    assert_eq!(installation.allowed(&[mine], "name-01").await, 0);
    assert_eq!(installation.allowed(&near, "name-01").await, 3);
    assert_eq!(installation.allowed(&[recorded], "name-02").await, 0);
}

/// A client that has credentials through its scope gets an item that stops it, and loses it again.
async fn a_client_of_a_scope(installation: &Installation) {
    let server = installation.register_with("scope-01", json!({})).await;
    let scope = format!("scope#{}/write", installation.text("/resource_server"));
    let put = [
        "clients",
        "put",
        &scope,
        "--role-arn",
        &server.role_arn,
        "--s3-path-prefix",
        "logs/scope-01/",
        "--session-policy",
        "s3-prefix",
    ];
    assert_eq!(installation.admin(&put).await.code(), Some(0));
    assert_eq!(installation.admin(&["clients", "delete", &server.id, "--yes"]).await.code(), Some(0));
    let old = installation.credentials(&server, "scope-01").await;
    assert!(old.uploads().await);
    let dry = installation.json(&["revoke", &server.id, "--dry-run"]).await;
    assert_eq!((&dry["change"]["change"], &dry["dry_run"]), (&"create".into(), &true.into()));
    assert!(old.uploads().await && installation.vend(&server).await == vended(), "a dry run changes nothing");
    let report = installation.json(&["revoke", &server.id, "--yes", "--reason", "lost"]).await;
    assert_eq!(role(&report)["probe"], "refused", "{report}");
    let item = installation.json(&["clients", "show", &server.id]).await["item"].clone();
    assert_eq!(
        (&item["revoked_reason"], &item["session_policy"]),
        (&"lost".into(), &"s3-prefix".into()),
        "no wider than the scope's"
    );
    assert_eq!(installation.vend(&server).await, refused("client_disabled"));
    assert!(!old.uploads().await);
    installation.revoke(&server.id).await;
    let let_in = installation.json(&["unrevoke", &server.id]).await;
    assert_eq!(let_in["change"]["change"], "delete");
    assert_eq!(installation.vend(&server).await, vended());
    assert_eq!(installation.admin(&["clients", "delete", &scope, "--yes"]).await.code(), Some(0));
}

/// Two who write one role's policy at the same time, and a policy that is full.
async fn many_of_one_role(installation: &Installation) {
    let first = installation.register("many-00").await;
    let role = &first.role_arn;
    let mut sessions = Vec::new();
    let mut servers = Vec::new();
    for number in 1..=6 {
        let server = installation.register_at(&format!("many-{number:02}"), role).await;
        sessions.push(installation.session(role, json!({"name": "any", "tags": {"client_id": server.id}})).await);
        servers.push(server);
    }
    let revocations = servers[..3].iter().map(|server| installation.revoke(&server.id));
    futures_util::future::join_all(revocations).await;
    assert_eq!(installation.allowed(&sessions[..3], "many-00").await, 0, "somebody's write was lost");
    assert_eq!(installation.allowed(&sessions[3..], "many-00").await, 3);
    // Two more stamps; one client is let in again; and a filler leaves room for another stamp only where others are folded.
    installation.revoke(&servers[3].id).await;
    installation.revoke(&servers[4].id).await;
    installation.json(&["unrevoke", &servers[0].id]).await;
    let role = name_of(role);
    let before = installation.policy(role, "credvend-revoked").await;
    let used = installation.policy(role, "s3").await.to_string().len() + before.to_string().len();
    installation.fill(role, 10_240 - used - 200).await;
    installation.revoke(&servers[5].id).await;
    let after = installation.policy(role, "credvend-revoked").await;
    let stamp = |policy: &Value, server: usize| {
        let statements = policy["Statement"].as_array().unwrap();
        let id = &servers[server].id;
        let one = statements.iter().find(|one| one["Condition"]["StringEquals"].to_string().contains(id));
        one.map(|one| one["Condition"]["DateLessThan"]["aws:TokenIssueTime"].as_str().unwrap().to_owned())
    };
    assert_eq!(stamp(&after, 0), stamp(&before, 0), "it was let in again");
    for server in 1..=4 {
        assert_eq!(stamp(&after, server), stamp(&before, 4), "{after}");
    }
    assert_eq!(installation.allowed(&sessions, "many-00").await, 0);
}

/// A policy of so many characters.
fn filler(length: usize) -> String {
    let of = |resource: &str| {
        let statement =
            json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": format!("arn:aws:s3:::{resource}")});
        json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
    };
    of(&"x".repeat(length - of("").len()))
}

/// Somebody lets a revoked client in again after its item was read, or deletes it: success means that it is shut out.
async fn somebody_else_at_the_same_time(installation: &Installation) {
    let server = installation.register("meanwhile-01").await;
    installation.revoke(&server.id).await;
    let second_read = || {
        let reads = AtomicUsize::new(0);
        move |request: &str| request.contains("GetItem") && reads.fetch_add(1, Ordering::SeqCst) == 1
    };
    for meanwhile in [&["unrevoke", &server.id][..], &["clients", "enable", &server.id]] {
        let revoke = ["revoke", &server.id, "--yes"];
        let (code, said) = interrupted(installation, &revoke, second_read(), meanwhile).await;
        assert_eq!(code, Some(0), "{meanwhile:?}: {said}");
        assert_eq!(installation.vend(&server).await, refused("client_disabled"), "{meanwhile:?}");
    }
    let deletion = ["clients", "delete", &server.id, "--yes"];
    let (code, said) = interrupted(installation, &["revoke", &server.id, "--yes"], second_read(), &deletion).await;
    assert_eq!(code, Some(5), "{said}");
}

/// Each step fails in turn; what is done stays done, and the message says what is not.
async fn each_failure_is_told(installation: &Installation) {
    let server = installation.register_with("fail-01", json!({})).await;
    for (arguments, code, message) in [
        (vec!["revoke", "nobody"], 1, "no role of a session"),
        (vec!["revoke", "scope#x"], 1, "item of a scope"),
        (vec!["revoke", ""], 1, "is empty"),
        (vec!["unrevoke", "nobody"], 1, "no item"),
    ] {
        let mut arguments = arguments;
        if arguments[0] == "revoke" {
            arguments.push("--yes");
        }
        let ran = installation.admin(&arguments).await;
        assert_eq!(ran.code(), Some(code), "{arguments:?}: {}", ran.stderr());
        assert!(ran.stderr().contains(message), "{}", ran.stderr());
    }
    let ran = installation.admin(&["revoke", &server.id]).await;
    assert!(ran.code() == Some(1) && ran.stderr().contains("--yes"), "{}", ran.stderr());
    assert_eq!(installation.vend(&server).await, vended());
    // The trail that was named cannot be read: the rest is done, and the command is not content.
    let ran = installation.admin(&["revoke", &server.id, "--yes", "--file", "/nowhere"]).await;
    assert!(ran.code() == Some(1) && ran.stderr().contains("audit trail"), "{}", ran.stderr());
    assert_eq!(installation.vend(&server).await, refused("client_disabled"));
    // A role whose policies leave no room.
    let full = installation.register("full-01").await;
    let role = name_of(&full.role_arn);
    let used = installation.policy(role, "s3").await.to_string().len();
    installation.fill(role, 10_240 - used).await;
    let ran = installation.admin(&["revoke", &full.id, "--yes"]).await;
    assert_eq!(ran.code(), Some(1), "{}", ran.stderr());
    assert!(ran.stderr().contains("is disabled") && ran.stderr().contains("10,240"), "{}", ran.stderr());
    assert_eq!(installation.vend(&full).await, refused("client_disabled"));
    // The item of another account's role of the same name.
    let role = server.role_arn.replace("123456789012", "210987654321");
    installation.control("PATCH", "servers/fail-01", json!({"item": {"role_arn": role}})).await;
    let ran = installation.admin(&["revoke", &server.id, "--yes"]).await;
    assert!(ran.code() == Some(1) && ran.stderr().contains("another account"), "{}", ran.stderr());
}

/// The session that is to show the deny is left out where STS takes its time, and the deny is not.
async fn no_slow_sts_delays_the_deny(installation: &Installation) {
    let server = installation.register_with("slow-01", json!({})).await;
    let old = installation.credentials(&server, "slow-01").await;
    assert!(old.uploads().await);
    installation.control("POST", "faults", json!({"api": "sts:AssumeRole", "kind": "slow", "seconds": 8})).await;
    let report = installation.revoke(&server.id).await;
    installation.control("DELETE", "faults", Value::Null).await;
    assert_eq!(
        (&role(&report)["probe"], &role(&report)["policy"]),
        (&json!("not_probed"), &json!("written")),
        "{report}"
    );
    assert!(role(&report)["not_probed_because"].as_str().unwrap().contains("3 s"), "{report}");
    assert!(!old.uploads().await);
}

/// Side by side on one stack: most of their time is spent waiting.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_revoked_and_nobody_else() {
    let installation = Installation::start().await;
    tokio::join!(names_alone_are_enough(&installation), many_of_one_role(&installation), async {
        // An item of a scope is for everybody who has none.
        tokio::join!(each_failure_is_told(&installation), somebody_else_at_the_same_time(&installation));
        a_client_of_a_scope(&installation).await;
    },);
    // A fault is for everybody.
    no_slow_sts_delays_the_deny(&installation).await;
}
