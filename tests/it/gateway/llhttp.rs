//! llhttp's vectors for requests: what Node.js's parser calls an error is one here as well, and what it accepts is
//! accepted, except for what is listed.

use std::path::Path;

use http_server::read_in_steps;
use tests::vectors::folder;

const TWO_LINES: &str = "two empty lines stand in front of a request, and RFC 9112 §2.2 has a server ignore one";
const NOT_HTTP: &str = "another protocol than HTTP";
const CODING: &str =
    "501: `chunked` is the only coding that is understood, and another server may take the body's end from it";
const FRAGMENT: &str = "a fragment is not part of a target (RFC 9112 §3.2)";

/// Requests that llhttp accepts, and why they are refused here.
const VALID_BUT_REFUSED: [(&str, &str); 15] = [
    ("connection: No restart when keep-alive is off (1.0)", "the second request has no `Host`"),
    ("connection: CRLF between requests, implicit `keep-alive`", TWO_LINES),
    ("connection: CRLF between requests, explicit `close`", TWO_LINES),
    ("connection: CRLF between requests, explicit `close` followed by tab", TWO_LINES),
    ("method: CONNECT with body", "what follows its ten bytes is no request"),
    ("method: M-SEARCH request", "`*` is a target of OPTIONS alone (RFC 9112 §3.2.4)"),
    ("method: SOURCE request with ICE", NOT_HTTP),
    ("method: OPTIONS request with RTSP", NOT_HTTP),
    ("method: ANNOUNCE request with RTSP", NOT_HTTP),
    ("method: PRI request HTTP2", "HTTP/2 is recognised before the bytes come here"),
    ("sample: No HTTP version", "HTTP/0.9 is not served"),
    ("transfer-encoding: POST with `chunked` as last transfer-encoding", CODING),
    ("transfer-encoding: POST with `chunked` as last transfer-encoding (multiple headers)", CODING),
    ("uri: Fragment in URI", FRAGMENT),
    ("uri: `host:port` and basic auth", "a `Host` with a user name is none"),
];
/// The mode that skips bodies is one of llhttp's own.
const WITHOUT_BODIES: &str = "content-length: Content-Length reset when no body is received";

struct Vector {
    title: String,
    kind: String,
    bytes: Vec<u8>,
    log: String,
}

/// The blocks of a file, as llhttp's own runner reads them.
fn vectors(file: &Path) -> Vec<Vector> {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let name = file.file_stem().and_then(|name| name.to_str()).unwrap_or_default().replace("request__", "");
    let (mut vectors, mut title, mut kind, mut rest) = (Vec::new(), String::new(), String::new(), text.as_str());
    let block = |rest: &mut &str| {
        let (block, after) = rest.split_once("\n```").expect("a block has an end");
        *rest = after;
        block.to_owned()
    };
    while let Some((line, after)) = rest.split_once('\n') {
        rest = after;
        if line.starts_with('#') {
            line.trim_start_matches(['#', ' ']).clone_into(&mut title);
        } else if let Some(meta) = line.strip_prefix("<!-- meta=") {
            let meta: serde_json::Value =
                serde_json::from_str(meta.trim_end_matches(" -->")).expect("the description is JSON");
            meta["type"].as_str().unwrap_or_default().clone_into(&mut kind);
        } else if line == "```http" {
            let input = block(&mut rest);
            let (_, log) = rest.split_once("```log\n").expect("a log follows each input");
            rest = log;
            let log = block(&mut rest);
            let title = format!("{name}: {title}");
            vectors.push(Vector { title, kind: kind.clone(), bytes: unescaped(&input), log });
        }
    }
    vectors
}

fn unescaped(input: &str) -> Vec<u8> {
    let text = input.replace("\\\n", "").replace('\n', "\r\n");
    let text = text.replace("\\r", "\r").replace("\\n", "\n").replace("\\t", "\t").replace("\\f", "\u{c}");
    let mut bytes = Vec::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once("\\x") {
        bytes.extend_from_slice(before.as_bytes());
        let digits = after.len().min(2);
        bytes.push(u8::from_str_radix(&after[..digits], 16).expect("two digits follow"));
        rest = &after[digits..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

impl Vector {
    /// llhttp asks for no `Host`, and most of the requests have none: each gets one behind its first line.
    fn with_host(&self) -> Vec<u8> {
        let begins = self.log.lines().filter_map(|line| line.strip_suffix(" message begin")?.strip_prefix("off="));
        let mut begins: Vec<usize> = begins.map(|offset| offset.parse().expect("an offset is a number")).collect();
        begins.push(self.bytes.len());
        let mut bytes = self.bytes[..begins[0]].to_vec();
        for window in begins.windows(2) {
            let request = &self.bytes[window[0]..window[1]];
            let has_host = request.to_ascii_lowercase().windows(7).any(|window| window == b"\r\nhost:");
            let line = request.windows(2).position(|window| window == b"\r\n").map_or(request.len(), |at| at + 2);
            bytes.extend_from_slice(&request[..line]);
            if !has_host && line < request.len() {
                bytes.extend_from_slice(format!("Host: {}\r\n", host(&request[..line])).as_bytes());
            }
            bytes.extend_from_slice(&request[line..]);
        }
        bytes
    }

    fn read(&self) -> Option<(u64, usize)> {
        let mut bytes = self.with_host();
        if self.must_be_refused() {
            // What is wrong with a head is said at its end at the latest.
            bytes.extend_from_slice(b"\r\n\r\n");
        }
        let read = read_in_steps(&bytes, bytes.len(), 32 * 1024).ok();
        for step in [1, 3, 64] {
            assert_eq!(read, read_in_steps(&bytes, step, 32 * 1024).ok(), "{} in steps of {step}", self.title);
        }
        read
    }

    fn must_be_refused(&self) -> bool {
        self.is_lenient() || self.is_error()
    }

    /// Its log is that of a mode that accepts more.
    fn is_lenient(&self) -> bool {
        self.kind.starts_with("request-lenient")
    }

    /// Code 5 is a request behind one that ends the connection, which the HTTP library does not read; 21 to 23 are pauses.
    fn is_error(&self) -> bool {
        let codes =
            self.log.lines().filter_map(|line| line.split_once(" error code=")?.1.split(' ').next()?.parse().ok());
        codes.into_iter().any(|code: u32| code != 5 && !(21..=23).contains(&code))
    }
}

/// The one that the target names.
fn host(line: &[u8]) -> String {
    let line = String::from_utf8_lossy(line).into_owned();
    let target = line.split(' ').nth(1).unwrap_or_default();
    let authority = match target.split_once("://") {
        Some((_, rest)) => rest.split(['/', '?']).next(),
        None if line.starts_with("CONNECT ") => Some(target),
        None => None,
    };
    authority.unwrap_or("x").to_owned()
}

#[test]
fn what_llhttp_refuses_is_refused() {
    let Some(folder) = folder() else { return };
    let files = std::fs::read_dir(folder.join("llhttp-md")).expect("llhttp's files are there");
    let mut files: Vec<_> = files.map(|file| file.expect("a folder can be read").path()).collect();
    files.retain(|file| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("request__")));
    files.sort();
    let (mut wrong, mut listed, mut counted) = (Vec::new(), 0, [0, 0]);
    for vector in files.iter().flat_map(|file| vectors(file)) {
        let read = vector.read();
        let is_listed = VALID_BUT_REFUSED.iter().any(|(title, _)| *title == vector.title);
        let must_be_refused = vector.must_be_refused();
        counted[usize::from(must_be_refused)] += 1;
        listed += usize::from(is_listed);
        // None of those that llhttp refuses, and none that only its lenient modes accept, is excepted.
        if read.is_some() == (must_be_refused || is_listed) {
            wrong.push(format!("{} ({}): {read:?}", vector.title, vector.kind));
        }
        let heads = vector.log.matches("headers complete").count() as u64;
        if let Some((read, _)) = read
            && vector.title != WITHOUT_BODIES
            && read != heads
        {
            wrong.push(format!("{}: {read} heads instead of {heads}", vector.title));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(listed, VALID_BUT_REFUSED.len(), "each of the list is there, once");
    let [accepted, refused] = counted;
    assert!(accepted > 80 && refused > 60, "{accepted} and {refused}");
}
