//! A client of HTTP/2 that sends whatever the test says: a library's would refuse to send most of it.

use std::collections::BTreeMap;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Gateway, PATIENCE};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
const MAX_FRAME: usize = 16 * 1024;

/// A request, its pseudo-header fields among its fields.
#[derive(Clone, Default)]
pub struct Stream {
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
    pub body: Vec<u8>,
    pub trailers: Vec<(Vec<u8>, Vec<u8>)>,
}

/// What became of one.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// The header block of the response, still compressed.
    pub head: Vec<u8>,
    pub body: Vec<u8>,
    pub is_reset: bool,
    has_ended: bool,
}

impl Stream {
    pub fn new(method: &str, path: &[u8]) -> Self {
        let stream = Self::default().with(":method", method).with(":scheme", "http");
        stream.with(":authority", "api.example.com").with(":path", path)
    }

    pub fn with(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.fields.push((name.as_ref().to_vec(), value.as_ref().to_vec()));
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(field, _)| field != name.as_bytes());
        self
    }
}

impl Outcome {
    /// The error code of the gateway's own response; `reset` where the stream was, `ok` for the API's response.
    pub fn verdict(&self) -> String {
        let json: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        match json["error"].as_str() {
            Some(code) => code.to_owned(),
            None if self.is_reset => "reset".to_owned(),
            None if self.body == b"ok" => "ok".to_owned(),
            None => format!("{} {}", self.head.escape_ascii(), self.body.escape_ascii()),
        }
    }
}

/// Sends all of them on one connection, and returns what became of each. The connection's end ends those that are left.
pub async fn exchange(gateway: &Gateway, streams: &[Stream]) -> Vec<Outcome> {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(SETTINGS, 0, 0, &[]));
    let ids: Vec<u32> = (0..).map(|number| number * 2 + 1).take(streams.len()).collect();
    for (id, stream) in ids.iter().zip(streams) {
        let has_trailers = !stream.trailers.is_empty();
        let end = if stream.body.is_empty() && !has_trailers { END_STREAM } else { 0 };
        bytes.extend(block(*id, end, &stream.fields));
        if !stream.body.is_empty() {
            bytes.extend(frame(DATA, if has_trailers { 0 } else { END_STREAM }, *id, &stream.body));
        }
        if has_trailers {
            bytes.extend(block(*id, END_STREAM, &stream.trailers));
        }
    }
    let mut connection = gateway.connect().await;
    connection.write_all(&bytes).await.expect("the gateway reads");
    let outcomes = timeout(PATIENCE, read(&mut connection, &ids)).await.expect("all streams end");
    ids.iter().map(|id| outcomes.get(id).cloned().unwrap_or_default()).collect()
}

/// A connection whose peer opens no window (RFC 9113 §6.9.2), with these requests on it.
pub async fn without_a_window(gateway: &Gateway, streams: &[Stream]) -> TcpStream {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    // SETTINGS_INITIAL_WINDOW_SIZE: 0
    bytes.extend(frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]));
    for (id, stream) in (0..).map(|number| number * 2 + 1).zip(streams) {
        bytes.extend(block(id, END_STREAM, &stream.fields));
    }
    let mut connection = gateway.connect().await;
    connection.write_all(&bytes).await.expect("the gateway reads");
    connection
}

async fn read(connection: &mut TcpStream, ids: &[u32]) -> BTreeMap<u32, Outcome> {
    let mut outcomes: BTreeMap<u32, Outcome> = ids.iter().map(|id| (*id, Outcome::default())).collect();
    let mut head = [0; 9];
    while outcomes.values().any(|outcome| !outcome.has_ended) {
        let mut payload = Vec::new();
        if connection.read_exact(&mut head).await.is_ok() {
            payload.resize(usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]), 0);
        }
        let (kind, flags, id) = (head[3], head[4], u32::from_be_bytes([head[5], head[6], head[7], head[8]]));
        if connection.read_exact(&mut payload).await.is_err() || kind == GOAWAY || head == [0; 9] {
            for outcome in outcomes.values_mut().filter(|outcome| !outcome.has_ended) {
                (outcome.is_reset, outcome.has_ended) = (true, true);
            }
            break;
        }
        if kind == SETTINGS && flags & ACK == 0 {
            let _ = connection.write_all(&frame(SETTINGS, ACK, 0, &[])).await;
        }
        if let Some(outcome) = outcomes.get_mut(&id) {
            match kind {
                HEADERS | CONTINUATION => outcome.head.extend(payload),
                DATA => outcome.body.extend(payload),
                RST_STREAM => (outcome.is_reset, outcome.has_ended) = (outcome.body.is_empty(), true),
                _ => {}
            }
            outcome.has_ended |= matches!(kind, HEADERS | DATA) && flags & END_STREAM != 0;
        }
        head = [0; 9];
    }
    outcomes
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a frame is short").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A header block, as many frames as it takes.
fn block(stream: u32, end: u8, fields: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let block: Vec<u8> = fields.iter().flat_map(|(name, value)| literal(name, value)).collect();
    let parts: Vec<_> = block.chunks(MAX_FRAME).collect();
    let frames = parts.iter().enumerate().flat_map(|(at, part)| {
        let is_last = if at + 1 == parts.len() { END_HEADERS } else { 0 };
        let (kind, flags) = if at == 0 { (HEADERS, end | is_last) } else { (CONTINUATION, is_last) };
        frame(kind, flags, stream, part)
    });
    frames.collect()
}

/// RFC 7541 §6.2.2, without indexing and without Huffman's code.
fn literal(name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0];
    for text in [name, value] {
        let mut length = text.len();
        if length < 127 {
            bytes.push(u8::try_from(length).expect("less than 127"));
        } else {
            bytes.push(127);
            length -= 127;
            while length >= 128 {
                bytes.push(u8::try_from(length % 128).expect("less than 128") | 128);
                length /= 128;
            }
            bytes.push(u8::try_from(length).expect("less than 128"));
        }
        bytes.extend_from_slice(text);
    }
    bytes
}
