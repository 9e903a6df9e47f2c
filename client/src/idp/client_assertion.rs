//! `private_key_jwt`: a client that proves who it is by a signature (RFC 7523 §2.2, OIDC Core §9).

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use aws_lc_rs::rand::{self, SystemRandom};
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde::Serialize;

use crate::files::input_file;
use crate::secret::{Secret, SecretSource};
use environment::Variables;

/// Long enough for a clock that is a little behind, short enough that a stolen one is soon of no use.
const LIFETIME_SECONDS: u64 = 60;
const MAX_CERTIFICATE_BYTES: u64 = 64 * 1024;
/// NIST SP 800-131A; what servers refuse anyway.
const SHORTEST_RSA_BYTES: usize = 256;

/// How the server finds the public half.
pub(crate) struct KeyNames {
    /// `kid`.
    key_id: Option<String>,
    /// The certificate whose thumbprint is `x5t`, which Entra ID goes by.
    certificate: Option<(String, PathBuf)>,
}

/// A key that signs nothing. Configuration, all of it. What the libraries say is left out: it may hold a part of the key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AssertionError {
    #[error(
        "the private key from {source_name} cannot be used: {}",
        "an unencrypted RSA key (2048 bits or more) or EC key (P-256) in PEM is expected"
    )]
    Key { source_name: String },
    #[error("the certificate `{}` ({variable}) cannot be used: {cause}", path.display())]
    Certificate { variable: String, path: PathBuf, cause: String },
    #[error("the system gives no random numbers")]
    Random,
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'a str,
    typ: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x5t: Option<String>,
}

/// RFC 7523 §3.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    jti: String,
    iat: u64,
    nbf: u64,
    exp: u64,
}

impl KeyNames {
    /// Reads `PREFIX_PRIVATE_KEY_ID` and `PREFIX_CERTIFICATE_FILE`.
    pub(crate) fn from_env(variables: &Variables<'_>, prefix: &str) -> Self {
        let certificate = format!("{prefix}_CERTIFICATE_FILE");
        let path = variables.optional(&certificate);
        Self {
            key_id: variables.optional(&format!("{prefix}_PRIVATE_KEY_ID")),
            certificate: path.map(|path| (certificate, path.into())),
        }
    }

    /// RFC 7515 §4.1.7.
    fn thumbprint(&self) -> Result<Option<String>, AssertionError> {
        let Some((variable, path)) = &self.certificate else { return Ok(None) };
        let unusable =
            |cause: String| AssertionError::Certificate { variable: variable.clone(), path: path.clone(), cause };
        let (text, _) = input_file::read(path, MAX_CERTIFICATE_BYTES).map_err(|error| unusable(error.to_string()))?;
        let certificate = CertificateDer::from_pem_slice(text.as_bytes())
            .map_err(|_| unusable("PEM (-----BEGIN CERTIFICATE-----) is expected".to_owned()))?;
        Ok(Some(URL_SAFE_NO_PAD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &certificate))))
    }
}

/// A new assertion, good for one request.
pub(crate) fn sign(
    source: &SecretSource,
    pem: &Secret,
    names: &KeyNames,
    client_id: &str,
    audience: &str,
    now: SystemTime,
) -> Result<Secret, AssertionError> {
    let unusable = || AssertionError::Key { source_name: source.to_string() };
    let key = Key::parse(pem).ok_or_else(unusable)?;
    let iat = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let header = Header { alg: key.algorithm(), typ: "JWT", kid: names.key_id.as_deref(), x5t: names.thumbprint()? };
    let mut jti = [0; 16];
    rand::fill(&mut jti).map_err(|_| AssertionError::Random)?;
    let claims = Claims {
        iss: client_id,
        sub: client_id,
        aud: audience,
        jti: URL_SAFE_NO_PAD.encode(jti),
        iat,
        nbf: iat,
        exp: iat + LIFETIME_SECONDS,
    };
    // Strings and numbers: serializing them cannot fail.
    let part = |json: serde_json::Result<Vec<u8>>| URL_SAFE_NO_PAD.encode(json.unwrap_or_default());
    let input = format!("{}.{}", part(serde_json::to_vec(&header)), part(serde_json::to_vec(&claims)));
    let signature = key.sign(input.as_bytes()).ok_or_else(unusable)?;
    Ok(Secret::new(format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))))
}

enum Key {
    Rsa(rsa::KeyPair),
    P256(EcdsaKeyPair),
}

impl Key {
    fn parse(pem: &Secret) -> Option<Self> {
        match PrivateKeyDer::from_pem_slice(pem.expose().as_bytes()).ok()? {
            PrivateKeyDer::Pkcs1(der) => Self::rsa(rsa::KeyPair::from_der(der.secret_pkcs1_der()).ok()?),
            PrivateKeyDer::Sec1(der) => Self::p256(der.secret_sec1_der()),
            PrivateKeyDer::Pkcs8(der) => match rsa::KeyPair::from_pkcs8(der.secret_pkcs8_der()) {
                Ok(key) => Self::rsa(key),
                Err(_) => Self::p256(der.secret_pkcs8_der()),
            },
            _ => None,
        }
    }

    fn rsa(key: rsa::KeyPair) -> Option<Self> {
        (key.public_modulus_len() >= SHORTEST_RSA_BYTES).then_some(Self::Rsa(key))
    }

    fn p256(der: &[u8]) -> Option<Self> {
        EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, der).ok().map(Self::P256)
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "RS256",
            Self::P256(_) => "ES256",
        }
    }

    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).ok()?;
                Some(signature)
            }
            // RFC 7518 §3.4: the two numbers side by side, not DER.
            Self::P256(key) => {
                key.sign(&SystemRandom::new(), message).ok().map(|signature| signature.as_ref().to_vec())
            }
        }
    }
}
