//! Sections of field lines, of a head or of trailers (RFC 9112 §5): where one ends, and what its lines are.

use std::iter::from_fn;

use memchr::memchr;

use crate::chunks::MAX_TRAILER_BYTES;
use crate::refusal::Refusal;

/// Header fields of one request, as many as the HTTP library takes.
pub(crate) const MAX_FIELDS: usize = 100;

/// Looks for the end of a head or of trailers. What was looked at once is not looked at again, so that a section which comes
/// byte by byte costs no more than one that comes whole.
#[derive(Default)]
pub(crate) struct EndOfFields {
    /// Where the line begins whose end has not come.
    line: usize,
    /// Bytes that were looked at.
    read: usize,
}

impl EndOfFields {
    pub(crate) fn read(&self) -> usize {
        self.read
    }

    /// Length of the lines up to and with the empty one; `None` where that is still to come. Then `bytes` has to be longer
    /// the next time, and to begin in the same way.
    pub(crate) fn find(&mut self, bytes: &[u8], limit: usize) -> Result<Option<usize>, Refusal> {
        let seen = &bytes[..bytes.len().min(limit)];
        while let Some(length) = memchr(b'\n', &seen[self.read..]) {
            let end = self.read + length;
            if end == self.line || seen[end - 1] != b'\r' {
                return Err(Refusal::Malformed("a line ends in a line feed without a carriage return"));
            }
            if end == self.line + 1 {
                *self = Self::default();
                return Ok(Some(end + 1));
            }
            (self.line, self.read) = (end + 1, end + 1);
        }
        if bytes.len() >= limit {
            return Err(Refusal::HeadersTooLarge);
        }
        // What has come of the last line can be wrong already: then nobody waits for its end. The last byte that was looked
        // at may be the carriage return of a line feed that had not come.
        let unread = &seen[self.line.max(self.read.saturating_sub(1))..];
        self.read = seen.len();
        match memchr(b'\r', unread) {
            Some(at) if at + 1 < unread.len() => {
                Err(Refusal::Malformed("a line holds a carriage return without a line feed"))
            }
            _ => Ok(None),
        }
    }
}

/// The lines of a section that [`EndOfFields`] has found, without the empty one.
pub(crate) fn lines(mut section: &[u8]) -> impl Iterator<Item = &[u8]> {
    from_fn(move || {
        let (line, rest) = section.split_at(memchr(b'\n', section)? + 1);
        section = rest;
        line.strip_suffix(b"\r\n").filter(|line| !line.is_empty())
    })
}

/// A field line, without white space around its value.
pub(crate) fn field(line: &[u8]) -> Result<(&[u8], &[u8]), Refusal> {
    if line.starts_with(b" ") || line.starts_with(b"\t") {
        return Err(Refusal::Malformed("a header line is folded"));
    }
    let Some(colon) = line.iter().position(|byte| *byte == b':') else {
        return Err(Refusal::Malformed("a header line has no colon"));
    };
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    if name.is_empty() || !name.iter().all(|byte| is_token(*byte)) {
        return Err(Refusal::Malformed("the name of a header holds something that no name holds, such as a blank"));
    }
    // All bytes are looked at, since the compiler takes many of them at once then: a token has a thousand.
    if value.iter().fold(false, |found, byte| found | matches!(byte, 0..=8 | 10..=31 | 127)) {
        return Err(Refusal::Malformed("the value of a header holds a control character"));
    }
    Ok((name, value.trim_ascii()))
}

/// RFC 9110 §5.6.2.
pub(crate) fn is_token(byte: u8) -> bool {
    TOKEN[usize::from(byte)]
}

const TOKEN: [bool; 256] = {
    let mut token = [false; 256];
    let mut byte = 0_u8;
    while byte < 0x7f {
        token[byte as usize] = byte.is_ascii_alphanumeric()
            || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~');
        byte += 1;
    }
    token
};

/// Trailer fields have the form of header fields, and none of them frames anything.
pub(crate) fn check_trailers(section: &[u8]) -> Result<(), Refusal> {
    debug_assert!(section.len() <= MAX_TRAILER_BYTES, "the reader of chunks has a limit");
    for (number, line) in lines(section).enumerate() {
        if number == MAX_FIELDS {
            return Err(Refusal::HeadersTooLarge);
        }
        field(line)?;
    }
    Ok(())
}
