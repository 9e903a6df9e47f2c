//! `credvend get-credentials` with every identity provider but Cognito: what it sends, byte for byte as the real ones
//! want it, and what it makes of each bad answer. Cognito's is in client.rs.

mod flows;
mod keys;
mod refusals;
mod token_responses;

use crate::machine::{Ran, rfc3339, run};
use crate::service::key;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::process::Command;
use tempfile::TempDir;
use tests::http_server::Received;
use tests::process::binary;
use tests::token::now;
use tests::upstream::{SECRET_ACCESS_KEY, Service, Upstream, form};

const SECRET: &str = "CANARY-idp/secret+1 %";
const ROLE: &str = "arn:aws:iam::123456789012:role/server-01";
const REQUEST_TOKEN: &str = "CANARY-request-token";

/// A machine with a cache, in front of canned services.
struct Host {
    upstream: Upstream,
    home: TempDir,
}

type Variables = Vec<(&'static str, String)>;

impl Host {
    async fn start() -> Self {
        let upstream = Upstream::start().await;
        upstream.set_token(&web_identity(json!({})));
        upstream.set_expiration(&rfc3339(3600));
        let issuer = upstream.url();
        upstream.set_metadata(json!({"issuer": issuer, "token_endpoint": format!("{issuer}/token")}).to_string());
        Self { upstream, home: tempfile::tempdir().expect("a temporary folder") }
    }

    /// All that each provider needs, and STS.
    fn variables(&self, idp_type: &str) -> Variables {
        let url = self.upstream.url();
        let mut variables = vec![
            ("IDP_TYPE", idp_type.to_owned()),
            ("AWS_ROLE_ARN", ROLE.to_owned()),
            ("AWS_ENDPOINT_URL_STS", url.clone()),
            ("AWS_ENDPOINT_URL_S3", url.clone()),
            ("CREDVEND_CACHE_DIR", self.home.path().join("cache").display().to_string()),
        ];
        variables.extend(match idp_type {
            "auth0" => vec![
                ("AUTH0_TOKEN_ENDPOINT", format!("{url}/oauth/token")),
                ("AUTH0_CLIENT_ID", "auth0-client".to_owned()),
                ("AUTH0_CLIENT_SECRET", SECRET.to_owned()),
                ("AUTH0_AUDIENCE", "https://credvend.example".to_owned()),
            ],
            "entra" => vec![
                ("ENTRA_TOKEN_ENDPOINT", format!("{url}/tenant/oauth2/v2.0/token")),
                ("ENTRA_CLIENT_ID", "entra-client".to_owned()),
                ("ENTRA_CLIENT_SECRET", SECRET.to_owned()),
                ("ENTRA_SCOPE", "api://credvend/.default".to_owned()),
            ],
            "github" => vec![
                ("ACTIONS_ID_TOKEN_REQUEST_URL", format!("{url}/job/idtoken?api-version=2.0")),
                ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", REQUEST_TOKEN.to_owned()),
            ],
            "oidc" => vec![
                ("OIDC_ISSUER", url),
                ("OIDC_CLIENT_ID", "oidc-client".to_owned()),
                ("OIDC_CLIENT_SECRET", SECRET.to_owned()),
            ],
            "file" => {
                let path = self.token_file();
                std::fs::write(&path, format!("{}\n", web_identity(json!({})))).expect("a writable folder");
                vec![("OIDC_TOKEN_FILE", path.display().to_string())]
            }
            other => panic!("no such provider: {other}"),
        });
        variables
    }

    fn token_file(&self) -> std::path::PathBuf {
        self.home.path().join("token")
    }

    fn command(&self, arguments: &[&str], variables: &Variables, changes: &[(&str, &str)]) -> Command {
        let mut command = Command::new(binary("credvend"));
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.home.path())
            .envs(variables.clone())
            .envs(changes.iter().copied());
        command
    }

    async fn get_credentials(&self, idp_type: &str, changes: &[(&str, &str)]) -> Ran {
        run(self.command(&["get-credentials"], &self.variables(idp_type), changes)).await
    }

    fn forget(&self) {
        let _ = std::fs::remove_dir_all(self.home.path().join("cache"));
        self.upstream.forget_requests();
    }

    fn only_request(&self, to: Service) -> Received {
        let mut received = self.upstream.received(to);
        assert_eq!(received.len(), 1, "{to:?}");
        received.remove(0)
    }
}

/// A token as an issuer of web identities makes it.
fn web_identity(changes: Value) -> String {
    let mut claims = json!({
        "iss": "https://idp.example", "sub": "server-01", "aud": "https://credvend.example",
        "iat": now(), "exp": now() + 3600, "jti": "canned",
    });
    if let (Value::Object(claims), Value::Object(changes)) = (&mut claims, changes) {
        claims.extend(changes);
    }
    key().token(&claims)
}

fn fields(received: &Received) -> HashMap<String, String> {
    assert_eq!(received.method, "POST");
    assert_eq!(received.headers["content-type"], "application/x-www-form-urlencoded");
    form(&String::from_utf8_lossy(&received.body))
}

fn expected(fields: &[(&str, &str)]) -> HashMap<String, String> {
    fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// What STS must get, whoever made the token: unsigned.
fn assert_web_identity_request(host: &Host, session_name: &str, token: &str) {
    let request = host.only_request(Service::Sts);
    assert_eq!(request.path, "/");
    assert!(!request.headers.contains_key("authorization") && !request.headers.contains_key("x-amz-security-token"));
    assert_eq!(
        fields(&request),
        expected(&[
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            ("RoleArn", ROLE),
            ("RoleSessionName", session_name),
            ("WebIdentityToken", token),
        ])
    );
}

async fn assert_whole_flow(host: &Host, idp_type: &str, session_name: &str) {
    let token = web_identity(json!({}));
    host.upstream.set_token(&token);
    let variables = host.variables(idp_type);
    std::fs::write(host.token_file(), format!(" {token}\r\n")).expect("a writable folder");
    let command = || host.command(&["get-credentials"], &variables, &[]);
    let first = run(command()).await.credentials();
    assert_eq!(first["SecretAccessKey"], SECRET_ACCESS_KEY);
    assert_eq!(run(command()).await.credentials(), first, "cached");
    assert_web_identity_request(host, session_name, &token);
}
