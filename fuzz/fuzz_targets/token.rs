//! Any text as a token: parsed or refused, never a panic, and what is parsed has one spelling only.
#![no_main]

use jwt::{JwkSet, UnverifiedToken};
use libfuzzer_sys::fuzz_target;

const KEYS: &[u8] = br#"{"keys":[{"kty":"EC","crv":"P-256","kid":"k",
  "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;

fuzz_target!(|text: &str| {
    let keys = JwkSet::parse(KEYS).expect("the key of RFC 7517, appendix A.1");
    if let Ok(token) = UnverifiedToken::parse(text) {
        assert_eq!(text.bytes().filter(|byte| *byte == b'.').count(), 2);
        assert!(!token.issuer().is_empty() || text.len() <= jwt::MAX_TOKEN_BYTES);
        assert!(keys.key(token.key_id()).is_none() || token.key_id() == "k");
    }
    if let Ok(jws) = jwt::UnverifiedJws::parse(text) {
        let key = keys.key("k").expect("the one key");
        // The fuzzer does not have the private half, so nothing may verify.
        assert!(key.verify(&jws).is_err());
    }
});
