//! Secrets, the next one, and private keys in their place.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tests::http_server::{HttpServer, Received, Reply};
use tests::token::now;
use tests::upstream::{Service, form};

use super::{Host, SECRET, fields, web_identity};

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
        std::fs::write(&file, &key).unwrap();
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
        host.forget();
        let inline = [("OIDC_CLIENT_SECRET", ""), ("OIDC_PRIVATE_KEY", key.as_str())];
        host.get_credentials("oidc", &inline).await.credentials();
        assert_eq!(self::assertion(&host, "oidc-client").1["alg"], algorithm, "line breaks in a variable");
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
