//! Any text as a statement of the query API: a verdict in bounded time, never a panic, and the same one with a comment or
//! a blank more.
#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use query_lambda::statement::{MAX_QUERY_BYTES, StatementError, check};

/// Instrumented code under a sanitizer, on a machine that does other things, takes some 50 times as long.
const SLOWEST_BYTE: Duration = Duration::from_micros(200);

fuzz_target!(|query: &str| {
    let started = Instant::now();
    let verdict = check(query);
    let bound = Duration::from_secs(2) + SLOWEST_BYTE * u32::try_from(query.len()).unwrap_or(u32::MAX);
    assert!(started.elapsed() < bound, "{} bytes took {:?}", query.len(), started.elapsed());
    let Ok(checked) = verdict else { return };
    assert!(checked.access >= checked.kind.access());
    // A comment at the end of a line comment belongs to it, so each begins on a line of its own.
    for variant in [format!("{query}\n"), format!("{query}\n-- a"), format!("{query}\n/* b */"), format!(" \t\r\n{query}")] {
        let expected = if variant.len() > MAX_QUERY_BYTES { Err(StatementError::TooLarge) } else { Ok(checked) };
        assert_eq!(check(&variant), expected, "{variant:?}");
    }
});
