//! Public keys and signatures: the only file that calls `jsonwebtoken`.
//!
//! `jsonwebtoken` is used for its verification primitive alone. Its `Validation` defaults to HS256, leaves `nbf`
//! unchecked and skips claims that are absent, so none of its types leaves this file.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey};
use jsonwebtoken::{Algorithm as JwtAlgorithm, DecodingKey};

/// The signature algorithms of RFC 7518 §3.1 that an issuer may be allowed to use. All of them are asymmetric:
/// `none` and the HMAC family cannot even be written down here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256, the only one allowed unless an issuer's entry says otherwise.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256 and MGF1 with SHA-256.
    Ps256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
}

impl Algorithm {
    /// Reads the `alg` names of RFC 7518 §3.1, which are case-sensitive.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "RS256" => Self::Rs256,
            "RS384" => Self::Rs384,
            "RS512" => Self::Rs512,
            "PS256" => Self::Ps256,
            "ES256" => Self::Es256,
            _ => return None,
        })
    }

    fn jsonwebtoken(self) -> JwtAlgorithm {
        match self {
            Self::Rs256 => JwtAlgorithm::RS256,
            Self::Rs384 => JwtAlgorithm::RS384,
            Self::Rs512 => JwtAlgorithm::RS512,
            Self::Ps256 => JwtAlgorithm::PS256,
            Self::Es256 => JwtAlgorithm::ES256,
        }
    }
}

/// A public key that may verify signatures. Its type alone decides the algorithm family (CVE-2015-9235).
#[derive(Clone)]
pub(crate) struct PublicKey {
    family: Family,
    key: DecodingKey,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Rsa,
    P256,
}

impl PublicKey {
    /// An RSA key of 2,048 to 8,192 bits from big-endian modulus and exponent; `None` if it is weaker, larger or
    /// not an RSA key at all.
    pub(crate) fn rsa(modulus: &[u8], exponent: &[u8]) -> Option<Self> {
        let (modulus, exponent) = (strip_leading_zeros(modulus), strip_leading_zeros(exponent));
        let bits = modulus.len() * 8 - modulus.first()?.leading_zeros() as usize;
        let odd = |number: &[u8]| number.last().is_some_and(|byte| byte & 1 == 1);
        // An exponent is odd, at least 3 (1 would make every message its own signature) and no wider than aws-lc takes.
        let exponent_fits = odd(exponent) && exponent != [1] && exponent.len() <= 4;
        if !(2048..=8192).contains(&bits) || !odd(modulus) || !exponent_fits {
            return None;
        }
        Some(Self { family: Family::Rsa, key: DecodingKey::from_rsa_raw_components(modulus, exponent) })
    }

    /// A P-256 key from its coordinates; `None` unless both are 32 bytes and the point lies on the curve.
    pub(crate) fn p256(x: &[u8], y: &[u8]) -> Option<Self> {
        if x.len() != 32 || y.len() != 32 {
            return None;
        }
        let point = [&[4], x, y].concat();
        ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point).ok()?;
        Some(Self { family: Family::P256, key: DecodingKey::from_ec_der(&point) })
    }

    pub(crate) fn fits(&self, algorithm: Algorithm) -> bool {
        let family = match algorithm {
            Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512 | Algorithm::Ps256 => Family::Rsa,
            Algorithm::Es256 => Family::P256,
        };
        family == self.family
    }

    /// `message` is the JWS signing input, `signature` its base64url text (RFC 7515 §5.2). Any error of the library
    /// is a signature that did not verify.
    pub(crate) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &str) -> bool {
        jsonwebtoken::crypto::verify(signature, message, &self.key, algorithm.jsonwebtoken()).unwrap_or(false)
    }
}

fn strip_leading_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}
