//! Any text as an environment file: read or refused with a line number, never a panic, and no variable without a name.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(variables) = environment::parse_env_file(text) {
        for (name, _) in variables {
            assert!(!name.is_empty() && !name.contains(['=', ' ', '\n']), "{name:?}");
        }
    }
});
