//! `probe`: who must get credentials gets them, and nobody else does.

use serde_json::{Value, json};

use super::{Installation, Server};
use crate::machine::run;

impl Installation {
    /// Results by probe, and the exit status.
    async fn probe(
        &self,
        arguments: &[&str],
        changes: &[(&str, &str)],
        server: &Server,
    ) -> (Option<i32>, Value, String) {
        let base = [
            ("COGNITO_CREDENTIAL_API_URL", self.api.as_str()),
            ("COGNITO_TOKEN_ENDPOINT", self.text("/token_endpoint")),
            ("COGNITO_CLIENT_ID", server.id.as_str()),
            ("COGNITO_CLIENT_SECRET", server.secret.as_str()),
        ];
        let ran = run(self.command(&[&["probe", "--json"], arguments].concat(), &[&base, changes].concat())).await;
        let list: Vec<Value> = serde_json::from_str(&ran.stdout()).unwrap_or_default();
        let results = list.iter().map(|one| (one["probe"].as_str().unwrap().to_owned(), one["result"].clone()));
        (ran.code(), Value::Object(results.collect()), ran.stderr())
    }
}

fn results(vend: &str, counterfeit: &str, expired: &str, disabled: &str) -> Value {
    json!({"vend": vend, "forged": counterfeit, "wrong-issuer": counterfeit, "unsigned": counterfeit, "expired": expired,
        "disabled": disabled})
}

/// A service that answers 200 to everybody, with this body.
async fn careless(body: Value) -> String {
    let body = body.to_string();
    let response = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        loop {
            let (mut caller, _) = listener.accept().await.unwrap();
            let mut buffer = vec![0; 64 * 1024];
            let _ = caller.read(&mut buffer).await;
            let _ = caller.write_all(response.as_bytes()).await;
        }
    });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_is_asked_for() {
    let installation = Installation::start().await;
    let server = installation.register("probe-01").await;
    let disabled = installation.register("probe-02").await;
    assert_eq!(installation.admin(&["clients", "disable", &disabled.id]).await.code(), Some(0));
    let off = [
        ("PROBE_DISABLED_CLIENT_ID", disabled.id.as_str()),
        ("PROBE_DISABLED_CLIENT_SECRET", disabled.secret.as_str()),
    ];
    let kept = installation.home.path().join("token");
    let keep = ["--token-file", kept.to_str().unwrap()];
    // A token of two hours ago, which lived for one: the run that keeps it cannot vend with it.
    installation.control("POST", "settings", json!({"clock_offset_seconds": -7200})).await;
    let (code, found, said) = installation.probe(&keep, &off, &server).await;
    assert_eq!(
        (code, found["vend"].as_str(), found["expired"].as_str()),
        (Some(6), Some("failed"), Some("not_tried")),
        "{said}"
    );
    installation.control("POST", "settings", json!({"clock_offset_seconds": 0})).await;
    let (code, found, said) = installation.probe(&keep, &off, &server).await;
    assert_eq!((code, found), (Some(0), results("ok", "ok", "ok", "ok")), "{said}");
    let (_, found, _) = installation.probe(&keep, &[], &server).await;
    assert_eq!(found, results("ok", "ok", "not_tried", "not_tried"), "the token of the second run is still valid");
    // A client that should be refused and is not; one that should get credentials and does not.
    assert_eq!(installation.admin(&["clients", "enable", &disabled.id]).await.code(), Some(0));
    let (code, found, said) = installation.probe(&[], &off, &server).await;
    assert_eq!((code, found["disabled"].as_str()), (Some(6), Some("failed")), "{said}");
    assert_eq!(installation.admin(&["clients", "disable", &server.id]).await.code(), Some(0));
    let (code, found, said) = installation.probe(&[], &[], &server).await;
    assert_eq!((code, found["vend"].as_str()), (Some(6), Some("failed")), "{said}");
    let credentials = json!({"access_key_id": "ASIA0", "secret_access_key": "s", "session_token": "t",
        "expiration": "2027-01-15T08:00:00Z"});
    let vended =
        json!({"credentials": credentials, "s3_bucket": "b", "s3_path_prefix": "p/", "aws_region": "eu-west-1"});
    for (body, vend) in [(vended, "ok"), (json!({}), "failed")] {
        let url = careless(body).await;
        let (code, found, _) = installation.probe(&[], &[("COGNITO_CREDENTIAL_API_URL", &url)], &server).await;
        assert_eq!((code, found), (Some(6), results(vend, "failed", "not_tried", "not_tried")));
    }
    let (code, _, said) = installation.probe(&[], &[("COGNITO_CLIENT_SECRET", "wrong-CANARY")], &server).await;
    assert!(code == Some(6) && !said.contains("CANARY"), "{said}");
    let (code, _, said) = installation.probe(&[], &[("COGNITO_CLIENT_ID", "")], &server).await;
    assert!(code == Some(1) && said.contains("COGNITO_CLIENT_ID"), "{said}");
}
