//! `rotate-secret`: whatever fails and whenever it is killed, the client has a secret that works.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::process::{Process, binary};

use super::{Installation, Server};
use crate::machine::{Ran, run};

#[tokio::test]
async fn a_secret_is_rotated_without_a_gap() {
    let installation = Installation::start().await;
    with_a_client_at_work(&installation).await;
    kept_for_a_while(&installation).await;
    what_fails(&installation).await;
    two_secrets_of_somebody_else(&installation).await;
    two_operators(&installation).await;
    killed(&installation).await;
}

impl Installation {
    fn rotation_variables(&self) -> [(&'static str, String); 2] {
        [
            ("COGNITO_TOKEN_ENDPOINT", self.text("/token_endpoint").to_owned()),
            ("COGNITO_CREDENTIAL_API_URL", self.api.clone()),
        ]
    }

    fn rotation(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(&[&["rotate-secret"], arguments].concat(), &[]);
        command.envs(self.rotation_variables());
        command
    }

    async fn rotate(&self, arguments: &[&str]) -> Ran {
        run(self.rotation(arguments)).await
    }

    /// Whether a secret gets a token.
    async fn accepts(&self, id: &str, secret: &str) -> bool {
        let request = self.http.post(self.text("/token_endpoint")).basic_auth(id, Some(secret));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let response = request.body("grant_type=client_credentials").send().await.expect("the stack answers");
        response.status() == 200
    }

    async fn fault(&self, fault: Value) {
        self.control("POST", "faults", fault).await;
    }

    /// How many secrets the client has, by a run that changes nothing.
    async fn has_one_secret(&self, id: &str) -> bool {
        let ran = self.rotate(&[id, "--finish", "--dry-run"]).await;
        ran.stdout().starts_with("nothing to finish")
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

fn file(installation: &Installation, name: &str) -> (PathBuf, String) {
    let path = installation.home.path().join(name);
    (path.clone(), path.display().to_string())
}

/// Credentials that live for seconds, a secret that changes three times, and no upload that fails.
async fn with_a_client_at_work(installation: &Installation) {
    let server = installation.register("worker").await;
    let (path, name) = file(installation, "worker.secret");
    std::fs::write(&path, &server.secret).unwrap();
    installation.control("POST", "settings", json!({"credential_lifetime_seconds": 8})).await;
    let ended = Arc::new(AtomicBool::new(false));
    let uploader = uploader(installation, &server, &name, Arc::clone(&ended));
    let mut secrets = vec![server.secret.clone()];
    for round in 0..3 {
        let arguments: &[&str] = match round {
            0 => &[&server.id, "--to-file", &name],
            1 => &[&server.id, "--exec", &format!("umask 077; cat > {name}.tmp; mv {name}.tmp {name}; echo $0 moved")],
            _ => &[&server.id, "--to-file", &name, "--json"],
        };
        let ran = installation.rotate(arguments).await;
        assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
        let new = read(&path);
        assert!((24..=64).contains(&new.len()) && !secrets.contains(&new), "a new one, of Cognito's length");
        assert!(!format!("{}{}", ran.stdout(), ran.stderr()).contains(&new), "no secret is printed");
        assert!(installation.accepts(&server.id, &new).await);
        assert!(!installation.accepts(&server.id, secrets.last().unwrap()).await, "the old one is deleted");
        if round == 2 {
            let said: Value = serde_json::from_str(&ran.stdout()).unwrap();
            assert_eq!((&said["change"], &said["client_id"]), (&json!("rotated"), &json!(server.id)));
        }
        secrets.push(new);
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    ended.store(true, Ordering::Relaxed);
    let (uploads, failures) = uploader.await.unwrap();
    println!("rotations: {}, uploads: {uploads}, failed: {}", secrets.len() - 1, failures.len());
    assert!(uploads >= 5 && failures.is_empty(), "{uploads} uploads, failed: {failures:?}");
    let requests = installation.control("GET", "requests", Value::Null).await;
    assert!(
        requests["counts"]["sts:AssumeRole"].as_u64() > Some(4),
        "credentials have expired meanwhile: {}",
        requests["counts"]
    );
    installation.control("POST", "settings", json!({"credential_lifetime_seconds": null})).await;
    let state = std::fs::read_dir(installation.home.path().join(".local/state/credvend-admin")).unwrap();
    assert!(
        state.flatten().all(|entry| !entry.path().to_string_lossy().ends_with(".json")),
        "nothing is left on record"
    );
}

/// `credvend-s3 upload`, one after the other, with the secret in a file, until told otherwise.
fn uploader(
    installation: &Installation,
    server: &Server,
    secret: &str,
    ended: Arc<AtomicBool>,
) -> tokio::task::JoinHandle<(u32, Vec<String>)> {
    let home = installation.home.path().to_owned();
    let cache = home.join("cache").display().to_string();
    let api = format!("{}/credentials", installation.api);
    let lines = [
        ("IDP_TYPE", "cognito"),
        ("AWS_REGION", installation.text("/region")),
        ("COGNITO_TOKEN_ENDPOINT", installation.text("/token_endpoint")),
        ("COGNITO_CLIENT_ID", &server.id),
        ("COGNITO_CLIENT_SECRET_FILE", secret),
        ("COGNITO_CREDENTIAL_API_URL", &api),
        ("CREDVEND_CACHE_DIR", &cache),
    ];
    let env_file = home.join("worker.env");
    std::fs::write(&env_file, lines.map(|(name, value)| format!("export {name}='{value}'\n")).concat()).unwrap();
    std::fs::write(home.join("small"), "content").unwrap();
    let variables: Vec<(&str, String)> = vec![
        ("AWS_REGION", installation.text("/region").to_owned()),
        ("AWS_ENDPOINT_URL", installation.text("/endpoint").to_owned()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ("S3_BUCKET", installation.text("/bucket").to_owned()),
        ("S3_PATH_PREFIX", "logs/worker/".to_owned()),
        ("CREDVEND_CACHE_DIR", cache.clone()),
        ("PATH", std::env::var("PATH").unwrap_or_default()),
    ];
    tokio::task::spawn_blocking(move || {
        let (mut uploads, mut failures) = (0, Vec::new());
        while !ended.load(Ordering::Relaxed) {
            let mut command = Command::new(binary("credvend-s3"));
            command.env_clear().envs(variables.clone()).current_dir(&home);
            let output = command.arg("--env-file").arg(&env_file).args(["upload", "small"]).output().unwrap();
            uploads += 1;
            if !output.status.success() {
                failures.push(String::from_utf8_lossy(&output.stderr).into_owned());
            }
        }
        (uploads, failures)
    })
}

async fn kept_for_a_while(installation: &Installation) {
    let server = installation.register("kept").await;
    let (path, name) = file(installation, "kept.secret");
    let id = server.id.as_str();
    let dry = installation.rotate(&[id, "--to-file", &name, "--dry-run"]).await;
    assert!(dry.code() == Some(0) && dry.stdout().contains("nothing was changed"), "{}", dry.stderr());
    assert!(!path.exists() && installation.has_one_secret(id).await);
    let ran = installation.rotate(&[id, "--to-file", &name, "--keep-old", "24h"]).await;
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    assert!(ran.stdout().contains(&format!("credvend-admin rotate-secret {id} --finish")), "{}", ran.stdout());
    let new = read(&path);
    assert!(installation.accepts(id, &new).await && installation.accepts(id, &server.secret).await, "both work");
    let again = installation.rotate(&[id, "--to-file", &name]).await;
    assert_eq!(again.code(), Some(5), "{}", again.stderr());
    assert!(again.stderr().contains("--finish") && read(&path) == new);
    assert_eq!(installation.rotate(&[id, "--finish"]).await.code(), Some(0));
    assert!(installation.accepts(id, &new).await && !installation.accepts(id, &server.secret).await);
    assert!(installation.has_one_secret(id).await);
}

/// What is ordered, the exit status, what is said, and whether the secret is another one afterwards.
async fn what_fails(installation: &Installation) {
    const LIST: &str = "cognito-idp:ListUserPoolClientSecrets";
    const ADD: &str = "cognito-idp:AddUserPoolClientSecret";
    const DELETE: &str = "cognito-idp:DeleteUserPoolClientSecret";
    let status = |api: &str, status: u16, code: &str, count: Option<u32>| {
        vec![json!({"api": api, "kind": "status", "status": status, "code": code, "count": count})]
    };
    let server = installation.register("faulty").await;
    let id = server.id.as_str();
    let (path, name) = file(installation, "faulty.secret");
    std::fs::write(&path, &server.secret).unwrap();
    let refused_everywhere =
        [status("cognito:token", 400, "unauthorized_client", None), status(DELETE, 400, "AccessDeniedException", None)]
            .concat();
    for (what, faults, code, said, is_new) in [
        ("list refused", status(LIST, 400, "AccessDeniedException", None), 3, "AccessDenied", false),
        ("no such calls", status(LIST, 400, "UnknownOperationException", None), 1, "nothing was changed", false),
        (
            "add refused",
            status(ADD, 400, "AccessDeniedException", None),
            3,
            "works as before, and this run has added none",
            false,
        ),
        ("add beyond the limit", status(ADD, 400, "LimitExceededException", None), 1, "this run has added none", false),
        ("add throttled", status(ADD, 400, "TooManyRequestsException", Some(1)), 0, "added", true),
        ("add fails once", status(ADD, 500, "InternalErrorException", Some(1)), 0, "added", true),
        ("response of add lost", vec![json!({"api": ADD, "kind": "cut", "count": 1})], 0, "added", true),
        ("not known everywhere", status("cognito:token", 400, "invalid_client", Some(1)), 0, "gets a token", true),
        ("no token", status("cognito:token", 400, "unauthorized_client", None), 3, "the new one is deleted", false),
        ("neither token nor delete", refused_everywhere, 3, "the next run deletes it", false),
        ("the next run", vec![], 0, "which an interrupted run had left", true),
        ("response of delete lost", vec![json!({"api": DELETE, "kind": "cut", "count": 1})], 0, "in place", true),
        ("the old one stays", status(DELETE, 400, "AccessDeniedException", None), 3, "Both work", true),
        ("the next run finishes", vec![], 0, "is finished", false),
    ] {
        let before = read(&path);
        for fault in faults {
            installation.fault(fault).await;
        }
        let ran = installation.rotate(&[id, "--to-file", &name]).await;
        installation.control("DELETE", "faults", Value::Null).await;
        assert_eq!(ran.code(), Some(code), "{what}: {}", ran.stderr());
        assert!(ran.stderr().contains(said), "{what}: {}", ran.stderr());
        let now = read(&path);
        assert_eq!(now != before, is_new, "{what}");
        assert!(installation.accepts(id, &now).await, "{what}: what is in the file works");
        if !["neither token nor delete", "the old one stays"].contains(&what) {
            assert!(installation.has_one_secret(id).await, "{what}");
        }
    }
    let ran = installation.rotate(&[id, "--to-file", "/nonexistent/secret"]).await;
    assert!(ran.code() == Some(1) && ran.stderr().contains("/nonexistent/secret"), "{}", ran.stderr());
    assert!(installation.accepts(id, &read(&path)).await && installation.has_one_secret(id).await);
    // A command that fails may have installed the secret before that.
    for end in ["exit 3", "kill -9 $$", "nonsense-xyz"] {
        let before = read(&path);
        let ran = installation.rotate(&[id, "--exec", &format!("cat > {name}; {end}")]).await;
        assert!(ran.code() == Some(5) && ran.stderr().contains("delete-user-pool-client-secret"), "{}", ran.stderr());
        let new = read(&path);
        assert!(new != before, "{end}: it was installed");
        assert!(installation.accepts(id, &new).await && installation.accepts(id, &before).await, "{end}: both work");
        let again = installation.rotate(&[id, "--to-file", &name]).await;
        assert!(again.code() == Some(5) && again.stderr().contains("nobody here knows"), "{}", again.stderr());
        assert_eq!(installation.rotate(&[id, "--finish"]).await.code(), Some(0));
        assert!(installation.accepts(id, &new).await && installation.has_one_secret(id).await, "{end}");
    }
    // A client that is vended nothing can be given a new secret all the same.
    assert_eq!(installation.admin(&["clients", "disable", id]).await.code(), Some(0));
    let ran = installation.rotate(&[id, "--to-file", &name]).await;
    assert!(ran.code() == Some(0) && ran.stderr().contains("client_disabled"), "{}", ran.stderr());
    for (id, code) in [("nobody", 1), ("../../x", 1), ("", 1)] {
        let ran = installation.rotate(&[id, "--to-file", &name]).await;
        assert_eq!(ran.code(), Some(code), "{id}: {}", ran.stderr());
    }
}

async fn two_secrets_of_somebody_else(installation: &Installation) {
    let server = installation.register("second").await;
    // Which one is older is known by the second.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let added = installation.control("POST", "servers/second/secrets", Value::Null).await;
    let second = added["client_secret"].as_str().unwrap();
    let (path, name) = file(installation, "second.secret");
    let ran = installation.rotate(&[&server.id, "--to-file", &name]).await;
    assert_eq!(ran.code(), Some(5), "{}", ran.stderr());
    assert!(
        ran.stderr().contains("delete-user-pool-client-secret") && ran.stderr().contains("--finish"),
        "{}",
        ran.stderr()
    );
    assert!(!path.exists());
    let unasked = installation.rotate(&[&server.id, "--finish"]).await;
    assert!(unasked.code() == Some(1) && unasked.stderr().contains("--yes"), "{}", unasked.stderr());
    assert!(installation.accepts(&server.id, &server.secret).await && installation.accepts(&server.id, second).await);
    assert_eq!(installation.rotate(&[&server.id, "--finish", "--yes"]).await.code(), Some(0));
    assert!(!installation.accepts(&server.id, &server.secret).await && installation.accepts(&server.id, second).await);
}

/// Another operator, on another machine, adds a secret after this one has listed them: it is never deleted.
async fn two_operators(installation: &Installation) {
    const ADD: &str = "cognito-idp:AddUserPoolClientSecret";
    const LIST: &str = "cognito-idp:ListUserPoolClientSecrets";
    let (slow_list, slow_add) =
        (json!({"api": LIST, "kind": "slow", "seconds": 3}), json!({"api": ADD, "kind": "slow", "seconds": 3}));
    let unavailable = json!({"api": ADD, "kind": "status", "status": 500, "code": "InternalErrorException"});
    let refused = json!({"api": "cognito:token", "kind": "status", "status": 400, "code": "unauthorized_client"});
    let list_refused = json!({"api": LIST, "kind": "status", "status": 400, "code": "AccessDeniedException"});
    for (name, faults, later, code, said) in [
        ("limit", vec![slow_add.clone()], vec![], 1, "LimitExceededException"),
        ("limit-unlisted", vec![slow_add], vec![list_refused], 1, "this run has added none"),
        ("adopted", vec![slow_list, unavailable, refused], vec![], 5, "another operator may have added"),
    ] {
        let server = installation.register(name).await;
        let id = server.id.as_str();
        let (path, file) = file(installation, name);
        let record = installation.home.path().join(".local/state/credvend-admin");
        let record = record.join(format!("rotation-{}-{id}.json", installation.text("/user_pool_id")));
        for fault in faults {
            installation.fault(fault).await;
        }
        let running = tokio::spawn(run(installation.rotation(&[id, "--to-file", &file])));
        let deadline = Instant::now() + Duration::from_secs(30);
        // The record is written after the list and before the call that adds.
        while !record.exists() {
            assert!(Instant::now() < deadline && !running.is_finished(), "{name}: never came so far");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let added = installation.control("POST", &format!("servers/{name}/secrets"), Value::Null).await;
        let second = added["client_secret"].as_str().unwrap();
        for fault in later {
            installation.fault(fault).await;
        }
        let ran = running.await.unwrap();
        installation.control("DELETE", "faults", Value::Null).await;
        assert_eq!(ran.code(), Some(code), "{name}: {}", ran.stderr());
        assert!(ran.stderr().contains(said), "{name}: {}", ran.stderr());
        for _ in 0..2 {
            assert!(installation.accepts(id, &server.secret).await && installation.accepts(id, second).await, "{name}");
            assert!(!path.exists() && !record.exists(), "{name}");
            // Nor does the next run delete one.
            let next = installation.rotate(&[id, "--to-file", &file]).await;
            assert_eq!(next.code(), Some(5), "{name}: {}", next.stderr());
        }
    }
}

/// By a signal that no program sees, at three points.
async fn killed(installation: &Installation) {
    let server = installation.register("killed").await;
    let id = server.id.as_str();
    let (path, name) = file(installation, "killed.secret");
    std::fs::write(&path, &server.secret).unwrap();
    let record = installation.home.path().join(".local/state/credvend-admin");
    let record = record.join(format!("rotation-{}-{id}.json", installation.text("/user_pool_id")));
    // While it verifies: nobody has the new secret.
    installation.fault(json!({"api": "cognito:token", "kind": "slow", "seconds": 20, "count": 1})).await;
    let process = Process::spawn(installation.rotation(&[id, "--to-file", &name]));
    kill_when(process, || read(&record).contains("\"new_secret_id\":\"")).await;
    assert_eq!(read(&path), server.secret);
    let finish = installation.rotate(&[id, "--finish"]).await;
    assert!(finish.code() == Some(5) && finish.stderr().contains("never handed over"), "{}", finish.stderr());
    let ran = installation.rotate(&[id, "--to-file", &name]).await;
    assert!(ran.code() == Some(0) && installation.has_one_secret(id).await, "{}", ran.stderr());
    assert!(installation.accepts(id, &read(&path)).await);
    // While the command runs: nobody but the operator knows.
    let got = installation.home.path().join("got");
    let mut command = installation.rotation(&[id, "--exec", "cat > got; sleep 5"]);
    command.current_dir(installation.home.path());
    let process = Process::spawn(command);
    kill_when(process, || read(&got).len() > 20).await;
    let before = read(&path);
    assert!(installation.accepts(id, &before).await && installation.accepts(id, &read(&got)).await, "both work");
    let unknown = installation.rotate(&[id, "--to-file", &name]).await;
    assert!(unknown.code() == Some(5) && unknown.stderr().contains("nobody here knows"), "{}", unknown.stderr());
    assert_eq!(installation.rotate(&[id, "--finish"]).await.code(), Some(0));
    assert!(!installation.accepts(id, &before).await && installation.accepts(id, &read(&got)).await);
    // While the old one is deleted: the new one is in place.
    installation
        .fault(json!({"api": "cognito-idp:DeleteUserPoolClientSecret", "kind": "slow", "seconds": 2, "count": 1}))
        .await;
    let process = Process::spawn(installation.rotation(&[id, "--to-file", &name]));
    kill_when(process, || read(&record).contains("handed-over")).await;
    let new = read(&path);
    assert!(new != before && installation.accepts(id, &new).await);
    assert_eq!(installation.rotate(&[id, "--finish"]).await.code(), Some(0));
    assert!(installation.accepts(id, &new).await && !installation.accepts(id, &read(&got)).await);
}

async fn kill_when(mut process: Process, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "never came so far: {}", process.output());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    process.child.kill().unwrap();
    process.child.wait().unwrap();
}
