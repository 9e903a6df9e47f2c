//! Any bytes as a path: refused, or brought into one spelling that has nothing left to interpret.
#![no_main]

use gateway::path::{Strictness, normalise};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|path: &[u8]| {
    for strictness in [Strictness::Plain, Strictness::Scoped] {
        let Ok(normal) = normalise(path, strictness) else { continue };
        assert!(normal.starts_with('/') && !normal.contains("//"), "{normal}");
        assert!(normal.split('/').all(|segment| !matches!(segment, "." | "..")), "{normal}");
        assert!(normal.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '), "{normal:?}");
        assert!(!normal.contains(['\\', '#']) && !normal.contains("..;"), "{normal}");
        let lower = normal.to_ascii_lowercase();
        for encoded in ["%2f", "%5c", "%2e", "%00", "%7f", "%61", "%0a"] {
            assert!(!lower.contains(encoded), "{normal}");
        }
        assert!(strictness == Strictness::Plain || !(normal.contains(';') || lower.contains("%3b")), "{normal}");
        assert_eq!(normalise(normal.as_bytes(), strictness).as_deref(), Ok(normal.as_str()));
        // Where less is refused, what passes is not read differently.
        assert_eq!(normalise(path, Strictness::Plain).as_deref(), Ok(normal.as_str()));
    }
});
