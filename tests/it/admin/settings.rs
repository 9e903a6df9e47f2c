//! Which installation is governed, and what happens where AWS says no or nothing.

use serde_json::json;

use super::Installation;
use crate::machine::run;

#[tokio::test]
async fn the_service_s_environment_may_stand_in_a_file() {
    let installation = Installation::start().await;
    let file = installation.home.path().join("service.env");
    let second = "https://idp.example.com";
    let trusted =
        json!([{"issuer": second, "kind": "oidc", "audiences": ["a"], "jwks_uri": "https://idp.example.com/keys"}]);
    let lines = format!(
        "export COGNITO_ISSUER='{}'\nDYNAMODB_TABLE=\"{}\"\nTRUSTED_ISSUERS='{trusted}'\n",
        installation.text("/issuer"),
        installation.text("/table")
    );
    std::fs::write(&file, lines).unwrap();
    let path = file.to_str().unwrap();
    let none = [("DYNAMODB_TABLE", ""), ("COGNITO_ISSUER", "")];
    let admin = async |arguments: &[&str]| {
        run(installation.command(&[arguments, &["--service-env", path]].concat(), &none)).await
    };
    let put = |id: &'static str| {
        ["clients", "put", id, "--role-arn", "arn:aws:iam::123456789012:role/a", "--s3-path-prefix", "x/"]
    };
    // Where several issuers are trusted, an item says which one it is for.
    for (id, options, issuer) in [("a", &[][..], installation.text("/issuer")), ("b", &["--issuer", second], second)] {
        let ran = admin(&[&put(id)[..], options].concat()).await;
        assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
        assert!(ran.stdout().contains(&format!("+ issuer = \"{issuer}\"")), "{}", ran.stdout());
    }
    let other = admin(&[&put("c")[..], &["--issuer", "https://evil.example.com"]].concat()).await;
    assert_eq!(other.code(), Some(1));
    assert!(other.stderr().contains("is not trusted") && other.stderr().contains(second), "{}", other.stderr());
    let without = run(installation.command(&["clients", "list"], &none)).await;
    assert_eq!(without.code(), Some(1));
    assert!(
        without.stderr().contains("--service-env") && without.stderr().contains("DYNAMODB_TABLE"),
        "{}",
        without.stderr()
    );
}

#[tokio::test]
async fn every_refusal_says_what_to_do() {
    let installation = Installation::start().await;
    let endpoint = installation.text("/endpoint").to_owned();
    for (changes, arguments, code, named) in [
        (vec![("AWS_SECRET_ACCESS_KEY", "wrong")], vec![], 3, "dynamodb:Scan"),
        (vec![("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", "")], vec![], 1, "--profile"),
        (vec![("AWS_REGION", "")], vec![], 1, "--region"),
        (vec![("AWS_REGION", "")], vec!["--region", "eu-west-1"], 0, ""),
        (vec![], vec!["--table", "no-such-table"], 1, "check --table and --region"),
        (vec![("AWS_ENDPOINT_URL", "http://127.0.0.1:1")], vec![], 4, "cannot be reached"),
        (vec![("AWS_ENDPOINT_URL", "http://dynamodb.example.com")], vec![], 1, "AWS_ENDPOINT_URL"),
        (vec![("TRUSTED_ISSUERS", "[")], vec![], 1, "TRUSTED_ISSUERS"),
        (vec![], vec!["--service-env", "/no/such/file"], 1, "/no/such/file"),
        (vec![], vec!["--from", "/no/such/folder"], 1, "/no/such/folder"),
        (vec![], vec!["--profile", "no-such-profile"], 1, "no such profile"),
    ] {
        let ran = run(installation.command(&[&["clients", "list"][..], &arguments].concat(), &changes)).await;
        assert_eq!(ran.code(), Some(code), "{changes:?} {arguments:?}: {}", ran.stderr());
        assert!(ran.stderr().contains(named), "{changes:?} {arguments:?}: {}", ran.stderr());
        assert!(!ran.stderr().contains(installation.text("/admin/secret_access_key")), "{}", ran.stderr());
    }
    // A 400 of this fault is a ThrottlingException.
    for status in [400, 500] {
        let fault = json!({"api": "dynamodb:Scan", "kind": "status", "status": status});
        installation.control("POST", "faults", fault).await;
        let ran = installation.admin(&["clients", "list"]).await;
        assert_eq!(ran.code(), Some(4), "{status}: {}", ran.stderr());
        installation.control("DELETE", "faults", serde_json::Value::Null).await;
    }
    assert!(endpoint.starts_with("http://127.0.0.1:"), "{endpoint}");
    assert_eq!(installation.admin(&["clients", "list"]).await.code(), Some(0));
}

/// Keys in the environment may be another account's: the profile that was named counts.
#[tokio::test]
async fn a_named_profile_wins_over_the_environment() {
    let installation = Installation::start().await;
    let folder = installation.home.path().join(".aws");
    std::fs::create_dir(&folder).unwrap();
    let (key, secret) = (installation.text("/admin/access_key_id"), installation.text("/admin/secret_access_key"));
    let profiles = format!(
        "[operator]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n\n[stranger]\naws_access_key_id = AKIASTRANGER\n\
         aws_secret_access_key = stranger\n"
    );
    std::fs::write(folder.join("credentials"), profiles).unwrap();
    let other = [("AWS_ACCESS_KEY_ID", "AKIAOTHERACCOUNT"), ("AWS_SECRET_ACCESS_KEY", "other")];
    let named = run(installation.command(&["clients", "list", "--profile", "operator"], &other)).await;
    assert_eq!(named.code(), Some(0), "{}", named.stderr());
    let stranger = installation.admin(&["clients", "list", "--profile", "stranger"]).await;
    assert_eq!(stranger.code(), Some(3), "{}", stranger.stderr());
}
