//! What token endpoints answer in the field: each body costs one request, and its token is cached for as long as it lasts.

use serde_json::{Value, json};
use tests::process::Process;
use tests::upstream::{Fault, Service};

use super::{Host, web_identity};

const MARK: &str = "\u{feff}";

/// Seconds from its fetch to its end, as the cache has it.
fn cached_lifetime(host: &Host) -> u64 {
    let entries =
        std::fs::read_dir(host.home.path().join("cache")).expect("a cache").map(|entry| entry.unwrap().path());
    let is_token = |path: &std::path::PathBuf| path.file_name().unwrap().to_string_lossy().starts_with("token-");
    let path = { entries }.find(is_token).expect("a cached token");
    let token: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).expect("JSON");
    let millis = |name: &str| token[name].as_u64().expect("milliseconds");
    (millis("expires_at") - millis("obtained_at")).div_ceil(1000)
}

#[tokio::test]
async fn a_lifetime_in_any_spelling_costs_one_token() {
    // The token's own end, an hour from now, bounds what the response says.
    let token = web_identity(json!({}));
    let opaque = "opaque-token";
    for (token, members, mark, expected) in [
        // The reported ones.
        (token.as_str(), "", "", 3600),
        (opaque, "", "", 300),
        (opaque, r#","expires_in":"3600""#, "", 3600),
        (opaque, r#","expires_in":3600.0"#, "", 3600),
        (opaque, r#","expires_in":null"#, "", 300),
        (opaque, r#","expires_in":-1"#, "", 300),
        (opaque, r#","expires_in":1800"#, MARK, 1800),
        // Others of their kind.
        (token.as_str(), r#","expires_in":"600""#, "", 600),
        (token.as_str(), r#","expires_in":3600000"#, "", 3600),
        (opaque, r#","expires_in":0"#, "", 300),
        (opaque, r#","expires_in":"one hour""#, "", 300),
        (opaque, r#","expires_in":["3600"]"#, MARK, 300),
        (opaque, r#","expires_in":3.6e3,"token_type":"bearer""#, "", 3600),
    ] {
        let host = Host::start().await;
        let body = format!(r#"{mark}{{"access_token":"{token}"{members}}}"#);
        host.upstream.break_service(Service::Token, Fault::Status(200, body.clone()));
        host.get_credentials("auth0", &[]).await.credentials();
        assert_eq!(host.upstream.received(Service::Token).len(), 1, "{body}");
        let lifetime = cached_lifetime(&host);
        // Seconds pass between the token's making and its coming.
        assert!((expected - 30..=expected).contains(&lifetime), "{body}: {lifetime}");
    }
}

/// Without a lifetime the daemon has a token all the same, and asks for no other one meanwhile.
#[tokio::test]
async fn token_daemon_without_a_lifetime() {
    let host = Host::start().await;
    let body = json!({"access_token": "opaque-token", "token_type": "Bearer"}).to_string();
    host.upstream.break_service(Service::Token, Fault::Status(200, body));
    let file = host.home.path().join("token");
    let mut command = host.command(&["token-daemon", "--token-file"], &host.variables("auth0"), &[]);
    command.arg(&file).args(["--interval", "1"]);
    let daemon = Process::spawn(command);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while std::fs::read_to_string(&file).unwrap_or_default() != "opaque-token" {
        assert!(std::time::Instant::now() < deadline, "no token in the file\n{}", daemon.output());
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!(host.upstream.received(Service::Token).len(), 1);
    assert_eq!(cached_lifetime(&host), 300);
}
