//! A token as an issuer would make it for a client, signed with a key that nobody keeps.
//!
//! Nothing but `jwt`'s `Issuer::verify` makes claims, here as in the service: the token passes through the issuer's real rules,
//! of which the signature algorithm alone is another one, since the issuer's own keys cannot be had.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use authenticate::{IssuerKeys, TrustedIssuer, TrustedIssuers};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use jwt::{Algorithm, Issuer, IssuerKind, JwkSet};
use serde_json::{Map, Value, json};

use crate::error::Error;

const KEY_ID: &str = "hypothetical";
/// Within every issuer's limit, which is a minute at least.
const LIFETIME: Duration = Duration::from_secs(60);

/// Signs the tokens of one run.
pub(crate) struct ThrowAwayKey {
    pub(super) key: EcdsaKeyPair,
    set: JwkSet,
}

impl ThrowAwayKey {
    pub(crate) fn generate() -> Result<Self, Error> {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| Error::Signing)?;
        let document = document(&key).ok_or(Error::Signing)?;
        let set = JwkSet::parse(document.to_string().as_bytes()).map_err(|_| Error::Signing)?;
        Ok(Self { key, set })
    }

    /// The issuer by its own rules, as if its key were this one.
    pub(crate) fn issuer(&self, rules: &Issuer) -> TrustedIssuers {
        let rules = Issuer { algorithms: vec![Algorithm::Es256], ..rules.clone() };
        TrustedIssuers::of(vec![TrustedIssuer { rules, keys: IssuerKeys::fixed(self.set.clone()) }])
    }

    /// What the issuer would hand to the client.
    pub(crate) fn token(
        &self,
        rules: &Issuer,
        client_id: &str,
        scopes: &[String],
        now: SystemTime,
    ) -> Result<String, Error> {
        let header = json!({"alg": "ES256", "typ": "JWT", "kid": KEY_ID});
        let parts = [header, Value::Object(claims(rules, client_id, scopes, now))];
        let parts = parts.map(|part| BASE64URL.encode(part.to_string()));
        let input = parts.join(".");
        let signature = self.key.sign(&SystemRandom::new(), input.as_bytes()).map_err(|_| Error::Signing)?;
        Ok(format!("{input}.{}", BASE64URL.encode(signature)))
    }
}

/// The public half, as an issuer publishes it.
pub(super) fn document(key: &EcdsaKeyPair) -> Option<Value> {
    // SEC 1 §2.3.3: 4, then both coordinates.
    let (x, y) = key.public_key().as_ref().get(1..)?.split_at_checked(32)?;
    let [x, y] = [x, y].map(|coordinate| BASE64URL.encode(coordinate));
    Some(json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": KEY_ID, "use": "sig", "x": x, "y": y}]}))
}

/// What the rules ask of a client's own token.
fn claims(rules: &Issuer, client_id: &str, scopes: &[String], now: SystemTime) -> Map<String, Value> {
    let issued_at = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut claims = Map::new();
    let mut set = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    set("iss", json!(rules.url));
    set("iat", json!(issued_at));
    set("exp", json!(issued_at + LIFETIME.as_secs()));
    set("jti", json!(KEY_ID));
    match rules.kind {
        IssuerKind::Cognito => {
            set("token_use", json!("access"));
            set("scope", json!(scopes.join(" ")));
        }
        IssuerKind::Oidc => {
            set("aud", json!(rules.audiences.first()));
            // Auth0's mark of the client's own grant, which every issuer's rules accept.
            set("gty", json!("client-credentials"));
            set(rules.scope_claims.first().map_or("scope", String::as_str), json!(scopes.join(" ")));
        }
    }
    match (rules.kind, &rules.client_claim) {
        (IssuerKind::Oidc, Some(name)) => {
            set(name, json!(client_id));
        }
        _ => {
            set("client_id", json!(client_id));
            set("sub", json!(client_id));
        }
    }
    claims
}

#[cfg(test)]
mod tests {
    use authenticate::UnverifiedToken;

    use super::*;

    fn rules(kind: IssuerKind, client_claim: Option<&str>, scope_claims: &[&str]) -> Issuer {
        Issuer {
            url: "https://idp.example.com/".to_owned(),
            kind,
            audiences: vec!["credvend".to_owned()],
            client_claim: client_claim.map(str::to_owned),
            accept_user_tokens: false,
            scope_claims: scope_claims.iter().map(|claim| (*claim).to_owned()).collect(),
            max_lifetime: LIFETIME,
            algorithms: vec![Algorithm::Rs256],
        }
    }

    /// Every kind of issuer that the service can be told of accepts it, and reads the client and the scopes out of it.
    #[tokio::test]
    async fn every_issuer_s_rules_accept_it() {
        let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let key = ThrowAwayKey::generate().unwrap();
        let scopes = ["a/b".to_owned(), "c".to_owned()];
        for rules in [
            rules(IssuerKind::Cognito, None, &["scope"]),
            rules(IssuerKind::Oidc, None, &["scope", "scp"]),
            rules(IssuerKind::Oidc, Some("sub"), &["scp"]),
            rules(IssuerKind::Oidc, Some("azp"), &["roles"]),
            rules(IssuerKind::Oidc, Some("preferred_username"), &["permissions"]),
            Issuer { accept_user_tokens: true, ..rules(IssuerKind::Oidc, Some("email"), &["scope"]) },
        ] {
            for client_id in ["web-01", "a b", "repo:o/r:ref:refs/heads/main", "\u{4e00}\"\\"] {
                let token = key.token(&rules, client_id, &scopes, now).unwrap();
                let token = UnverifiedToken::parse(&token).unwrap();
                let issuers = key.issuer(&rules);
                let issuer = issuers.find(token.issuer()).unwrap();
                let public = issuer.keys.key(token.key_id(), now).await.unwrap();
                let claims = issuer.rules.verify(&token, &public, now).unwrap();
                assert_eq!((claims.client_id(), claims.scopes()), (client_id, &scopes[..]), "{rules:?}");
            }
        }
        let (one, other) = (ThrowAwayKey::generate().unwrap(), key);
        let rules = rules(IssuerKind::Cognito, None, &["scope"]);
        let token = one.token(&rules, "a", &[], now).unwrap();
        let token = UnverifiedToken::parse(&token).unwrap();
        let public = other.issuer(&rules).find(token.issuer()).unwrap().keys.key(KEY_ID, now).await.unwrap();
        assert!(
            rules.verify(&token, &public, now).is_err(),
            "no other run's key, and no issuer with its own algorithm"
        );
    }
}
