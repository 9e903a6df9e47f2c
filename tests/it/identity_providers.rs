//! `credvend get-credentials` with every identity provider but Cognito: what it sends, byte for byte as the real ones
//! want it, and what it makes of each bad answer. Cognito's is in client.rs.

use std::collections::HashMap;
use std::process::Command;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::http_server::{HttpServer, Received, Reply, closed_port};
use tests::process::binary;
use tests::token::now;
use tests::upstream::{Fault, SECRET_ACCESS_KEY, SESSION_TOKEN, Service, Upstream, form, sts_error};

use crate::machine::{Machine, Ran, rfc3339, run};
use crate::secrets::leak;
use crate::service::{key, token};

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

#[tokio::test]
async fn auth0() {
    let host = Host::start().await;
    assert_whole_flow(&host, "auth0", "auth0-client").await;
    let request = host.only_request(Service::Token);
    assert_eq!(request.path, "/oauth/token");
    assert!(!request.headers.contains_key("authorization"));
    let sent = [
        ("grant_type", "client_credentials"),
        ("audience", "https://credvend.example"),
        ("client_id", "auth0-client"),
        ("client_secret", SECRET),
    ];
    assert_eq!(fields(&request), expected(&sent));
}

#[tokio::test]
async fn entra() {
    let host = Host::start().await;
    assert_whole_flow(&host, "entra", "entra-client").await;
    let request = host.only_request(Service::Token);
    assert_eq!(request.path, "/tenant/oauth2/v2.0/token");
    let sent = [
        ("grant_type", "client_credentials"),
        ("scope", "api://credvend/.default"),
        ("client_id", "entra-client"),
        ("client_secret", SECRET),
    ];
    assert_eq!(fields(&request), expected(&sent));
}

#[tokio::test]
async fn github() {
    let host = Host::start().await;
    assert_whole_flow(&host, "github", "oidc-credential-provider").await;
    let request = host.only_request(Service::Token);
    assert_eq!((request.method.as_str(), request.body.len()), ("GET", 0));
    assert_eq!(request.path, "/job/idtoken?api-version=2.0&audience=sts.amazonaws.com");
    assert_eq!(request.headers["authorization"], format!("Bearer {REQUEST_TOKEN}"));
    host.forget();
    host.get_credentials("github", &[("GITHUB_AUDIENCE", "https://a.example/b c&d")]).await.credentials();
    let path = host.only_request(Service::Token).path;
    assert_eq!(path, "/job/idtoken?api-version=2.0&audience=https%3A%2F%2Fa.example%2Fb+c%26d");
    // Another job on the same machine is somebody else.
    host.upstream.forget_requests();
    host.get_credentials("github", &[("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "another")]).await.credentials();
    assert_eq!(host.only_request(Service::Token).headers["authorization"], "Bearer another");
}

#[tokio::test]
async fn oidc_by_metadata() {
    let host = Host::start().await;
    assert_whole_flow(&host, "oidc", "oidc-client").await;
    assert_eq!(host.only_request(Service::Metadata).method, "GET");
    let request = host.only_request(Service::Token);
    assert_eq!(request.path, "/token");
    assert_eq!(fields(&request), expected(&[("grant_type", "client_credentials")]));
    let basic = request.headers["authorization"].strip_prefix("Basic ").expect("Basic").to_owned();
    let pair = String::from_utf8(STANDARD.decode(basic).unwrap()).unwrap();
    assert_eq!(pair, "oidc-client:CANARY-idp%2Fsecret%2B1+%25", "RFC 6749 §2.3.1: both parts are form-encoded");

    // The metadata stays in the cache when the token and the credentials have gone.
    for entry in std::fs::read_dir(host.home.path().join("cache")).unwrap() {
        let path = entry.unwrap().path();
        if !path.file_name().unwrap().to_str().unwrap().starts_with("metadata-") {
            std::fs::remove_file(path).unwrap();
        }
    }
    host.upstream.forget_requests();
    let changes =
        [("OIDC_AUDIENCE", "https://a.example"), ("OIDC_RESOURCE", "urn:b"), ("OIDC_SCOPES", " write  read ")];
    host.get_credentials("oidc", &[]).await.credentials();
    assert_eq!(host.upstream.received(Service::Metadata).len(), 0);
    host.forget();
    host.get_credentials("oidc", &changes).await.credentials();
    let sent = [
        ("grant_type", "client_credentials"),
        ("audience", "https://a.example"),
        ("resource", "urn:b"),
        ("scope", "write read"),
    ];
    assert_eq!(fields(&host.only_request(Service::Token)), expected(&sent));
}

#[tokio::test]
async fn oidc_as_the_metadata_or_the_user_says() {
    let host = Host::start().await;
    let url = host.upstream.url();
    let post = [("client_id", "oidc-client"), ("client_secret", SECRET), ("grant_type", "client_credentials")];
    let metadata = json!({
        "issuer": url, "token_endpoint": format!("{url}/as/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
    });
    host.upstream.set_metadata(metadata.to_string());
    host.get_credentials("oidc", &[]).await.credentials();
    let request = host.only_request(Service::Token);
    assert_eq!(request.path, "/as/token");
    assert!(!request.headers.contains_key("authorization"));
    assert_eq!(fields(&request), expected(&post));

    host.forget();
    let endpoint = format!("{url}/elsewhere/token");
    let changes = [("OIDC_TOKEN_ENDPOINT", endpoint.as_str())];
    host.get_credentials("oidc", &changes).await.credentials();
    let request = host.only_request(Service::Token);
    assert!(request.path == "/elsewhere/token" && request.headers.contains_key("authorization"));
    assert_eq!(host.upstream.received(Service::Metadata).len(), 0);
    host.forget();
    let changes = [changes[0], ("OIDC_TOKEN_ENDPOINT_AUTH_METHOD", "client_secret_post")];
    host.get_credentials("oidc", &changes).await.credentials();
    assert_eq!(fields(&host.only_request(Service::Token)), expected(&post));
}

/// One issuer must not speak for another, nor lead a secret into the clear.
#[tokio::test]
async fn metadata_that_is_not_believed() {
    let host = Host::start().await;
    let url = host.upstream.url();
    let token_endpoint = format!("{url}/token");
    for (metadata, words) in [
        (json!({"issuer": "https://evil.example", "token_endpoint": token_endpoint}), "`https://evil.example`"),
        (json!({"issuer": format!("{url}/"), "token_endpoint": token_endpoint}), "exactly as the issuer calls itself"),
        (json!({"issuer": url, "token_endpoint": "http://idp.example/token"}), "plain http"),
        (json!({"issuer": url, "token_endpoint": "not a URL"}), "not an absolute URL"),
    ] {
        host.forget();
        host.upstream.set_metadata(metadata.to_string());
        let ran = host.get_credentials("oidc", &[]).await;
        assert_eq!(ran.code(), Some(1), "{metadata}: {}", ran.stderr());
        assert!(ran.stderr().contains(words), "{}", ran.stderr());
        assert_eq!(host.upstream.received(Service::Token).len(), 0, "nothing is sent there");
    }
}

#[tokio::test]
async fn an_endpoint_that_has_moved_is_found_again() {
    let host = Host::start().await;
    host.get_credentials("oidc", &[]).await.credentials();
    for entry in std::fs::read_dir(host.home.path().join("cache")).unwrap() {
        let path = entry.unwrap().path();
        if !path.file_name().unwrap().to_str().unwrap().starts_with("metadata-") {
            std::fs::remove_file(path).unwrap();
        }
    }
    host.upstream.forget_requests();
    host.upstream.break_service(Service::Token, Fault::StatusFirst(1, 404, String::new()));
    host.get_credentials("oidc", &[]).await.credentials();
    assert_eq!(host.upstream.received(Service::Metadata).len(), 1);
}

#[tokio::test]
async fn a_token_file_is_read_for_every_exchange() {
    let host = Host::start().await;
    assert_whole_flow(&host, "file", "oidc-credential-provider").await;
    assert_eq!(host.upstream.received(Service::Token).len(), 0);
    let cached: Vec<_> = std::fs::read_dir(host.home.path().join("cache"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(!cached.iter().any(|name| name.starts_with("token-")), "{cached:?}");

    // STS stumbles, and meanwhile the file has been replaced.
    host.forget();
    let variables = host.variables("file");
    host.upstream.break_service(Service::Sts, Fault::Status(503, String::new()));
    let command = host.command(&["get-credentials"], &variables, &[]);
    let running = tokio::spawn(run(command));
    while host.upstream.received(Service::Sts).is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let renewed = web_identity(json!({"jti": "renewed"}));
    std::fs::write(host.token_file(), &renewed).unwrap();
    host.upstream.mend();
    running.await.unwrap().credentials();
    let last = host.upstream.received(Service::Sts).pop().unwrap();
    assert_eq!(fields(&last)["WebIdentityToken"], renewed);
}

#[tokio::test]
async fn token_files_that_hold_no_token() {
    let expired = web_identity(json!({"exp": now() - 60}));
    let mut ways = tokio::task::JoinSet::new();
    for (content, code, words) in [
        (Some(expired.into_bytes()), 4, "whatever writes it has stopped"),
        (Some(b"\n".to_vec()), 4, "is empty"),
        (Some(b"two words".to_vec()), 1, "holds more than a token"),
        (Some(vec![b'x'; 70_000]), 1, "is larger than 64 KiB"),
        (Some(vec![0xff, 0xfe]), 1, "cannot be read"),
        (None, 1, "cannot be read: No such file"),
    ] {
        ways.spawn(async move {
            let host = Host::start().await;
            let variables = host.variables("file");
            match content {
                Some(content) => std::fs::write(host.token_file(), content).unwrap(),
                None => std::fs::remove_file(host.token_file()).unwrap(),
            }
            let ran = run(host.command(&["get-credentials"], &variables, &[])).await;
            assert_eq!(ran.code(), Some(code), "{words}: {}", ran.stderr());
            assert!(ran.stderr().contains(words) && ran.stderr().contains("OIDC_TOKEN_FILE"), "{}", ran.stderr());
            assert_eq!(host.upstream.received(Service::Sts).len(), 0);
        });
    }
    while let Some(ended) = ways.join_next().await {
        ended.unwrap();
    }
}

/// The vending API takes the tokens of other providers too.
#[tokio::test]
async fn the_vending_api_instead_of_sts() {
    let machine = Machine::start().await;
    let host = Host::start().await;
    let variables = host.variables("file");
    std::fs::write(host.token_file(), token()).unwrap();
    let changes = [("AWS_ROLE_ARN", ""), ("CREDENTIAL_API_URL", machine.service.url.as_str())];
    let credentials = run(host.command(&["get-credentials"], &variables, &changes)).await.credentials();
    assert_eq!(credentials["SecretAccessKey"], SECRET_ACCESS_KEY);
    assert_eq!(host.upstream.received(Service::Sts).len(), 0);
    let doctor = run(host.command(&["doctor"], &variables, &changes)).await;
    assert_eq!(doctor.code(), Some(0), "{}", doctor.stdout());
    for changes in [[("AWS_ROLE_ARN", ""), ("X", "")], [("CREDENTIAL_API_URL", "https://api.example"), ("X", "")]] {
        let ran = run(host.command(&["get-credentials"], &variables, &changes)).await;
        assert_eq!(ran.code(), Some(1), "neither and both: {}", ran.stderr());
        assert!(ran.stderr().contains("AWS_ROLE_ARN") && ran.stderr().contains("CREDENTIAL_API_URL"));
    }
}

#[tokio::test]
async fn all_missing_names_of_each_provider_in_one_message() {
    let names = [
        ("", vec!["AUTH0_DOMAIN", "AUTH0_CLIENT_ID", "AUTH0_CLIENT_SECRET", "AUTH0_AUDIENCE"]),
        ("entra", vec!["ENTRA_TENANT_ID", "ENTRA_CLIENT_ID", "ENTRA_CLIENT_SECRET", "ENTRA_SCOPE"]),
        ("github", vec!["ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "id-token: write"]),
        ("oidc", vec!["OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET"]),
        ("file", vec!["OIDC_TOKEN_FILE"]),
    ];
    for (idp_type, expected) in names {
        let mut command = Command::new(binary("credvend"));
        command.arg("get-credentials").env_clear().env("IDP_TYPE", idp_type);
        let ran = run(command).await;
        assert_eq!(ran.code(), Some(1));
        for name in expected.iter().chain(&["AWS_ROLE_ARN"]) {
            assert!(ran.stderr().contains(name), "{idp_type}: {name} is not in {}", ran.stderr());
        }
    }
}

/// A server that knows one secret, and says what the real ones say to another.
async fn strict_token_endpoint(refusal: (u16, &'static str), token: String) -> HttpServer {
    HttpServer::start(move |received: Received| {
        let is_new = form(&String::from_utf8_lossy(&received.body)).get("client_secret").is_some_and(|it| it == "new");
        let good = json!({"access_token": token, "token_type": "Bearer", "expires_in": 3600}).to_string();
        let reply = if is_new { Reply::json(200, good) } else { Reply::json(refusal.0, refusal.1) };
        std::future::ready(reply)
    })
    .await
}

#[tokio::test]
async fn the_next_secret_is_tried_when_the_first_is_refused() {
    let refusals = [
        ("auth0", "AUTH0", (401, r#"{"error":"access_denied","error_description":"Unauthorized"}"#)),
        ("entra", "ENTRA", (401, r#"{"error":"invalid_client","error_codes":[7000222]}"#)),
    ];
    for (idp_type, prefix, refusal) in refusals {
        let host = Host::start().await;
        let server = strict_token_endpoint(refusal, web_identity(json!({}))).await;
        let endpoint = format!("{}/token", server.url());
        let names = [
            format!("{prefix}_TOKEN_ENDPOINT"),
            format!("{prefix}_CLIENT_SECRET"),
            format!("{prefix}_CLIENT_SECRET_NEXT"),
        ];
        let old = [(names[0].as_str(), endpoint.as_str()), (names[1].as_str(), "old")];
        let ran = host.get_credentials(idp_type, &old).await;
        assert_eq!(ran.code(), Some(3), "{}", ran.stderr());
        assert!(ran.stderr().contains(&names[1]), "{}", ran.stderr());
        let both = [old[0], old[1], (names[2].as_str(), "new")];
        let ran = host.get_credentials(idp_type, &both).await;
        ran.credentials();
        assert!(ran.stderr().contains("trying the secret from"), "{}", ran.stderr());
    }
}

#[tokio::test]
async fn a_secret_file_that_others_can_read_is_told() {
    use std::os::unix::fs::PermissionsExt as _;
    let host = Host::start().await;
    let file = host.home.path().join("secret");
    std::fs::write(&file, format!("{SECRET}\n")).unwrap();
    let changes = [("AUTH0_CLIENT_SECRET", ""), ("AUTH0_CLIENT_SECRET_FILE", file.to_str().unwrap())];
    for (mode, is_told) in [(0o644, true), (0o600, false)] {
        host.forget();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let ran = host.get_credentials("auth0", &changes).await;
        ran.credentials();
        assert_eq!(ran.stderr().contains("can be read by other users"), is_told, "{}", ran.stderr());
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let lines: Vec<_> =
        STANDARD.encode(der).as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

fn decoded(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("JSON")
}

/// The assertion of the only token request, and the header and claims of it.
fn assertion(host: &Host, client_id: &str) -> (String, Value, Value) {
    let request = host.upstream.received(Service::Token).pop().expect("a request");
    let fields = fields(&request);
    assert!(!fields.contains_key("client_secret") && !request.headers.contains_key("authorization"));
    assert_eq!(fields["client_assertion_type"], "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    assert_eq!(fields["client_id"], client_id);
    let parts: Vec<_> = fields["client_assertion"].split('.').collect();
    let (header, claims) = (decoded(parts[0]), decoded(parts[1]));
    assert_eq!((&claims["iss"], &claims["sub"]), (&json!(client_id), &json!(client_id)));
    let (issued, ends) = (claims["iat"].as_u64().unwrap(), claims["exp"].as_u64().unwrap());
    assert!(ends - issued <= 60 && issued.abs_diff(now()) < 30, "{claims}");
    assert!(claims["jti"].as_str().is_some_and(|id| id.len() >= 16));
    (fields["client_assertion"].clone(), header, claims)
}

#[tokio::test]
async fn a_private_key_of_either_kind_in_place_of_a_secret() {
    let rsa = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let rsa_der = AsDer::<Pkcs8V1Der<'_>>::as_der(&rsa).unwrap();
    let ec = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let keys = [("RS256", pem("PRIVATE KEY", rsa_der.as_ref())), ("ES256", ec.serialize_pem())];
    for (algorithm, key) in keys {
        let host = Host::start().await;
        let file = host.home.path().join("key.pem");
        std::fs::write(&file, key).unwrap();
        let changes = [
            ("OIDC_CLIENT_SECRET", ""),
            ("OIDC_PRIVATE_KEY_FILE", file.to_str().unwrap()),
            ("OIDC_PRIVATE_KEY_ID", "key-7"),
        ];
        host.get_credentials("oidc", &changes).await.credentials();
        let (assertion, header, claims) = assertion(&host, "oidc-client");
        assert_eq!(header, json!({"alg": algorithm, "typ": "JWT", "kid": "key-7"}));
        assert_eq!(claims["aud"], format!("{}/token", host.upstream.url()));
        let (input, signature) = assertion.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let verified = if algorithm == "RS256" {
            UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, rsa.public_key()).verify(input.as_bytes(), &signature)
        } else {
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, ec.public_key_raw()).verify(input.as_bytes(), &signature)
        };
        verified.expect("the key's own signature");
        let first = claims["jti"].clone();
        host.forget();
        host.get_credentials("oidc", &changes).await.credentials();
        assert_ne!(self::assertion(&host, "oidc-client").2["jti"], first, "used once (RFC 7523 §3)");
    }
}

#[tokio::test]
async fn a_private_key_with_auth0_and_with_entra() {
    let host = Host::start().await;
    let made = rcgen::generate_simple_self_signed(["credvend.example".to_owned()]).unwrap();
    let (file, certificate) = (host.home.path().join("key.pem"), host.home.path().join("certificate.pem"));
    std::fs::write(&file, made.signing_key.serialize_pem()).unwrap();
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    let file = file.to_str().unwrap();

    let entra = [
        ("ENTRA_CLIENT_SECRET", ""),
        ("ENTRA_PRIVATE_KEY_FILE", file),
        ("ENTRA_CERTIFICATE_FILE", certificate.to_str().unwrap()),
    ];
    host.get_credentials("entra", &entra).await.credentials();
    let (_, header, claims) = assertion(&host, "entra-client");
    let thumbprint = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, made.cert.der());
    assert_eq!(header["x5t"], URL_SAFE_NO_PAD.encode(thumbprint));
    assert_eq!(claims["aud"], format!("{}/tenant/oauth2/v2.0/token", host.upstream.url()));

    let auth0 =
        [("AUTH0_CLIENT_SECRET", ""), ("AUTH0_PRIVATE_KEY_FILE", file), ("AUTH0_DOMAIN", "example.eu.auth0.com")];
    host.get_credentials("auth0", &auth0).await.credentials();
    assert_eq!(assertion(&host, "auth0-client").2["aud"], "https://example.eu.auth0.com/");

    let both = host.get_credentials("auth0", &[("AUTH0_PRIVATE_KEY_FILE", file)]).await;
    assert_eq!(both.code(), Some(1), "{}", both.stderr());
    std::fs::write(file, "-----BEGIN PRIVATE KEY-----\nQ0FOQVJZ\n-----END PRIVATE KEY-----\n").unwrap();
    host.forget();
    let ran = host.get_credentials("auth0", &auth0).await;
    assert_eq!(ran.code(), Some(1), "{}", ran.stderr());
    assert!(ran.stderr().contains("AUTH0_PRIVATE_KEY_FILE") && !ran.stderr().contains("Q0FOQVJZ"), "{}", ran.stderr());
    assert_eq!(host.upstream.received(Service::Token).len(), 0);
}

/// What the providers say when they say no, and what the user is told to do.
#[tokio::test]
async fn refusals_are_final_and_say_what_to_do() {
    let host = Host::start().await;
    for (idp_type, status, body, words) in [
        ("auth0", 403, r#"{"error":"access_denied","error_description":"CANARY"}"#, "AUTH0_AUDIENCE"),
        ("auth0", 403, r#"{"error":"unauthorized_client"}"#, "client_credentials grant"),
        ("entra", 400, r#"{"error":"invalid_scope","error_codes":[1002012]}"#, "invalid_scope AADSTS1002012"),
        ("entra", 400, r#"{"error":"unauthorized_client","error_codes":[700016]}"#, "ENTRA_TENANT_ID"),
        ("entra", 400, r#"{"error":"invalid_resource","error_codes":[500011]}"#, "ENTRA_SCOPE"),
        ("entra", 400, r#"{"error":"invalid_grant","error_codes":[501051]}"#, "assign the client a role"),
        ("oidc", 400, r#"{"error":"invalid_target"}"#, "OIDC_AUDIENCE"),
        ("oidc", 401, "", "OIDC_CLIENT_ID and the secret from OIDC_CLIENT_SECRET"),
        ("github", 401, r#"{"message":"CANARY"}"#, "permissions: id-token: write"),
        ("github", 403, "", "permissions: id-token: write"),
    ] {
        host.forget();
        host.upstream.break_service(Service::Token, Fault::Status(status, body.to_owned()));
        let ran = host.get_credentials(idp_type, &[]).await;
        assert_eq!(ran.code(), Some(3), "{idp_type} {body}: {}", ran.stderr());
        assert!(ran.stderr().contains(words), "{words} is not in {}", ran.stderr());
        assert!(!ran.stderr().contains("CANARY"), "{}", ran.stderr());
        assert_eq!(host.upstream.received(Service::Token).len(), 1, "{idp_type} {body}: tried once");
        assert_eq!(host.upstream.received(Service::Sts).len(), 0);
    }
}

/// What is no token is tried again, since a proxy or a captive portal may have answered.
#[tokio::test]
async fn answers_that_hold_no_token() {
    let mut ways = tokio::task::JoinSet::new();
    for idp_type in ["auth0", "entra", "github", "oidc"] {
        for body in
            ["<html>", "{}", "[]", r#"{"access_token":1,"value":1}"#, r#"{"access_token":"a\nb","value":"a b"}"#]
        {
            ways.spawn(async move {
                let host = Host::start().await;
                host.upstream.break_service(Service::Token, Fault::StatusFirst(1, 200, body.to_owned()));
                host.get_credentials(idp_type, &[]).await.credentials();
                assert_eq!(host.upstream.received(Service::Token).len(), 2, "{idp_type} {body}");
            });
        }
    }
    while let Some(ended) = ways.join_next().await {
        ended.unwrap();
    }
}

/// STS answers 400 to what is final and to what will pass; its code decides.
#[tokio::test]
async fn what_sts_says_and_what_follows() {
    let host = Host::start().await;
    for (code, status, exit_code, words) in [
        ("AccessDenied", 403, 3, "trust policy"),
        ("ValidationError", 400, 1, "AWS_ROLE_ARN"),
        ("RegionDisabledException", 403, 1, "AWS_REGION"),
        ("InvalidIdentityToken", 400, 3, "OIDC provider"),
        ("ExpiredTokenException", 400, 3, "clock"),
    ] {
        host.forget();
        host.upstream.break_service(Service::Sts, Fault::Status(status, sts_error(code, "Why")));
        let ran = host.get_credentials("auth0", &[]).await;
        assert_eq!(ran.code(), Some(exit_code), "{code}: {}", ran.stderr());
        for shown in [code, "Why", words, ROLE] {
            assert!(ran.stderr().contains(shown), "{code}: {shown} is not in {}", ran.stderr());
        }
        assert_eq!(host.upstream.received(Service::Sts).len(), 1, "{code} is final");
    }
    let no_keys = "Couldn't retrieve verification key from your identity provider, please reference …";
    for (code, status, message) in [
        ("IDPCommunicationError", 400, "Why"),
        ("Throttling", 400, "Rate exceeded"),
        ("ServiceUnavailable", 503, "Why"),
        ("InternalFailure", 500, "Why"),
        ("InvalidIdentityToken", 400, no_keys),
    ] {
        host.forget();
        host.upstream.break_service(Service::Sts, Fault::StatusFirst(2, status, sts_error(code, message)));
        host.get_credentials("auth0", &[]).await.credentials();
        assert_eq!(host.upstream.received(Service::Sts).len(), 3, "{code} passes");
        assert_eq!(host.upstream.received(Service::Token).len(), 1, "{code}: the token is kept");
    }
}

#[tokio::test]
async fn a_cached_token_that_sts_refuses_is_fetched_anew_once() {
    let host = Host::start().await;
    host.get_credentials("auth0", &[]).await.credentials();
    for code in ["InvalidIdentityToken", "ExpiredTokenException"] {
        for entry in std::fs::read_dir(host.home.path().join("cache")).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name().unwrap().to_str().unwrap().starts_with("credentials-") {
                std::fs::remove_file(path).unwrap();
            }
        }
        host.upstream.forget_requests();
        host.upstream.break_service(Service::Sts, Fault::StatusFirst(1, 400, sts_error(code, "Why")));
        host.get_credentials("auth0", &[]).await.credentials();
        let requests = (host.upstream.received(Service::Token).len(), host.upstream.received(Service::Sts).len());
        assert_eq!(requests, (1, 2), "{code}");
    }
}

#[tokio::test]
async fn every_way_for_sts_to_be_unavailable_is_exit_code_4() {
    let mut ways = tokio::task::JoinSet::new();
    for fault in [
        Some(Fault::Status(500, "<html>".into())),
        Some(Fault::Status(503, String::new())),
        Some(Fault::Garbage),
        Some(Fault::WrongBody),
        Some(Fault::CutOff),
        Some(Fault::Slow),
        None,
    ] {
        ways.spawn(async move {
            let host = Host::start().await;
            let mut sts = host.upstream.url();
            match fault.clone() {
                Some(fault) => host.upstream.break_service(Service::Sts, fault),
                None => sts = closed_port().await,
            }
            let ran = host.get_credentials("entra", &[("AWS_ENDPOINT_URL_STS", &sts)]).await;
            assert_eq!(ran.code(), Some(4), "{fault:?}: {}", ran.stderr());
            assert!(ran.stderr().contains(&sts), "{}", ran.stderr());
            let (tokens, exchanges) =
                (host.upstream.received(Service::Token).len(), host.upstream.received(Service::Sts).len());
            assert!(tokens == 1 && exchanges <= 11, "{fault:?}: {tokens} + {exchanges} requests");
        });
    }
    while let Some(ended) = ways.join_next().await {
        ended.unwrap();
    }
}

#[tokio::test]
async fn sts_in_json_as_it_answers_to_those_who_accept_it() {
    let host = Host::start().await;
    let expiration = f64::from(u32::try_from(now() + 3600).unwrap());
    let credentials = json!({
        "AccessKeyId": "ASIAEXAMPLE", "SecretAccessKey": "a/b+c", "SessionToken": "t==", "Expiration": expiration,
    });
    let body = json!({"AssumeRoleWithWebIdentityResponse": {
        "AssumeRoleWithWebIdentityResult": {"Credentials": credentials, "SubjectFromWebIdentityToken": "server-01"},
        "ResponseMetadata": {"RequestId": "r"},
    }});
    host.upstream.break_service(Service::Sts, Fault::Status(200, body.to_string()));
    let credentials = host.get_credentials("auth0", &[]).await.credentials();
    assert_eq!(credentials["SecretAccessKey"], "a/b+c");
    host.forget();
    let error = json!({"Error": {"Code": "AccessDenied", "Message": "Not you", "Type": "Sender"}, "RequestId": "r"});
    host.upstream.break_service(Service::Sts, Fault::Status(403, error.to_string()));
    let ran = host.get_credentials("auth0", &[]).await;
    assert!(ran.code() == Some(3) && ran.stderr().contains("AccessDenied (Not you)"), "{}", ran.stderr());
}

#[tokio::test]
async fn session_name_and_duration() {
    let host = Host::start().await;
    let changes = [("AWS_ROLE_SESSION_NAME", "web-01"), ("AWS_ROLE_DURATION_SECONDS", "7200")];
    host.get_credentials("auth0", &changes).await.credentials();
    let sent = fields(&host.only_request(Service::Sts));
    assert_eq!((sent["RoleSessionName"].as_str(), sent["DurationSeconds"].as_str()), ("web-01", "7200"));
}

/// The profile runs this program, which would look for credentials in the profile, and so on without end.
#[tokio::test]
async fn no_credential_chain_is_consulted() {
    let host = Host::start().await;
    let (config, marker) = (host.home.path().join("config"), host.home.path().join("marker"));
    let process = format!("/bin/sh -c \"touch {}; sleep 60\"", marker.display());
    std::fs::write(&config, format!("[profile credvend]\ncredential_process = {process}\n")).unwrap();
    let metadata = closed_port().await;
    let changes = [
        ("AWS_PROFILE", "credvend"),
        ("AWS_CONFIG_FILE", config.to_str().unwrap()),
        ("AWS_ACCESS_KEY_ID", "AKIACANARY"),
        ("AWS_SECRET_ACCESS_KEY", "CANARY"),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", metadata.as_str()),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/nonexistent"),
    ];
    host.get_credentials("auth0", &changes).await.credentials();
    assert!(!marker.exists());
    let request = host.only_request(Service::Sts);
    assert!(!format!("{request:?}").contains("AKIACANARY"));
}

#[tokio::test]
async fn doctor_through_sts() {
    let host = Host::start().await;
    for idp_type in ["auth0", "entra", "github", "oidc", "file"] {
        let ran = run(host.command(&["doctor"], &host.variables(idp_type), &[])).await;
        assert_eq!(ran.code(), Some(0), "{idp_type}: {}", ran.stdout());
        for shown in ["idp.example:aud = https://credvend.example", "idp.example:sub = server-01", ROLE] {
            assert!(ran.stdout().contains(shown), "{idp_type}: {shown} is not in {}", ran.stdout());
        }
    }
    host.upstream.set_token(&web_identity(json!({"aud": null, "azp": "x"})));
    host.upstream.break_service(Service::Sts, Fault::Status(403, sts_error("AccessDenied", "Not you")));
    let ran = run(host.command(&["doctor", "--json"], &host.variables("auth0"), &[])).await;
    assert_eq!(ran.code(), Some(3), "{}", ran.stdout());
    let lines: Vec<Value> = ran.stdout().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let failed: Vec<_> = lines.iter().filter(|line| line["ok"] == false).map(|line| &line["hop"]).collect();
    assert_eq!(failed, ["credentials"], "{}", ran.stdout());
    host.upstream.set_token("opaque");
    let ran = run(host.command(&["doctor"], &host.variables("auth0"), &[])).await;
    assert!(ran.code() == Some(1) && ran.stdout().contains("not a JWT"), "{}", ran.stdout());
}

/// A call that fails takes up to thirty seconds, so all are run at once.
#[tokio::test]
async fn no_secret_in_the_output() {
    let token = web_identity(json!({}));
    let mut ways = tokio::task::JoinSet::new();
    for idp_type in ["auth0", "entra", "github", "oidc", "file"] {
        ways.spawn(writes_no_secret(idp_type, token.clone(), None));
        for of in [Service::Token, Service::Sts] {
            let echo = format!(r#"{{"error":"invalid_client","error_description":"{SECRET}","message":"{SECRET}"}}"#);
            for fault in [Fault::Status(401, echo), Fault::Status(400, "CANARY-body".into()), Fault::WrongBody] {
                ways.spawn(writes_no_secret(idp_type, token.clone(), Some((of, fault))));
            }
        }
        let echo = sts_error("InvalidIdentityToken", &format!("bad token {token}"));
        ways.spawn(writes_no_secret(idp_type, token.clone(), Some((Service::Sts, Fault::Status(400, echo)))));
    }
    while let Some(ended) = ways.join_next().await {
        ended.unwrap();
    }
}

async fn writes_no_secret(idp_type: &str, token: String, fault: Option<(Service, Fault)>) {
    let host = Host::start().await;
    let variables = host.variables(idp_type);
    host.upstream.set_token(&token);
    std::fs::write(host.token_file(), &token).unwrap();
    let secrets = [SECRET, REQUEST_TOKEN, SECRET_ACCESS_KEY, SESSION_TOKEN, "CANARY-body", &token];
    let is_reached = fault.as_ref().is_some_and(|(of, _)| idp_type != "file" || *of == Service::Sts);
    if let Some((of, fault)) = fault {
        host.upstream.break_service(of, fault);
    }
    let ran = run(host.command(&["--log-level", "debug", "get-credentials"], &variables, &[])).await;
    assert_eq!(ran.code() == Some(0), !is_reached, "{idp_type}: {}", ran.stderr());
    assert_eq!(leak(&ran.stderr(), &secrets), None, "{idp_type}");
    assert!(!is_reached || ran.stdout().is_empty());
    let doctor = run(host.command(&["--log-level", "debug", "doctor"], &variables, &[])).await;
    assert_eq!(leak(&(doctor.stdout() + &doctor.stderr()), &secrets), None, "{idp_type}");
}

#[tokio::test]
async fn several_identities_in_one_file() {
    let host = Host::start().await;
    let url = host.upstream.url();
    let (config, secret) = (host.home.path().join("config.toml"), host.home.path().join("secret"));
    std::fs::write(&secret, SECRET).unwrap();
    let text = format!(
        "[identity.one]\nidp_type = 'auth0'\nauth0_token_endpoint = '{url}/oauth/token'\n\
         auth0_client_id = 'one'\nauth0_client_secret_file = '{}'\nauth0_audience = 'https://one.example'\n\
         aws_role_arn = '{ROLE}'\naws_endpoint_url_sts = '{url}'\naws_role_duration_seconds = 900\n\n\
         [identity.two]\nidp_type = 'file'\noidc_token_file = '{}'\naws_role_arn = '{ROLE}'\naws_endpoint_url = '{url}'\n",
        secret.display(),
        host.token_file().display(),
    );
    std::fs::write(&config, &text).unwrap();
    std::fs::write(host.token_file(), web_identity(json!({}))).unwrap();
    let path = config.to_str().unwrap();
    let cache = host.home.path().join("cache");
    let of = |arguments: &[&str]| {
        let arguments = [arguments, &["get-credentials"]].concat();
        let variables = vec![("CREDVEND_CACHE_DIR", cache.display().to_string()), ("IDP_TYPE", "github".to_owned())];
        run(host.command(&arguments, &variables, &[]))
    };
    of(&["--config", path, "--identity", "one"]).await.credentials();
    let sent = fields(&host.only_request(Service::Sts));
    assert_eq!((sent["RoleSessionName"].as_str(), sent["DurationSeconds"].as_str()), ("one", "900"));
    of(&["--config", path, "--identity", "two"]).await.credentials();
    assert_eq!(host.upstream.received(Service::Sts).len(), 2, "each has a cache entry of its own");
    of(&["--config", path, "--identity", "one"]).await.credentials();
    assert_eq!(host.upstream.received(Service::Sts).len(), 2);

    for (arguments, code, words) in [
        (vec!["--config", path], 1, "it has one, two"),
        (vec!["--config", path, "--identity", "tow"], 1, "has no identity `tow`"),
        (vec!["--config", "/nonexistent/c.toml"], 1, "`/nonexistent/c.toml`: cannot be read"),
        (vec!["--identity", "one", "--env-file", path], 2, "cannot be used with"),
    ] {
        let ran = of(&arguments).await;
        assert_eq!(ran.code(), Some(code), "{arguments:?}: {}", ran.stderr());
        assert!(ran.stderr().contains(words), "{}", ran.stderr());
    }
    let typo = text.replace("auth0_audience", "auth0_audiense");
    std::fs::write(&config, typo).unwrap();
    let ran = of(&["--config", path, "--identity", "two"]).await;
    assert!(ran.code() == Some(1) && ran.stderr().contains("did you mean `auth0_audience`?"), "{}", ran.stderr());
}
