//! Names for requests.

/// 128 random bits in hexadecimal.
#[must_use]
pub fn request_id() -> String {
    let mut bytes = [0; 16];
    // The system's generator does not fail on the systems this runs on; an id of zeros would only be less telling.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    digits.map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)])).collect()
}
