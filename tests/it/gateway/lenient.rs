//! What servers that forgive much would take the bytes of a connection for. One of them may stand behind the gateway, so
//! none of them may see a request that nobody has authorised.

/// One way of being lenient: a set of the bits below.
#[derive(Debug, Clone, Copy)]
pub struct Leniency(u8);

/// LF alone ends a line.
const BARE_LINE_FEED: u8 = 1;
/// CR alone does as well.
const BARE_CARRIAGE_RETURN: u8 = 2;
/// Of two lengths, the last one counts, else the first.
const LAST_LENGTH: u8 = 4;
/// A length counts more than chunks.
const LENGTH_OVER_CHUNKS: u8 = 8;
/// Any value with `chunked` in it is chunks; else only the whole value.
const CHUNKED_ANYWHERE: u8 = 16;
/// `_` in a name is `-`, and blanks around a name are ignored.
const LOOSE_NAMES: u8 = 32;

impl Leniency {
    /// All that can be combined, the strict reading among them.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..64).map(Self)
    }

    fn has(self, bit: u8) -> bool {
        self.0 & bit != 0
    }

    /// The request lines that it believes to have seen, that of a request whose body is not whole among them.
    pub fn requests(self, mut bytes: &[u8]) -> Vec<String> {
        let mut requests = Vec::new();
        while let Some(line) = self.line(&mut bytes) {
            if line.is_empty() {
                continue;
            }
            requests.push(line);
            let (mut lengths, mut is_chunked) = (Vec::new(), false);
            while let Some(field) = self.line(&mut bytes).filter(|field| !field.is_empty()) {
                let Some((name, value)) = field.split_once(':') else { continue };
                let name = if self.has(LOOSE_NAMES) { name.trim().replace('_', "-") } else { name.to_owned() };
                match name.to_ascii_lowercase().as_str() {
                    "content-length" => lengths.extend(loose_number(value, 10)),
                    "transfer-encoding" => {
                        let value = value.trim().to_ascii_lowercase();
                        is_chunked |=
                            if self.has(CHUNKED_ANYWHERE) { value.contains("chunked") } else { value == "chunked" };
                    }
                    _ => {}
                }
            }
            let length = if self.has(LAST_LENGTH) { lengths.last() } else { lengths.first() }.copied();
            match length {
                Some(length) if self.has(LENGTH_OVER_CHUNKS) || !is_chunked => {
                    bytes = bytes.get(length..).unwrap_or_default();
                }
                _ if is_chunked => self.skip_chunks(&mut bytes),
                _ => {}
            }
        }
        requests
    }

    fn skip_chunks(self, bytes: &mut &[u8]) {
        while let Some(size) = self.line(bytes).and_then(|line| loose_number(&line, 16)) {
            if size == 0 {
                // The trailers.
                while self.line(bytes).is_some_and(|line| !line.is_empty()) {}
                return;
            }
            *bytes = bytes.get(size..).unwrap_or_default();
            self.line(bytes);
        }
    }

    /// The next line, without its end; `None` where there is no whole one.
    fn line(self, bytes: &mut &[u8]) -> Option<String> {
        let (mut at, end) = (0, bytes.len());
        while at < end {
            let ends = match bytes[at] {
                b'\r' if bytes.get(at + 1) == Some(&b'\n') => 2,
                b'\r' if self.has(BARE_CARRIAGE_RETURN) => 1,
                b'\n' if self.has(BARE_LINE_FEED) => 1,
                _ => {
                    at += 1;
                    continue;
                }
            };
            let line = String::from_utf8_lossy(&bytes[..at]).into_owned();
            *bytes = &bytes[at + ends..];
            return Some(line);
        }
        None
    }
}

/// As `strtol` reads one: blanks, a sign, `0x`, and whatever follows the digits.
fn loose_number(text: &str, radix: u32) -> Option<usize> {
    let text = text.trim_start().trim_start_matches('+').trim_start_matches("0x");
    let digits: String = text.chars().take_while(|character| character.is_digit(radix)).collect();
    usize::from_str_radix(&digits, radix).ok()
}

#[test]
fn a_lenient_reading_differs_where_the_bytes_do() {
    let counts = |text: &str| {
        let mut counts: Vec<_> = Leniency::all().map(|one| one.requests(text.as_bytes()).len()).collect();
        counts.sort_unstable();
        counts.dedup();
        counts
    };
    assert_eq!(counts("GET /a HTTP/1.1\r\nHost: x\r\n\r\n"), [1]);
    assert_eq!(counts("GET /a HTTP/1.1\r\nA: b\n\nGET /b HTTP/1.1\r\n\r\n"), [1, 2]);
    assert_eq!(counts("GET /a HTTP/1.1\r\nA: b\r\rGET /b HTTP/1.1\r\n\r\n"), [1, 2]);
    let two = "POST /a HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 19\r\n\r\nGET /b HTTP/1.1\r\n\r\n";
    assert_eq!(counts(two), [1, 2]);
    let both =
        "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\nGET /b HTTP/1.1\r\n\r\n";
    assert_eq!(counts(both), [2]);
    let odd = "POST /a HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n18\r\n\r\nGET /b HTTP/1.1\r\n\r\n";
    assert!(counts(odd).len() > 1);
}
