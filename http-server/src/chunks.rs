//! The chunks of a body (RFC 9112 §7.1), and the trailers behind them.

use crate::field_lines::{EndOfFields, check_trailers};
use crate::refusal::Refusal;

/// More digits than any length of a body has.
const MAX_SIZE_DIGITS: u32 = 15;
/// What may stand between a chunk's size and its line break. Nobody in the field uses extensions.
const MAX_EXTENSION_BYTES: u32 = 1024;
/// The HTTP library's own limit.
pub(crate) const MAX_TRAILER_BYTES: usize = 16 * 1024;

/// Reads chunks.
pub(crate) struct Chunks {
    state: State,
    /// How far trailers that have not come whole were read.
    trailers: EndOfFields,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Size {
        digits: u32,
        size: u64,
    },
    Extension {
        length: u32,
        size: u64,
    },
    /// In a quoted string, which ends before its line does.
    Quoted {
        length: u32,
        size: u64,
        is_escaped: bool,
    },
    SizeLineFeed {
        size: u64,
    },
    Data {
        rest: u64,
    },
    DataCarriageReturn,
    DataLineFeed,
    Trailers,
    Over,
}

impl Chunks {
    pub(crate) fn new() -> Self {
        Self { state: State::Size { digits: 0, size: 0 }, trailers: EndOfFields::default() }
    }

    /// Whether the body has ended.
    pub(crate) fn are_over(&self) -> bool {
        self.state == State::Over
    }

    /// How many of `bytes` have exactly one reading.
    pub(crate) fn advance(&mut self, bytes: &[u8]) -> Result<usize, Refusal> {
        let mut at = 0;
        while at < bytes.len() && self.state != State::Over {
            let rest = &bytes[at..];
            let advanced = match &mut self.state {
                State::Data { rest: length } => {
                    let taken = usize::try_from(*length).unwrap_or(usize::MAX).min(rest.len());
                    *length -= taken as u64;
                    if *length == 0 {
                        self.state = State::DataCarriageReturn;
                    }
                    taken
                }
                // They are handed on as a whole.
                State::Trailers => match self.trailers.find(rest, MAX_TRAILER_BYTES)? {
                    None => break,
                    Some(length) => {
                        check_trailers(&rest[..length])?;
                        self.state = State::Over;
                        length
                    }
                },
                state => {
                    *state = next(*state, rest[0])?;
                    1
                }
            };
            at += advanced;
        }
        Ok(at)
    }
}

fn next(state: State, byte: u8) -> Result<State, Refusal> {
    match (state, byte) {
        (State::Size { digits, size }, byte) if byte.is_ascii_hexdigit() && digits < MAX_SIZE_DIGITS => {
            let digit = char::from(byte).to_digit(16).unwrap_or_default();
            Ok(State::Size { digits: digits + 1, size: size * 16 + u64::from(digit) })
        }
        (State::Size { digits: 1.., size }, b';') => Ok(State::Extension { length: 0, size }),
        (State::Size { digits: 1.., size } | State::Extension { size, .. }, b'\r') => Ok(State::SizeLineFeed { size }),
        (State::Extension { length, size }, byte) if length < MAX_EXTENSION_BYTES && is_text(byte) => {
            let length = length + 1;
            let quoted = State::Quoted { length, size, is_escaped: false };
            Ok(if byte == b'"' { quoted } else { State::Extension { length, size } })
        }
        (State::Quoted { length, size, is_escaped }, byte) if length < MAX_EXTENSION_BYTES && is_text(byte) => {
            let length = length + 1;
            if byte == b'"' && !is_escaped {
                return Ok(State::Extension { length, size });
            }
            Ok(State::Quoted { length, size, is_escaped: byte == b'\\' && !is_escaped })
        }
        (State::SizeLineFeed { size: 0 }, b'\n') => Ok(State::Trailers),
        (State::SizeLineFeed { size }, b'\n') => Ok(State::Data { rest: size }),
        (State::DataCarriageReturn, b'\r') => Ok(State::DataLineFeed),
        (State::DataLineFeed, b'\n') => Ok(State::Size { digits: 0, size: 0 }),
        _ => Err(Refusal::Malformed("a chunk of the body is not what RFC 9112 calls one")),
    }
}

fn is_text(byte: u8) -> bool {
    byte == b'\t' || !byte.is_ascii_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Result<(usize, bool), Refusal> {
        let mut chunks = Chunks::new();
        let length = chunks.advance(text)?;
        Ok((length, chunks.are_over()))
    }

    #[test]
    fn bodies() {
        for text in [
            &b"0\r\n\r\n"[..],
            b"1\r\na\r\n0\r\n\r\n",
            b"0a\r\n0123456789\r\n00\r\nX: y\r\nZ:\r\n\r\n",
            b"1;a=\"b c\"\r\nx\r\n0;z\r\n\r\n",
            b"1;a=\"\\\"\\\\\";b=\"\"\r\nx\r\n0\r\n\r\n",
        ] {
            assert_eq!(read(text), Ok((text.len(), true)), "{}", text.escape_ascii());
            assert_eq!(read(&[text, b"GET"].concat()), Ok((text.len(), true)), "what follows is not the body's");
        }
        assert_eq!(read(b"5\r\nab"), Ok((5, false)));
        assert_eq!(read(b"0\r\nX: y"), Ok((3, false)), "trailers are handed on as a whole");
    }

    #[test]
    fn what_is_no_chunk() {
        for text in [
            &b"\r\n"[..],
            b";a\r\n",
            b" 1\r\n",
            b"1 \r\n",
            b"1\n",
            b"1\r1",
            b"-1\r\n",
            b"+1\r\n",
            b"0x1\r\n",
            b"g\r\n",
            b"1\r\nab",
            b"1\r\na\n",
            b"1\r\na\rb",
            b"1;a\nb\r\n",
            b"1;\0\r\n",
            b"1;a=\"b\r\n",
            b"1;a=\"b\\\"\r\n",
            b"1;a=\"b\"\"\r\n",
            b"1000000000000000\r\n",
            b"0\r\nX : y\r\n\r\n",
            b"0\r\n folded\r\n\r\n",
            b"0\r\nX: y\n\r\n",
            b"0\r\nX: \0\r\n\r\n",
        ] {
            assert!(read(text).is_err(), "{}", text.escape_ascii());
        }
        assert!(read(format!("1;{}\r\n", "a".repeat(1025)).as_bytes()).is_err());
    }
}
