//! The path of a request in the one spelling that routes are matched with and that the upstream gets.
//!
//! Two readers of one path must not come to two results: a route would be checked for one resource, and the upstream
//! would serve another (oauth2-proxy CVE-2026-41059). What has one reading is normalised (RFC 3986 §6.2.2); what a
//! reader somewhere takes for something else is refused.

use thiserror::Error;

const HEALTH: &str = "/health";

/// Why a path is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the path of the request {0}")]
pub struct PathError(&'static str);

/// How much a path may hold that only some servers understand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// No route restricts anything, so nobody wins anything by a path that is read in two ways.
    Plain,
    /// Some do: path parameters (`;`) and what looks encoded twice are refused as well.
    Scoped,
}

/// The normal form of `path`, which is a path without its query.
///
/// # Errors
/// When two servers could read it in two ways.
pub fn normalise(path: &[u8], strictness: Strictness) -> Result<String, PathError> {
    if !path.starts_with(b"/") {
        return Err(PathError("does not begin with `/`"));
    }
    if let Some(normal) = plainly_normal(path) {
        return Ok(normal.to_owned());
    }
    let encoded = decode_unreserved(path, strictness)?;
    remove_dot_segments(&encoded)
}

/// Whether it is the path that the gateway answers for itself, in any spelling.
#[must_use]
pub fn is_health(path: &str) -> bool {
    match plainly_normal(path.as_bytes()) {
        Some(normal) => normal == HEALTH,
        None => normalise(path.as_bytes(), Strictness::Plain).as_deref() == Ok(HEALTH),
    }
}

/// Most paths: nothing in them needs a second look, however strict, and they are what they become.
fn plainly_normal(path: &[u8]) -> Option<&str> {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_~./".contains(byte);
    let is_normal = path.starts_with(b"/") && !path.windows(2).any(|pair| pair == b"//" || pair == b"/.");
    str::from_utf8(path).ok().filter(|_| is_normal && path.iter().all(is_plain))
}

/// Percent-encodes all but what stands for itself in a path, and decodes what needs no encoding (RFC 3986 §2.3).
fn decode_unreserved(path: &[u8], strictness: Strictness) -> Result<String, PathError> {
    let mut normal = String::with_capacity(path.len());
    // What the path says, to see whether that is text.
    let mut meaning = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((&first, after)) = rest.split_first() {
        let (byte, is_encoded, after) = match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                (hex(*high, *low).ok_or(PathError("holds a `%` without two hexadecimal digits"))?, true, after)
            }
            (b'%', _) => return Err(PathError("holds a `%` without two hexadecimal digits")),
            (byte, after) => (byte, false, after),
        };
        check_byte(byte, is_encoded, strictness)?;
        meaning.push(byte);
        let stands_for_itself = if is_encoded { is_unreserved(byte) } else { byte.is_ascii() };
        if stands_for_itself {
            normal.push(char::from(byte));
        } else {
            push_encoded(&mut normal, byte);
        }
        rest = after;
    }
    if std::str::from_utf8(&meaning).is_err() {
        return Err(PathError("is not UTF-8"));
    }
    if meaning.windows(3).any(|bytes| bytes == b"..;") {
        return Err(PathError("holds `..;`"));
    }
    // The digits may be encoded as well: `%25%32%65` is `%252e`.
    let is_code = |bytes: &[u8]| bytes[0] == b'%' && bytes[1].is_ascii_hexdigit() && bytes[2].is_ascii_hexdigit();
    if strictness == Strictness::Scoped && meaning.windows(3).any(is_code) {
        return Err(PathError("is encoded twice, or looks like it"));
    }
    Ok(normal)
}

fn check_byte(byte: u8, is_encoded: bool, strictness: Strictness) -> Result<(), PathError> {
    match byte {
        b'\\' => Err(PathError("holds a `\\`")),
        b'/' if is_encoded => Err(PathError("holds an encoded `/`")),
        b'#' if !is_encoded => Err(PathError("holds a fragment")),
        byte if byte.is_ascii_control() => Err(PathError("holds a control character")),
        b';' if strictness == Strictness::Scoped => {
            Err(PathError("holds a `;`, which some servers take for the end of a segment"))
        }
        _ => Ok(()),
    }
}

/// RFC 3986 §5.2.4, without empty segments, and never above the root.
fn remove_dot_segments(path: &str) -> Result<String, PathError> {
    let mut kept: Vec<&str> = Vec::new();
    let mut ends_in_slash = false;
    for segment in path.split('/').skip(1) {
        ends_in_slash = matches!(segment, "" | "." | "..");
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop().ok_or(PathError("leads above the root"))?;
            }
            segment => kept.push(segment),
        }
    }
    let mut normal = String::with_capacity(path.len());
    for segment in &kept {
        normal.push('/');
        normal.push_str(segment);
    }
    if ends_in_slash {
        normal.push('/');
    }
    Ok(normal)
}

fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

fn push_encoded(text: &mut String, byte: u8) {
    text.push('%');
    for nibble in [byte >> 4, byte & 0xf] {
        text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0').to_ascii_uppercase());
    }
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scoped(path: &str) -> Result<String, PathError> {
        normalise(path.as_bytes(), Strictness::Scoped)
    }

    #[test]
    fn one_spelling() {
        for (path, normal) in [
            ("/", "/"),
            ("//", "/"),
            ("/db/x", "/db/x"),
            ("/db//x/", "/db/x/"),
            ("//db/x", "/db/x"),
            ("/db/./x", "/db/x"),
            ("/db/../x", "/x"),
            ("/db/..", "/"),
            ("/db/.", "/db/"),
            ("/db/%2e%2E/admin", "/admin"),
            ("/%64%62/x", "/db/x"),
            ("/%7Euser/a%20b", "/~user/a%20b"),
            ("/a%c3%a4b", "/a%C3%A4b"),
            ("/aäb", "/a%C3%A4b"),
            ("/...", "/..."),
            ("/a.b/c..d", "/a.b/c..d"),
            ("/a%3Fb", "/a%3Fb"),
            ("/a%23b", "/a%23b"),
            ("/a:b@c!$&'()*+,=d", "/a:b@c!$&'()*+,=d"),
            ("/100%25", "/100%25"),
            ("/a\"b|c", "/a\"b|c"),
        ] {
            assert_eq!(scoped(path).as_deref(), Ok(normal), "{path}");
            assert_eq!(scoped(normal).as_deref(), Ok(normal), "{normal} is normal");
        }
    }

    #[test]
    fn what_two_servers_could_read_differently() {
        for path in [
            "",
            "*",
            "db",
            "http://x/db",
            "/..",
            "/db/../../x",
            "/%2e%2e/x",
            "/db%2fx",
            "/db%2Fx",
            "/db%5cx",
            "/db\\x",
            "/db/..;/x",
            "/db/..%3b/x",
            "/db;a=b/x",
            "/db%3Ba",
            "/db\0",
            "/db%00",
            "/db%0a",
            "/db%7f",
            "/db\u{7f}",
            "/db#x",
            "/db%",
            "/db%2",
            "/db%zz",
            "/db%u002f",
            "/db%c0%af",
            "/db%e0%80%af",
            "/db%ff",
            "/db%ed%a0%80",
            "/db%252e%252e",
            "/db%252f",
            "/%2561",
            "/db/%25%32%65%25%32%65/admin",
            "/db/%252%65",
            "/db/%25%32e",
            "/%25%33%62",
        ] {
            assert!(scoped(path).is_err(), "{path:?}: {:?}", scoped(path));
        }
        for path in [&b"/db\xff"[..], b"/db\xc0\xaf", b"/\xf8\x88\x80\x80\x80"] {
            assert!(normalise(path, Strictness::Plain).is_err(), "{}", path.escape_ascii());
        }
    }

    /// All paths of four of these characters: the short way comes to the result of the long one.
    #[test]
    fn a_path_that_is_taken_as_it_is_would_not_have_been_changed() {
        let characters = b"/.aZ0~-_%;2";
        for number in 0..characters.len().pow(4) {
            let digits = (0..4).map(|place| number / characters.len().pow(place) % characters.len());
            let path: Vec<_> = [b'/'].into_iter().chain(digits.map(|digit| characters[digit])).collect();
            if let Some(normal) = plainly_normal(&path) {
                let long = decode_unreserved(&path, Strictness::Scoped).and_then(|path| remove_dot_segments(&path));
                assert_eq!(long.as_deref(), Ok(normal));
            }
        }
        for path in
            [&b""[..], b"a", b"*", b"/%61", b"/a//b", b"/./a", b"/a/..", b"/a;b", b"/\xc3\xa4", b"/a\\b", b"/a b"]
        {
            assert_eq!(plainly_normal(path), None, "{}", path.escape_ascii());
        }
    }

    #[test]
    fn where_no_scope_is_asked_for_more_passes() {
        for (path, normal) in [("/a;b=c", "/a;b=c"), ("/a%3bb", "/a%3Bb"), ("/a%2541", "/a%2541")] {
            assert_eq!(normalise(path.as_bytes(), Strictness::Plain).as_deref(), Ok(normal));
        }
        assert!(normalise(b"/a/..;/b", Strictness::Plain).is_err());
    }
}
