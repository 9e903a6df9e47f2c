//! A complete valid token of each kind of issuer. A test changes one claim of it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// A signing key and the `kid` under which it is published.
pub struct SigningKey {
    pub key_id: String,
    pair: KeyPair,
}

impl SigningKey {
    /// A fresh key of 2,048 bits.
    pub fn generate(key_id: &str) -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("RSA keys can be made");
        Self { key_id: key_id.to_owned(), pair }
    }

    /// The public half as a JWK (RFC 7517).
    pub fn jwk(&self) -> Value {
        let public = self.pair.public_key();
        let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.key_id,
            "n": number(public.modulus().big_endian_without_leading_zero()),
            "e": number(public.exponent().big_endian_without_leading_zero()),
        })
    }

    /// A JWS over any header and payload.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signing_input = format!("{}.{}", part(header), part(claims));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signing_input.as_bytes(), &mut signature)
            .expect("a key can sign");
        format!("{signing_input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// A token with this key's usual header.
    pub fn token(&self, claims: &Value) -> String {
        self.sign(&json!({"alg": "RS256", "kid": self.key_id}), claims)
    }
}

/// A set of the public halves.
pub fn jwk_set(keys: &[&SigningKey]) -> String {
    json!({"keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>()}).to_string()
}

/// Seconds since the epoch.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
}

/// What Cognito puts into a machine-to-machine access token.
pub fn cognito_claims(issuer: &str, client_id: &str) -> Value {
    let now = now();
    json!({
        "sub": client_id, "token_use": "access", "scope": "credvend-api/write credvend-api/read", "auth_time": now,
        "iss": issuer, "exp": now + 3600, "iat": now, "version": 2, "jti": "9f2b6d0e-0a55-4e0c-8f3a-0f6b2f6c0d11",
        "client_id": client_id,
    })
}
