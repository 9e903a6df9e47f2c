//! The value of a new secret. It is made here, so that a response of Cognito that is lost on its way loses no secret.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// Cognito takes 24 to 64 characters of `[\w+]`.
const LENGTH: usize = 52;
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// No `Debug` and no `Display`: it is handed over, and stands in no message.
pub(super) struct NewSecret(String);

impl NewSecret {
    /// 260 random bits.
    pub(super) fn random() -> Result<Self, &'static str> {
        let mut bytes = [0_u8; LENGTH];
        rand::fill(&mut bytes).map_err(|_| "the system has no random numbers")?;
        Ok(Self(bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect()))
    }

    /// For Cognito, the token endpoint and whoever gets it.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }

    /// As files and programs take it.
    pub(super) fn line(&self) -> Vec<u8> {
        format!("{}\n", self.0).into_bytes()
    }
}

/// Of a secret of 260 random bits, nothing can be found from this.
pub(super) fn fingerprint(content: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, content))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn it_is_what_cognito_takes_and_never_the_same() {
        let all: BTreeSet<_> = (0..100).map(|_| NewSecret::random().unwrap().expose().to_owned()).collect();
        assert_eq!(all.len(), 100);
        assert!(all.iter().all(|one| one.len() == 52 && one.bytes().all(|byte| byte.is_ascii_alphanumeric())));
        assert_eq!(ALPHABET.iter().collect::<BTreeSet<_>>().len(), 32, "each character is as likely as any other");
    }
}
