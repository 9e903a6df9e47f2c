//! Where one request ends and the next begins (RFC 9112), beyond doubt only.
//!
//! The HTTP library reads some things leniently that another server reads in another way: a bare LF as the end of a
//! line, two equal lengths, a length beside chunks. Each of them can make two servers disagree on where a request ends,
//! and then a request passes that nobody has looked at. So the bytes of every HTTP/1 connection go through this reader
//! first. It hands on what has exactly one reading, and names what is wrong with everything else.

use std::str;

use crate::chunks::Chunks;
use crate::field_lines::{EndOfFields, MAX_FIELDS, field, is_token, lines};
use crate::refusal::Refusal;

struct Head {
    body: Body,
    asks_for_upgrade: bool,
}

/// What follows a request's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Body {
    Length(u64),
    Chunked,
}

/// Reads requests off a connection.
pub(crate) struct Framing {
    max_head: usize,
    state: State,
    /// How far the head that has not come whole was read.
    fields: EndOfFields,
    /// Its method was read to its end.
    knows_method: bool,
    /// Complete heads so far.
    heads: u64,
    /// The last of them asks for another protocol.
    asks_for_upgrade: bool,
}

enum State {
    /// In front of a request, or in its head.
    Head,
    Length(u64),
    Chunked(Chunks),
    Failed,
}

impl Framing {
    pub(crate) fn new(max_head: usize) -> Self {
        Self {
            max_head,
            state: State::Head,
            fields: EndOfFields::default(),
            knows_method: false,
            heads: 0,
            asks_for_upgrade: false,
        }
    }

    /// How many of `bytes`, which were not handed on before, have exactly one reading. Zero: more of them are needed.
    ///
    /// # Errors
    /// What is wrong with them; nothing of them, and nothing after them, is a request.
    pub(crate) fn advance(&mut self, bytes: &[u8]) -> Result<usize, Refusal> {
        let advanced = match &mut self.state {
            State::Head => self.head(bytes),
            State::Length(rest) => {
                let length = usize::try_from(*rest).unwrap_or(usize::MAX).min(bytes.len());
                *rest -= length as u64;
                if *rest == 0 {
                    self.state = State::Head;
                }
                Ok(length)
            }
            State::Chunked(chunks) => {
                let advanced = chunks.advance(bytes);
                if chunks.are_over() {
                    self.state = State::Head;
                }
                advanced
            }
            State::Failed => Ok(0),
        };
        if advanced.is_err() {
            self.state = State::Failed;
        }
        advanced
    }

    /// How many bytes of a body of known length are still to come: they need not be looked at.
    pub(crate) fn opaque(&self) -> u64 {
        if let State::Length(rest) = self.state { rest } else { 0 }
    }

    /// Whether the last request asks for another protocol: then what follows it may be no request.
    pub(crate) fn asks_for_upgrade(&self) -> bool {
        self.asks_for_upgrade && matches!(self.state, State::Head)
    }

    /// See [`Framing::opaque`]: so many of them were handed on.
    pub(crate) fn skip(&mut self, length: usize) {
        if let State::Length(rest) = &mut self.state {
            *rest = rest.saturating_sub(length as u64);
            if *rest == 0 {
                self.state = State::Head;
            }
        }
    }

    /// Whether what comes next is the head of a request.
    pub(crate) fn is_between(&self) -> bool {
        matches!(self.state, State::Head)
    }

    /// Number of heads that were handed on.
    pub(crate) fn heads(&self) -> u64 {
        self.heads
    }

    fn head(&mut self, bytes: &[u8]) -> Result<usize, Refusal> {
        // RFC 9112 §2.2: an empty line in front of a request is ignored. The HTTP library does so as well.
        if bytes == b"\r" {
            return Ok(0);
        }
        let skipped = if bytes.starts_with(b"\r\n") { 2 } else { 0 };
        let known = self.fields.read();
        let Some(length) = self.fields.find(&bytes[skipped..], self.max_head)? else {
            self.check_beginning(&bytes[skipped..], known)?;
            return Ok(0);
        };
        self.knows_method = false;
        let Head { body, asks_for_upgrade } = check_head(&bytes[skipped..skipped + length])?;
        self.heads += 1;
        self.asks_for_upgrade = asks_for_upgrade;
        self.state = match body {
            Body::Length(0) => State::Head,
            Body::Length(length) => State::Length(length),
            Body::Chunked => State::Chunked(Chunks::new()),
        };
        Ok(skipped + length)
    }

    /// What does not begin like a request (TLS, for instance) is not waited for. `known`: so many bytes were looked at before.
    fn check_beginning(&mut self, bytes: &[u8], known: usize) -> Result<(), Refusal> {
        if self.knows_method || bytes == b"\r" {
            return Ok(());
        }
        let method = bytes[known..].split(|byte| *byte == b' ').next().unwrap_or_default();
        self.knows_method = known + method.len() < bytes.len();
        if method.iter().all(|byte| is_token(*byte)) { Ok(()) } else { Err(Refusal::NOT_HTTP) }
    }
}

/// What is made of the bytes of a connection that come in steps of `step`: the number of heads, and of bytes that were
/// handed on. For those who test the reader without a connection.
///
/// # Errors
/// What is wrong with the bytes, as for [`Framing::advance`].
#[doc(hidden)]
pub fn read_in_steps(bytes: &[u8], step: usize, max_head: usize) -> Result<(u64, usize), Refusal> {
    let mut framing = Framing::new(max_head);
    let (mut came, mut handed_on) = (0, 0);
    while came < bytes.len() {
        came = came.saturating_add(step.max(1)).min(bytes.len());
        loop {
            match framing.advance(&bytes[handed_on..came])? {
                0 => break,
                length => handed_on += length,
            }
        }
    }
    Ok((framing.heads(), handed_on))
}

/// A request's line and fields, each line ended by CRLF.
fn check_head(head: &[u8]) -> Result<Head, Refusal> {
    let mut lines = lines(head);
    let line = lines.next().unwrap_or_default();
    let request = RequestLine::parse(line)?;
    let mut fields = Fields::default();
    for (number, line) in lines.enumerate() {
        if number == MAX_FIELDS {
            return Err(Refusal::HeadersTooLarge);
        }
        let (name, value) = field(line)?;
        fields.see(name, value)?;
    }
    fields.check_host(&request)?;
    Ok(Head { body: fields.body(&request)?, asks_for_upgrade: fields.asks_for_upgrade })
}

struct RequestLine<'a> {
    method: &'a str,
    target: &'a str,
    is_http_10: bool,
}

impl<'a> RequestLine<'a> {
    fn parse(line: &'a [u8]) -> Result<Self, Refusal> {
        // Bytes beyond ASCII are let through in the target alone, where the path's own rules are applied.
        let mut parts = line.split(|byte| *byte == b' ');
        let (Some(method), Some(target), Some(version), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Refusal::Malformed("the request line is not a method, a target and a version"));
        };
        if method.is_empty() || !method.iter().all(|byte| is_token(*byte)) {
            return Err(Refusal::Malformed("the method holds something that no method holds"));
        }
        if target.is_empty() || target.iter().any(|byte| byte.is_ascii_control() || *byte == b'#') {
            return Err(Refusal::Malformed("the target is empty, or holds a control character or a fragment"));
        }
        let is_http_10 = match version {
            b"HTTP/1.1" => false,
            b"HTTP/1.0" => true,
            [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit() => {
                return Err(Refusal::Version);
            }
            _ => return Err(Refusal::Malformed("the request line does not end in an HTTP version")),
        };
        // Both are ASCII where it matters; a target beyond ASCII is compared with nothing.
        let text = |bytes| str::from_utf8(bytes).unwrap_or_default();
        let request = Self { method: text(method), target: text(target), is_http_10 };
        if !target.starts_with(b"/") && !request.has_other_form() {
            return Err(Refusal::Malformed("the target has none of the forms that its method allows"));
        }
        Ok(request)
    }

    /// Of the four forms (RFC 9112 §3.2), one that is not a path. The HTTP library takes `x` for the name of a host.
    fn has_other_form(&self) -> bool {
        match self.method {
            "CONNECT" => true,
            "OPTIONS" if self.target == "*" => true,
            _ => self.authority().is_some(),
        }
    }

    /// The authority of an absolute form, which has to be the `Host` (RFC 9112 §3.2.2).
    fn authority(&self) -> Option<&'a str> {
        if self.method == "CONNECT" {
            return Some(self.target);
        }
        let (_, rest) = self.target.split_once("://").filter(|_| !self.target.starts_with('/'))?;
        rest.split(['/', '?']).next()
    }
}

/// What the fields say about framing.
#[derive(Default)]
struct Fields<'a> {
    host: Option<&'a [u8]>,
    length: Option<u64>,
    /// Whether there is a `Transfer-Encoding`; the one that is understood is `chunked`, once.
    is_chunked: bool,
    asks_for_upgrade: bool,
}

impl<'a> Fields<'a> {
    fn see(&mut self, name: &[u8], value: &'a [u8]) -> Result<(), Refusal> {
        if name.eq_ignore_ascii_case(b"host") {
            if self.host.replace(value).is_some() {
                return Err(Refusal::Malformed("there is more than one `Host`"));
            }
        } else if name.eq_ignore_ascii_case(b"content-length") {
            let length = decimal(value).ok_or(Refusal::Malformed("the `Content-Length` is not a number of bytes"))?;
            if self.length.replace(length).is_some() {
                return Err(Refusal::Malformed("there is more than one `Content-Length`"));
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if std::mem::replace(&mut self.is_chunked, true) {
                return Err(Refusal::Malformed("there is more than one `Transfer-Encoding`"));
            }
            check_transfer_coding(value)?;
        } else if name.eq_ignore_ascii_case(b"upgrade") {
            self.asks_for_upgrade = true;
        }
        Ok(())
    }

    /// A client of HTTP/1.0 may leave it out (RFC 9112 §3.2).
    fn check_host(&self, request: &RequestLine<'_>) -> Result<(), Refusal> {
        let Some(host) = self.host else {
            return if request.is_http_10 { Ok(()) } else { Err(Refusal::Malformed("there is no `Host`")) };
        };
        if !is_host(host) {
            return Err(Refusal::Malformed("the `Host` is not a host with an optional port"));
        }
        match request.authority() {
            Some(authority) if !authority.as_bytes().eq_ignore_ascii_case(host) => {
                Err(Refusal::Malformed("the target names another host than `Host`"))
            }
            _ => Ok(()),
        }
    }

    /// RFC 9112 §6.3.
    fn body(&self, request: &RequestLine<'_>) -> Result<Body, Refusal> {
        match (self.is_chunked, self.length) {
            (true, Some(_)) => Err(Refusal::Malformed("there is a `Content-Length` beside `Transfer-Encoding`")),
            (true, None) if request.is_http_10 => {
                Err(Refusal::Malformed("a request of HTTP/1.0 has a `Transfer-Encoding`"))
            }
            (true, None) => Ok(Body::Chunked),
            (false, length) => Ok(Body::Length(length.unwrap_or(0))),
        }
    }
}

fn check_transfer_coding(value: &[u8]) -> Result<(), Refusal> {
    if value.eq_ignore_ascii_case(b"chunked") {
        return Ok(());
    }
    let is_chunked = |coding: &[u8]| coding.eq_ignore_ascii_case(b"chunked");
    let codings: Vec<_> = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).collect();
    let are_names = codings.iter().all(|coding| !coding.is_empty() && coding.iter().all(|byte| is_token(*byte)));
    let is_last = |at: usize| at + 1 == codings.len();
    let stands_last = codings.iter().enumerate().all(|(at, coding)| !is_chunked(coding) || is_last(at));
    if are_names && stands_last && !codings.iter().all(|coding| is_chunked(coding)) {
        return Err(Refusal::TransferCoding);
    }
    Err(Refusal::Malformed("the `Transfer-Encoding` is not `chunked`, once"))
}

/// Digits alone: no sign, no list, no white space.
fn decimal(value: &[u8]) -> Option<u64> {
    let is_number = (1..=19).contains(&value.len()) && value.iter().all(u8::is_ascii_digit);
    str::from_utf8(value).ok().filter(|_| is_number)?.parse().ok()
}

/// Whether it is what `Host` holds: a name or an address, and a port (RFC 9110 §7.2, RFC 3986 §3.2.2).
#[must_use]
pub fn is_host(value: &[u8]) -> bool {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+;=".contains(byte);
    let is_port = |port: &[u8]| port.len() <= 5 && port.iter().all(u8::is_ascii_digit);
    if let Some(rest) = value.strip_prefix(b"[") {
        let Some(end) = rest.iter().position(|byte| *byte == b']') else { return false };
        let (address, port) = (&rest[..end], &rest[end + 1..]);
        let is_address = str::from_utf8(address).is_ok_and(|text| text.parse::<std::net::Ipv6Addr>().is_ok());
        return is_address && (port.is_empty() || port.strip_prefix(b":").is_some_and(is_port));
    }
    let colon = value.iter().position(|byte| *byte == b':');
    let (name, port) = colon.map_or((value, &b""[..]), |at| (&value[..at], &value[at + 1..]));
    !name.is_empty() && name.iter().all(is_name) && is_port(port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Result<usize, Refusal> {
        read_in_steps(text, text.len(), 1024).map(|(_, handed_on)| handed_on)
    }

    #[test]
    fn requests_with_exactly_one_reading() {
        for text in [
            "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            "\r\nGET / HTTP/1.1\r\nHost: x:80\r\n\r\n",
            "GET / HTTP/1.0\r\n\r\n",
            "GET http://X/a?b HTTP/1.1\r\nhost: x\r\n\r\n",
            "GET /?next=http://y/ HTTP/1.1\r\nhost: x\r\n\r\n",
            "CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n",
            "OPTIONS * HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\nHost: y\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: y\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nX: y\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nA:\r\nB: \t c d \t\r\n\r\n",
        ] {
            for step in [1, 7, text.len()] {
                let (_, handed_on) = read_in_steps(text.as_bytes(), step, 1024).unwrap();
                assert_eq!(handed_on, text.len(), "{text:?} in steps of {step}");
            }
        }
    }

    #[test]
    fn what_two_servers_could_read_differently() {
        let malformed: &[&str] = &[
            "GET / HTTP/1.1\nHost: x\n\n",
            "GET / HTTP/1.1\r\nHost: x\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\rA: b\r\n\r\n",
            "GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET / HTTP/1.1 \r\nHost: x\r\n\r\n",
            "GET /\r\nHost: x\r\n\r\n",
            "GET /\tHTTP/1.1\r\nHost: x\r\n\r\n",
            "GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET a HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET * HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET ?a=b HTTP/1.1\r\nHost: x\r\n\r\n",
            "G@T / HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET / http/1.1\r\nHost: x\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: \r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x y\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x,y\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x/y\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a@x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x:port\r\n\r\n",
            "GET http://y/ HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET http://x:80/ HTTP/1.1\r\nHost: x\r\n\r\n",
            "CONNECT y:443 HTTP/1.1\r\nHost: x:443\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nA: \0\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nA\u{b}: b\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3, 3\r\n\r\nabc",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +3\r\n\r\nabc",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x3\r\n\r\nabc",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\nabc",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\nabc",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\nabc",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \u{b}chunked\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ];
        for text in malformed {
            for step in [1, 2, 7, text.len()] {
                let read = read_in_steps(text.as_bytes(), step, 1024);
                assert!(matches!(read, Err(Refusal::Malformed(_))), "{text:?} in steps of {step}: {read:?}");
            }
        }
    }

    #[test]
    fn half_a_head_that_is_wrong_already_is_not_waited_for() {
        for text in ["\u{16}\u{3}\u{1}", "GET\r\n", "G@", "\r\n\r\r", "GET / HTTP/1.1\r\nHost: x\ry", "GET /\n", "\n"] {
            for step in [1, 2, text.len()] {
                let read = read_in_steps(text.as_bytes(), step, 1024);
                assert!(matches!(read, Err(Refusal::Malformed(_))), "{text:?} in steps of {step}: {read:?}");
            }
        }
        for text in ["", "\r", "\r\n", "\r\n\r", "GET", "GET / HTTP/1.1\r", "GET / HTTP/1.1\r\nHost: x\r\n\r"] {
            for step in [1, 2, 7] {
                assert_eq!(read_in_steps(text.as_bytes(), step, 1024), Ok((0, 0)), "{text:?} in steps of {step}");
            }
        }
    }

    /// Looking at all of it again for each byte would be 10¹¹ steps for each of these.
    #[test]
    fn what_comes_byte_by_byte_is_looked_at_once() {
        let long = "a".repeat(512 * 1024);
        let method = format!("{long} / HTTP/1.1\r\nHost: x\r\n\r\n");
        let target = format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n");
        let value = format!("GET / HTTP/1.1\r\nHost: x\r\nA: {long}\r\n\r\n");
        for text in [method, target, value] {
            assert_eq!(read_in_steps(text.as_bytes(), 1, 1024 * 1024), Ok((1, text.len())), "{text:.20}");
        }
    }

    #[test]
    fn faults_with_a_status_of_their_own() {
        for version in ["2.0", "1.2", "0.9", "3.0"] {
            assert_eq!(read(format!("GET / HTTP/{version}\r\nHost: x\r\n\r\n").as_bytes()), Err(Refusal::Version));
        }
        for coding in ["gzip", "gzip, chunked", "identity", "xchunked"] {
            let text = format!("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: {coding}\r\n\r\n0\r\n\r\n");
            assert_eq!(read(text.as_bytes()), Err(Refusal::TransferCoding), "{coding}");
        }
        let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(1024));
        assert_eq!(read(long.as_bytes()), Err(Refusal::HeadersTooLarge));
        let many = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "A: b\r\n".repeat(MAX_FIELDS));
        assert_eq!(read(many.as_bytes()), Err(Refusal::HeadersTooLarge));
    }

    #[test]
    fn nothing_follows_a_fault() {
        let mut framing = Framing::new(1024);
        assert!(framing.advance(b"GET / HTTP/1.1\n").is_err());
        assert_eq!(framing.advance(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"), Ok(0));
        assert_eq!(framing.heads(), 0);
    }
}
