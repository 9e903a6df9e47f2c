//! An S3 on loopback that keeps objects in memory and misbehaves on order. It checks nothing: for S3's rules see the
//! local stack.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use md5::{Digest as _, Md5};
use tests::http_server::{HttpServer, Received, Reply};

const CHECKSUMS: [&str; 2] = ["x-amz-checksum-crc64nvme", "x-amz-checksum-sha256"];

/// How it misbehaves.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// Downloads of more than a kilobyte end after half of it.
    HalfAnswers,
    /// Downloads state another checksum than the object's.
    WrongChecksum,
    /// Everything is answered with this status and code.
    Status(u16, &'static str),
    /// These parts are never answered.
    SilentFromPart(u32),
    /// This part is answered with 500.
    BrokenPart(u32),
    /// An upload is never completed.
    SilentCompletion,
    /// The completion of an upload is answered with 400 and this code.
    RefusedCompletion(&'static str),
    /// The upload is completed, and this comes instead of S3's response: a status and a body, or nothing at all.
    LostCompletion(Option<(u16, &'static str)>),
    /// When the second part comes, somebody writes to this file, at this place.
    Meddling(PathBuf, u64),
}

#[derive(Debug, Clone, Default)]
pub struct Stored {
    pub bytes: Vec<u8>,
    /// Header and value.
    pub checksum: Option<(String, String)>,
    /// Lengths, where it was uploaded in parts.
    pub parts: Vec<usize>,
    pub etag: Option<String>,
}

/// Looks at each request, by its operation, before the server does; what it returns is sent instead.
type Hook = Box<dyn FnMut(&str, &Received) -> Option<Reply> + Send>;

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Stored>,
    uploads: HashMap<String, BTreeMap<u32, Vec<u8>>>,
    requests: Vec<String>,
    fault: Option<Fault>,
    hook: Option<Hook>,
}

pub struct FakeS3 {
    server: HttpServer,
    state: Arc<Mutex<State>>,
}

impl FakeS3 {
    pub async fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let server = HttpServer::start(move |received| {
            std::future::ready(shared.lock().expect("no test panics while it holds this lock").answer(&received))
        })
        .await;
        Self { server, state }
    }

    pub fn url(&self) -> String {
        self.server.url()
    }

    pub fn order(&self, fault: Fault) {
        self.state().fault = Some(fault);
    }

    pub fn on_request(&self, hook: impl FnMut(&str, &Received) -> Option<Reply> + Send + 'static) {
        self.state().hook = Some(Box::new(hook));
    }

    pub fn mend(&self) {
        let mut state = self.state();
        (state.fault, state.hook) = (None, None);
    }

    pub fn put(&self, key: &str, bytes: &[u8]) {
        self.state().objects.insert(key.to_owned(), Stored { bytes: bytes.to_vec(), ..Stored::default() });
    }

    pub fn replace(&self, key: &str, stored: Stored) {
        self.state().objects.insert(key.to_owned(), stored);
    }

    pub fn get(&self, key: &str) -> Option<Stored> {
        self.state().objects.get(key).cloned()
    }

    pub fn keys(&self) -> Vec<String> {
        self.state().objects.keys().cloned().collect()
    }

    /// As after AbortIncompleteMultipartUpload of a lifecycle rule.
    pub fn forget_uploads(&self) {
        self.state().uploads.clear();
    }

    pub fn open_uploads(&self) -> usize {
        self.state().uploads.len()
    }

    /// What was asked since the last time, such as `UploadPart 3`, sorted.
    pub fn take_requests(&self) -> Vec<String> {
        let mut requests = std::mem::take(&mut self.state().requests);
        requests.sort();
        requests
    }

    pub async fn wait_for_requests(&self, operation: &str, count: usize) {
        for _ in 0..6000 {
            if self.state().requests.iter().filter(|request| request.starts_with(operation)).count() >= count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{count} of {operation} never came: {:?}", self.state().requests);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics while it holds this lock")
    }
}

impl State {
    fn answer(&mut self, received: &Received) -> Reply {
        let (path, query) = received.path.split_once('?').unwrap_or((&received.path, ""));
        let query: HashMap<_, _> = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect();
        let key = decode(path.trim_start_matches('/').split_once('/').unwrap_or_default().1);
        let number = query.get("partNumber").and_then(|number| number.parse::<u32>().ok());
        let operation = match (received.method.as_str(), number) {
            ("PUT", Some(number)) => format!("UploadPart {number}"),
            ("PUT", None) => "PutObject".to_owned(),
            ("POST", _) if query.contains_key("uploads") => "CreateMultipartUpload".to_owned(),
            ("POST", _) => "CompleteMultipartUpload".to_owned(),
            ("DELETE", _) if query.contains_key("uploadId") => "AbortMultipartUpload".to_owned(),
            ("DELETE", _) => "DeleteObject".to_owned(),
            ("GET", _) if query.contains_key("list-type") => "ListObjectsV2".to_owned(),
            (method, _) => format!("{method} {}", received.headers.get("range").map_or("", String::as_str)),
        };
        self.requests.push(operation.clone());
        if let Some(reply) = self.hook.as_mut().and_then(|hook| hook(&operation, received)) {
            return reply;
        }
        match (&self.fault, number) {
            (Some(Fault::Status(status, code)), _) => return error(*status, code),
            (Some(Fault::SilentFromPart(first)), Some(number)) if number >= *first => return silence(),
            (Some(Fault::BrokenPart(broken)), Some(number)) if number == *broken => return error(500, "InternalError"),
            (Some(Fault::SilentCompletion), _) if operation.starts_with("Complete") => return silence(),
            (Some(Fault::RefusedCompletion(code)), _) if operation.starts_with("Complete") => return error(400, code),
            (Some(Fault::Meddling(path, position)), Some(2)) => {
                let file = File::options().write(true).open(path).expect("the test's own file");
                file.write_all_at(b"meddled", *position).expect("a writable folder");
            }
            _ => {}
        }
        let upload = query.get("uploadId").map(|id| (*id).to_owned()).unwrap_or_default();
        match operation.split(' ').next().unwrap_or_default() {
            "UploadPart" => self.upload_part(&upload, number.unwrap_or_default(), received),
            "PutObject" => {
                self.store(key, received.body.clone(), received);
                let etag = ("etag".to_owned(), format!("\"{}\"", hex(&Md5::digest(&received.body))));
                Reply::Whole(200, vec![request_id(), etag], Vec::new())
            }
            "CreateMultipartUpload" => {
                let id = format!("upload-{}", self.requests.len());
                self.uploads.insert(id.clone(), BTreeMap::new());
                xml(
                    200,
                    &format!(
                        "<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"
                    ),
                )
            }
            "CompleteMultipartUpload" => self.complete(key, &upload, received),
            "AbortMultipartUpload" => {
                self.uploads.remove(&upload);
                xml(204, "")
            }
            "DeleteObject" => {
                self.objects.remove(&key);
                xml(204, "")
            }
            "ListObjectsV2" => self.list(&decode(query.get("prefix").unwrap_or(&""))),
            _ => self.download(&key, number, received),
        }
    }

    fn upload_part(&mut self, upload: &str, number: u32, received: &Received) -> Reply {
        match self.uploads.get_mut(upload) {
            Some(parts) => {
                parts.insert(number, received.body.clone());
                let etag = ("etag".to_owned(), format!("\"{}\"", hex(&Md5::digest(&received.body))));
                Reply::Whole(200, vec![request_id(), etag], Vec::new())
            }
            _ => error(404, "NoSuchUpload"),
        }
    }

    fn complete(&mut self, key: String, upload: &str, received: &Received) -> Reply {
        let Some(parts) = self.uploads.remove(upload) else { return error(404, "NoSuchUpload") };
        let lengths: Vec<_> = parts.values().map(Vec::len).collect();
        let digests: Vec<u8> = parts.values().flat_map(|part| Md5::digest(part).to_vec()).collect();
        let etag = format!("{}-{}", hex(&Md5::digest(digests)), lengths.len());
        let composite = composite(parts.values());
        let is_composite = String::from_utf8_lossy(&received.body).contains("<ChecksumSHA256>");
        self.store(key.clone(), parts.into_values().flatten().collect(), received);
        let stored = self.objects.entry(key).or_default();
        (stored.parts, stored.etag) = (lengths, Some(etag));
        if is_composite {
            stored.checksum = Some(composite);
        }
        if let Some(Fault::LostCompletion(instead)) = &self.fault {
            return match instead {
                Some((status, body)) => Reply::Whole(*status, Vec::new(), body.as_bytes().to_vec()),
                None => Reply::Raw(Vec::new()),
            };
        }
        xml(200, "<CompleteMultipartUploadResult><ETag>\"whole\"</ETag></CompleteMultipartUploadResult>")
    }

    fn store(&mut self, key: String, bytes: Vec<u8>, received: &Received) {
        let stated = CHECKSUMS.iter().find_map(|name| Some(((*name).to_owned(), received.headers.get(*name)?.clone())));
        self.objects.insert(key, Stored { bytes, checksum: stated, ..Stored::default() });
    }

    fn download(&self, key: &str, number: Option<u32>, received: &Received) -> Reply {
        let Some(stored) = self.objects.get(key) else { return error(404, "NoSuchKey") };
        let etag = stored.etag.clone().unwrap_or_else(|| format!("etag-{}", stored.bytes.len()));
        let etag = format!("\"{etag}\"");
        if received.headers.get("if-match").is_some_and(|wanted| *wanted != etag) {
            return error(412, "PreconditionFailed");
        }
        if received.method == "HEAD" {
            let part = number.and_then(|number| stored.parts.get(usize::try_from(number).ok()? - 1));
            let length = part.copied().unwrap_or(stored.bytes.len());
            let checksum =
                stored.checksum.as_ref().map_or_else(String::new, |(name, value)| format!("{name}: {value}\r\n"));
            let head = format!("HTTP/1.1 200 X\r\ncontent-length: {length}\r\netag: {etag}\r\n{checksum}\r\n");
            return Reply::Raw(head.into_bytes());
        }
        let mut headers = vec![request_id(), ("etag".to_owned(), etag)];
        let range = received.headers.get("range").and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
        let (status, body) = match range {
            Some((start, end)) => {
                let (start, end): (usize, usize) = (start.parse().unwrap(), end.parse().unwrap());
                let whole = stored.bytes.len();
                headers.push(("content-range".to_owned(), format!("bytes {start}-{end}/{whole}")));
                (206, stored.bytes[start..=end].to_vec())
            }
            None => (200, stored.bytes.clone()),
        };
        if let (Some((name, value)), None) = (&stored.checksum, range) {
            let wrong = self.fault == Some(Fault::WrongChecksum);
            headers.push((name.clone(), if wrong { "AAAAAAAAAAE=".to_owned() } else { value.clone() }));
        }
        let length = body.len();
        let whole = Reply::Whole(status, headers, body);
        if self.fault == Some(Fault::HalfAnswers) && length > 1000 { whole.cut_in_half() } else { whole }
    }

    fn list(&self, prefix: &str) -> Reply {
        let keys: Vec<_> = self.objects.keys().filter(|key| key.starts_with(prefix)).map(|key| encode(key)).collect();
        let contents = if keys.is_empty() {
            String::new()
        } else {
            format!("<Contents><Key>{}</Key></Contents>", keys.join("</Key></Contents><Contents><Key>"))
        };
        xml(200, &format!("<ListBucketResult><EncodingType>url</EncodingType>{contents}</ListBucketResult>"))
    }
}

/// What S3 states where parts have SHA-256 checksums: the checksum of their checksums, and how many there are.
pub fn composite<'a>(parts: impl ExactSizeIterator<Item = &'a Vec<u8>>) -> (String, String) {
    let count = parts.len();
    let digests: Vec<u8> = parts.flat_map(|part| digest(&SHA256, part).as_ref().to_owned()).collect();
    let value = format!("{}-{count}", BASE64_STANDARD.encode(digest(&SHA256, &digests)));
    ("x-amz-checksum-sha256".to_owned(), value)
}

pub fn xml(status: u16, body: &str) -> Reply {
    let kind = ("content-type".to_owned(), "application/xml".to_owned());
    Reply::Whole(status, vec![request_id(), kind], body.as_bytes().to_vec())
}

fn request_id() -> (String, String) {
    ("x-amz-request-id".to_owned(), "0A49CE4060975EAC".to_owned())
}

fn hex(bytes: &[u8]) -> String {
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    nibbles.filter_map(|nibble| char::from_digit(nibble.into(), 16)).collect()
}

pub fn error(status: u16, code: &str) -> Reply {
    xml(status, &format!("<Error><Code>{code}</Code><Message>ordered by the test.</Message></Error>"))
}

fn silence() -> Reply {
    Reply::Silence(Duration::from_secs(600))
}

/// As S3 does, a space becomes a plus.
fn encode(key: &str) -> String {
    let encoded = |byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => char::from(byte).to_string(),
        b' ' => "+".to_owned(),
        other => format!("%{other:02X}"),
    };
    key.bytes().map(encoded).collect()
}

/// RFC 3986 §2.1: in a path, a plus is a plus.
fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| byte == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        let decoded = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(decoded.unwrap_or(byte));
        rest = if decoded.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).expect("keys are UTF-8")
}
