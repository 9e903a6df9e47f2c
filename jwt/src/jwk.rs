//! JWK sets (RFC 7517): which of an issuer's published keys may verify a token.
//!
//! A key that cannot be used is left out and never drops the others; a set without any usable key is refused.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::error::{JwkSetError, TokenError};
use crate::json;
use crate::jws::UnverifiedJws;
use crate::signature::{Algorithm, PublicKey};

/// The usable signature keys of one issuer.
#[derive(Clone)]
pub struct JwkSet {
    keys: Vec<Arc<VerificationKey>>,
    left_out: Vec<LeftOut>,
}

/// A published key that is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Its `kid`, where it has one.
    pub key_id: Option<String>,
    /// Why.
    pub reason: &'static str,
    /// Whether it is published for something else than signatures, so that nobody can expect it to be used.
    pub is_for_another_use: bool,
}

/// What an issuer publishes under one `kid`. Mostly one key; RFC 7517 §4.5 lets keys of different types share it.
#[derive(Clone)]
pub struct VerificationKey {
    key_id: String,
    candidates: Vec<Candidate>,
}

#[derive(Clone)]
struct Candidate {
    public_key: PublicKey,
    /// `alg` of the JWK (RFC 7517 §4.4), where it names one: the key is then good for that algorithm only.
    algorithm: Option<Algorithm>,
}

impl JwkSet {
    /// Reads a JWK set document.
    ///
    /// # Errors
    /// When it is not a JWK set, or when no key in it can verify a signature.
    pub fn parse(document: &[u8]) -> Result<Self, JwkSetError> {
        // Members are kept as text first, so that one key with a duplicate member costs only itself.
        #[derive(Deserialize)]
        struct Document<'a> {
            #[serde(borrow)]
            keys: Vec<&'a RawValue>,
        }
        let document: Document<'_> = serde_json::from_slice(document).map_err(|_| JwkSetError::Malformed)?;
        let mut keys: Vec<VerificationKey> = Vec::new();
        let mut left_out = Vec::new();
        for raw in document.keys {
            let (key_id, candidate) = match read_key(raw.get().as_bytes()) {
                Ok(read) => read,
                Err(reason) => {
                    left_out.push(reason);
                    continue;
                }
            };
            match keys.iter_mut().find(|key| key.key_id == key_id) {
                Some(key) => key.candidates.push(candidate),
                None => keys.push(VerificationKey { key_id, candidates: vec![candidate] }),
            }
        }
        if keys.is_empty() {
            return Err(JwkSetError::NoUsableKey { left_out });
        }
        Ok(Self { keys: keys.into_iter().map(Arc::new).collect(), left_out })
    }

    /// The key published under `key_id`.
    #[must_use]
    pub fn key(&self, key_id: &str) -> Option<&Arc<VerificationKey>> {
        self.keys.iter().find(|key| key.key_id == key_id)
    }

    /// The published keys that are not used.
    #[must_use]
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// The `kid`s of all usable keys, in the order of the document.
    pub fn key_ids(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|key| key.key_id.as_str())
    }
}

impl VerificationKey {
    /// The `kid` it is published under.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Checks a token's signature with whichever key of this `kid` fits the token's algorithm.
    ///
    /// # Errors
    /// When no key fits the algorithm, or the signature is not by any that does.
    pub fn verify(&self, jws: &UnverifiedJws<'_>) -> Result<(), TokenError> {
        self.verify_signature(jws.algorithm, jws.signing_input, jws.signature)
    }

    /// The same for any message; `signature` is base64url.
    ///
    /// # Errors
    /// When no key fits the algorithm, or the signature is not by any that does.
    pub fn verify_signature(&self, algorithm: Algorithm, message: &[u8], signature: &str) -> Result<(), TokenError> {
        let mut fitting = self.candidates.iter().filter(|candidate| candidate.fits(algorithm)).peekable();
        if fitting.peek().is_none() {
            return Err(TokenError::UnsupportedAlgorithm);
        }
        let verified = fitting.any(|candidate| candidate.public_key.verifies(algorithm, message, signature));
        if verified { Ok(()) } else { Err(TokenError::BadSignature) }
    }
}

impl Candidate {
    fn fits(&self, algorithm: Algorithm) -> bool {
        self.public_key.fits(algorithm) && self.algorithm.is_none_or(|own| own == algorithm)
    }
}

/// One JWK, if it is a public signature key that is strong enough to rely on.
fn read_key(text: &[u8]) -> Result<(String, Candidate), LeftOut> {
    let Some(jwk) = json::parse_object(text) else {
        let reason = "it is not a JSON object, or has a member twice";
        return Err(LeftOut { key_id: None, reason, is_for_another_use: false });
    };
    let key_id = text_member(&jwk, "kid").filter(|kid| !kid.is_empty());
    let is_for_another_use = text_member(&jwk, "use").is_some_and(|purpose| purpose != "sig");
    let left_out = |reason| LeftOut { key_id: key_id.map(str::to_owned), reason, is_for_another_use };
    let candidate = candidate(&jwk).map_err(left_out)?;
    match key_id {
        Some(key_id) => Ok((key_id.to_owned(), candidate)),
        None => Err(left_out("it has no `kid`")),
    }
}

fn candidate(jwk: &Map<String, Value>) -> Result<Candidate, &'static str> {
    // RFC 7517 §4.2, §4.3: `use` and `key_ops`, where present, must allow verifying.
    if jwk.contains_key("use") && text_member(jwk, "use") != Some("sig") {
        return Err("its `use` is not `sig`");
    }
    if let Some(operations) = jwk.get("key_ops") {
        let may_verify = |operations: &Vec<Value>| operations.iter().any(|operation| operation == "verify");
        if !operations.as_array().is_some_and(may_verify) {
            return Err("its `key_ops` do not hold `verify`");
        }
    }
    // A set that publishes a private key has published the means to sign: that key proves nothing any more.
    if jwk.contains_key("d") {
        return Err("it is a private key (`d`)");
    }
    let algorithm = match jwk.get("alg") {
        None => None,
        Some(name) => {
            let known = name.as_str().and_then(Algorithm::parse);
            Some(known.ok_or("its `alg` is none of RS256, RS384, RS512, PS256, ES256")?)
        }
    };
    let public_key = public_key(jwk)?;
    if algorithm.is_some_and(|algorithm| !public_key.fits(algorithm)) {
        return Err("its `alg` does not fit its `kty`");
    }
    Ok(Candidate { public_key, algorithm })
}

fn public_key(jwk: &Map<String, Value>) -> Result<PublicKey, &'static str> {
    let number = |name| number_member(jwk, name);
    match text_member(jwk, "kty") {
        Some("RSA") => number("n")
            .zip(number("e"))
            .and_then(|(n, e)| PublicKey::rsa(&n, &e))
            .ok_or("its `n` and `e` are not an RSA key of 2,048 to 8,192 bits"),
        Some("EC") if text_member(jwk, "crv") == Some("P-256") => number("x")
            .zip(number("y"))
            .and_then(|(x, y)| PublicKey::p256(&x, &y))
            .ok_or("its `x` and `y` are not a point of P-256"),
        Some("EC") => Err("its `crv` is not `P-256`"),
        _ => Err("its `kty` is neither `RSA` nor `EC`"),
    }
}

fn text_member<'a>(jwk: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    jwk.get(name)?.as_str()
}

fn number_member(jwk: &Map<String, Value>, name: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text_member(jwk, name)?).ok()
}
