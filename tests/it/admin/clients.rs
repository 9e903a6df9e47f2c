//! The items of clients, one by one.

use serde_json::{Value, json};

use super::{Installation, Server, refused, vended};

#[tokio::test]
async fn what_is_written_is_what_the_service_does() {
    let mut installation = Installation::start().await;
    let server = installation.register("web-01").await;
    switched_off_and_on(&installation, &server).await;
    dates(&installation, &server).await;
    attributes(&installation, &server).await;
    on_trial(&installation, &server).await;
    what_the_service_could_not_use(&installation, &server).await;
    listings(&installation, &server).await;
    deleted(&installation, &server).await;
    let said = installation.lambda.stop().await;
    assert!(!said.contains("panicked"), "{said}");
}

async fn switched_off_and_on(installation: &Installation, server: &Server) {
    let id = server.id.as_str();
    assert_eq!(installation.vend(server).await, vended());
    let dry = installation.json(&["clients", "disable", id, "--dry-run"]).await;
    assert_eq!(dry["after"]["disabled"], true);
    assert_eq!(installation.vend(server).await, vended(), "a dry run writes nothing");
    let ran = installation.admin(&["clients", "disable", id]).await;
    assert_eq!(
        (ran.code(), ran.stdout()),
        (Some(0), format!("update {id}\n  + disabled = true\n")),
        "{}",
        ran.stderr()
    );
    assert_eq!(installation.vend(server).await, refused("client_disabled"));
    let again = installation.admin(&["clients", "disable", id]).await;
    assert_eq!((again.code(), again.stdout()), (Some(0), "nothing to change\n".to_owned()));
    assert_eq!(installation.admin(&["clients", "enable", id]).await.code(), Some(0));
    assert_eq!(installation.vend(server).await, vended());
    let unknown = installation.admin(&["clients", "disable", "nobody"]).await;
    assert_eq!(unknown.code(), Some(1));
    assert!(unknown.stderr().contains("no item \"nobody\""), "{}", unknown.stderr());
}

async fn dates(installation: &Installation, server: &Server) {
    let id = server.id.as_str();
    for (date, outcome) in [
        ("2020-01-31", refused("client_expired")),
        ("+90d", vended()),
        ("2020-01-31T12:00:00+02:00", refused("client_expired")),
        ("never", vended()),
    ] {
        let ran = installation.admin(&["clients", "expire", id, date]).await;
        assert_eq!(ran.code(), Some(0), "{date}: {}", ran.stderr());
        assert_eq!(installation.vend(server).await, outcome, "{date}");
    }
    let beyond = installation.admin(&["clients", "expire", id, "2300-01-01"]).await;
    assert_eq!(beyond.code(), Some(1));
    assert!(beyond.stderr().contains("`expires_at` lies beyond the year 2200"), "{}", beyond.stderr());
    assert_eq!(installation.admin(&["clients", "expire", id, "tomorrow"]).await.code(), Some(2));
}

/// What is not named stays, attributes that nobody here knows included.
async fn attributes(installation: &Installation, server: &Server) {
    let id = server.id.as_str();
    let with_note = json!({"clients": [{"client_id": id, "role_arn": server.role_arn, "server_name": "web-01",
        "s3_path_prefix": "logs/web-01/", "owner": "team-a", "tickets": {"NS": ["1", "2.5"]}}]});
    let file = installation.home.path().join("note.json");
    std::fs::write(&file, with_note.to_string()).unwrap();
    let ran = installation.admin(&["import", file.to_str().unwrap()]).await;
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    let put = ["clients", "put", id, "--s3-permissions", "full", "--allowed-scope", "b", "--allowed-scope", "a"];
    let change = installation.json(&put).await;
    assert_eq!(change["after"]["allowed_scopes"], json!(["a", "b"]));
    let shown = installation.json(&["clients", "show", id]).await;
    for (name, value) in [
        ("s3_permissions", json!("full")),
        ("owner", json!("team-a")),
        ("tickets", json!({"NS": ["1", "2.5"]})),
        ("server_name", json!("web-01")),
    ] {
        assert_eq!(shown["item"][name], value, "{name}: {shown}");
    }
    assert_eq!(shown["state"], "active");
    assert_eq!(installation.vend(server).await, refused("insufficient_scope"));
    assert_eq!(installation.admin(&["clients", "put", id, "--unset", "allowed_scopes"]).await.code(), Some(0));
    assert_eq!(installation.vend(server).await, vended());
    let both = installation.admin(&["clients", "put", id, "--server-name", "b", "--unset", "server_name"]).await;
    assert_eq!(both.code(), Some(2), "{}", both.stderr());
    // A network of somebody else, then that of this test.
    assert_eq!(installation.admin(&["clients", "put", id, "--source-cidr", "192.0.2.0/24"]).await.code(), Some(0));
    assert_eq!(installation.vend(server).await, refused("source_not_allowed"));
    assert_eq!(installation.admin(&["clients", "put", id, "--source-cidr", "127.0.0.0/8"]).await.code(), Some(0));
    assert_eq!(installation.vend(server).await, vended());
}

/// A rule that is observed refuses nobody, until it is not observed any more.
async fn on_trial(installation: &Installation, server: &Server) {
    let id = server.id.as_str();
    let put = ["clients", "put", id, "--source-cidr", "192.0.2.0/24", "--observe", "source_cidrs"];
    let change = installation.json(&put).await;
    assert_eq!(change["after"]["observe"], json!(["source_cidrs"]));
    assert_eq!(installation.vend(server).await, vended());
    let expired =
        ["clients", "put", id, "--expires-at", "2020-01-31", "--observe", "expires_at", "--observe", "source_cidrs"];
    assert_eq!(installation.admin(&expired).await.code(), Some(0));
    assert_eq!(installation.vend(server).await, vended());
    let shown = installation.json(&["clients", "show", id]).await;
    assert_eq!(
        (&shown["state"], &shown["item"]["observe"]),
        (&json!("active"), &json!(["expires_at", "source_cidrs"]))
    );
    let list = installation.admin(&["clients", "list"]).await.stdout();
    assert!(list.contains("OBSERVED") && list.contains("expires_at,source_cidrs"), "{list}");
    assert!(installation.admin(&["clients", "show", id]).await.stdout().contains("observe = expires_at source_cidrs"));
    assert_eq!(installation.admin(&["clients", "put", id, "--observe", "disabled"]).await.code(), Some(2));
    assert_eq!(installation.admin(&["clients", "put", id, "--unset", "observe"]).await.code(), Some(0));
    assert_eq!(installation.vend(server).await, refused("client_expired"));
    let back = ["clients", "put", id, "--expires-at", "never", "--source-cidr", "127.0.0.0/8"];
    assert_eq!(installation.admin(&back).await.code(), Some(0));
    assert_eq!(installation.vend(server).await, vended());
}

/// All faults at once, and nothing is written.
async fn what_the_service_could_not_use(installation: &Installation, server: &Server) {
    let id = server.id.as_str();
    let before = installation.json(&["clients", "show", id]).await;
    let faulty = [
        "clients",
        "put",
        id,
        "--role-arn",
        "arn:aws:iam::1:user/a",
        "--s3-path-prefix",
        "logs/*/",
        "--session-policy",
        "s3-prefix",
        "--session-duration-seconds",
        "60",
        "--source-cidr",
        "10.0.0.1/8/9",
    ];
    let ran = installation.admin(&faulty).await;
    assert_eq!(ran.code(), Some(1));
    for attribute in ["role_arn", "s3_path_prefix", "session_duration_seconds", "source_cidrs"] {
        assert!(ran.stderr().contains(&format!("`{attribute}`")), "{attribute}: {}", ran.stderr());
    }
    assert_eq!(installation.json(&["clients", "show", id]).await, before);
    for (key, problem) in
        [("", "is empty"), (" a", "white space"), ("a\u{1b}b", "control character"), ("scope#", "is empty")]
    {
        let ran = installation.admin(&["clients", "put", key, "--role-arn", &server.role_arn]).await;
        assert_eq!(ran.code(), Some(1), "{key:?}");
        assert!(ran.stderr().contains(problem) && !ran.stderr().contains('\u{1b}'), "{key:?}: {}", ran.stderr());
    }
    let incomplete = installation.admin(&["clients", "put", "new", "--role-arn", &server.role_arn]).await;
    assert!(incomplete.stderr().contains("`s3_path_prefix` is missing"), "{}", incomplete.stderr());
}

/// A terminal shows what the table holds, and is not steered by it.
async fn listings(installation: &Installation, server: &Server) {
    let hostile = "web\u{1b}[2J\u{202e}\nroot";
    let put = [
        "clients",
        "put",
        "hostile",
        "--role-arn",
        &server.role_arn,
        "--s3-path-prefix",
        "x/",
        "--server-name",
        hostile,
    ];
    assert_eq!(installation.admin(&put).await.code(), Some(0));
    for arguments in [&["clients", "list"][..], &["clients", "show", "hostile"]] {
        let ran = installation.admin(arguments).await;
        assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
        assert!(!ran.stdout().contains(['\u{1b}', '\u{202e}']), "{}", ran.stdout());
    }
    let list = installation.admin(&["clients", "list"]).await.stdout();
    assert!(list.starts_with("CLIENT") && list.contains("web-01") && list.contains("logs/web-01/"), "{list}");
    let list = installation.json(&["clients", "list"]).await;
    let of =
        |id: &str| list.as_array().unwrap().iter().find(|item| item["client_id"] == id).cloned().unwrap_or_default();
    assert_eq!(of("hostile")["server_name"], hostile);
    assert_eq!(of(&server.id)["state"], "active");
}

/// Never without a word, and never into the arms of a scope's item without a warning.
async fn deleted(installation: &Installation, server: &Server) {
    let id = server.id.as_str();
    let unconfirmed = installation.admin(&["clients", "delete", id]).await;
    assert_eq!(unconfirmed.code(), Some(1));
    assert!(unconfirmed.stderr().contains("--yes"), "{}", unconfirmed.stderr());
    let scope = format!("scope#{}/write", installation.text("/resource_server"));
    let put = ["clients", "put", &scope, "--role-arn", &server.role_arn, "--s3-path-prefix", "logs/web-01/"];
    assert_eq!(installation.admin(&put).await.code(), Some(0));
    let ran = installation.admin(&["clients", "delete", id, "--yes", "--dry-run"]).await;
    assert!(ran.stderr().contains("/write") && ran.stderr().contains("clients disable"), "{}", ran.stderr());
    assert_eq!(installation.json(&["clients", "show", id]).await["state"], "active");
    assert_eq!(installation.admin(&["clients", "delete", id, "--yes"]).await.code(), Some(0));
    let gone = installation.admin(&["clients", "show", id]).await;
    assert_eq!(gone.code(), Some(1));
    // What the warning said.
    assert_eq!(installation.vend(server).await, vended());
    assert_eq!(installation.admin(&["clients", "delete", &scope, "--yes"]).await.code(), Some(0));
    assert_eq!(installation.vend(server).await, refused("client_not_registered"));
    let keys: Vec<Value> = installation.json(&["clients", "list"]).await.as_array().unwrap().clone();
    assert!(keys.iter().all(|item| item["client_id"] != id), "{keys:?}");
}
