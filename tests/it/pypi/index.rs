//! Indexes that misbehave, and one that decides in the order of pypi.org.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tests::http_server::{HttpServer, Received, Reply};

use super::world::NEW;

#[derive(Debug, Clone)]
pub enum Answers {
    /// To a wrong token, and to the right one.
    Statuses(u16, u16),
    /// Warehouse (`warehouse/forklift/legacy.py`, `warehouse/macaroons`): a token whose beginning is unknown is 403; then
    /// the form must be valid (400); then the whole token must hold for the project (403); then comes the file (400).
    LikeWarehouse,
    Redirects(String),
    Garbage,
    Half,
    /// A body without an end.
    Endless,
    Silent,
}

pub struct FakeIndex {
    server: HttpServer,
    requests: Arc<AtomicUsize>,
}

impl FakeIndex {
    pub async fn start(answers: Answers) -> Self {
        let requests = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&requests);
        let server = HttpServer::start(move |received| {
            counted.fetch_add(1, Ordering::Relaxed);
            std::future::ready(answer(&answers, &received))
        })
        .await;
        Self { server, requests }
    }

    pub fn url(&self) -> String {
        format!("{}/", self.server.url())
    }

    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

fn answer(answers: &Answers, received: &Received) -> Reply {
    let token = token(received);
    let status = |status| Reply::Whole(status, vec![], b"CANARY: what an index says".to_vec());
    match answers {
        Answers::Statuses(wrong, right) => status(if token == NEW { *right } else { *wrong }),
        Answers::LikeWarehouse if token.get(..30) != NEW.get(..30) => status(403),
        Answers::LikeWarehouse if !is_valid_form(&String::from_utf8_lossy(&received.body)) => status(400),
        Answers::LikeWarehouse => status(if token == NEW { 400 } else { 403 }),
        Answers::Redirects(url) => Reply::Whole(307, vec![("location".to_owned(), url.clone())], vec![]),
        Answers::Garbage => Reply::Raw(b"\x00\xff<<<".to_vec()),
        Answers::Half => status(403).cut_in_half(),
        Answers::Endless => Reply::Whole(403, vec![], vec![b'x'; 1 << 20]),
        Answers::Silent => Reply::Silence(Duration::from_hours(1)),
    }
}

/// RFC 7617: of the user `__token__`.
fn token(received: &Received) -> String {
    let basic = received.headers.get("authorization").and_then(|value| value.strip_prefix("Basic "));
    let pair = basic.and_then(|basic| STANDARD.decode(basic).ok()).and_then(|pair| String::from_utf8(pair).ok());
    pair.and_then(|pair| pair.strip_prefix("__token__:").map(str::to_owned)).unwrap_or_default()
}

/// The fields that Warehouse's form asks for.
fn is_valid_form(body: &str) -> bool {
    [
        (":action", "file_upload"),
        ("protocol_version", "1"),
        ("metadata_version", "2.1"),
        ("name", "demo"),
        ("version", "0.0.0.dev0"),
        ("filetype", "sdist"),
        ("pyversion", "source"),
    ]
    .iter()
    .all(|(name, value)| body.contains(&format!("name=\"{name}\"\r\n\r\n{value}\r\n")))
        && body.contains("name=\"sha256_digest\"\r\n\r\n")
        && body.contains("name=\"content\"; filename=\"")
}
