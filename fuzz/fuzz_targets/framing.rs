//! Any bytes as a connection of HTTP/1: what is handed on is the same number of requests for every lenient server,
//! however the bytes are cut.
#![no_main]

use http_server::read_in_steps;
use libfuzzer_sys::fuzz_target;

use lenient::Leniency;

#[path = "../../tests/it/gateway/lenient.rs"]
mod lenient;

const MAX_HEAD: usize = 4096;

fuzz_target!(|bytes: &[u8]| {
    let Ok((heads, handed_on)) = read_in_steps(bytes, bytes.len(), MAX_HEAD) else { return };
    assert!(handed_on <= bytes.len());
    let passed = &bytes[..handed_on];
    assert_eq!(read_in_steps(passed, passed.len(), MAX_HEAD), Ok((heads, handed_on)));
    for step in [1, 5] {
        assert_eq!(read_in_steps(passed, step, MAX_HEAD), Ok((heads, handed_on)), "in steps of {step}");
    }
    // `Content_Length` ends at the gateway, which does not know it for a length.
    if passed.contains(&b'_') {
        return;
    }
    for leniency in Leniency::all() {
        let seen = leniency.requests(passed);
        assert_eq!(seen.len() as u64, heads, "{leniency:?} sees {seen:?}");
    }
});
