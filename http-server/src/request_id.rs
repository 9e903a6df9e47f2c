//! Names for requests.

use std::fmt::Write as _;

/// 128 random bits in hexadecimal.
#[must_use]
pub fn request_id() -> String {
    let mut bytes = [0; 16];
    // The system's generator does not fail on the systems this runs on; an id of zeros would only be less telling.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    bytes.iter().fold(String::with_capacity(32), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
