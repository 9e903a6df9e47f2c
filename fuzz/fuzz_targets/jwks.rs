//! Any bytes as a JWK set: every key that is kept can be looked up by its own `kid`, and none panics when used.
#![no_main]

use jwt::{Algorithm, JwkSet};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|document: &[u8]| {
    if let Ok(set) = JwkSet::parse(document) {
        assert!(set.key_ids().next().is_some());
        for key_id in set.key_ids() {
            let key = set.key(key_id).expect("a kid that the set names");
            for algorithm in
                [Algorithm::Rs256, Algorithm::Rs384, Algorithm::Rs512, Algorithm::Ps256, Algorithm::Es256]
            {
                assert!(key.verify_signature(algorithm, b"message", "c2lnbmF0dXJl").is_err());
            }
        }
    }
});
