//! Both ends of an exchange through the gateway, moved by the test one step at a time.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::{Answer, Gateway, PATIENCE, Setup};
use crate::service::token;

/// An API whose connections the test serves.
pub struct ApiByHand {
    listener: TcpListener,
}

impl ApiByHand {
    pub async fn start() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.expect("a free port on loopback") }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("a bound socket has an address")
    }

    /// The next connection.
    pub async fn accept(&self) -> Line {
        let accepted = timeout(PATIENCE, self.listener.accept()).await.expect("the gateway connects");
        Line::new(accepted.expect("a connection can be accepted").0)
    }

    /// Whether no further connection was made.
    pub async fn is_left_alone(&self) -> bool {
        timeout(Duration::from_millis(50), self.listener.accept()).await.is_err()
    }

    /// A gateway before this API.
    pub async fn gateway(&self, mut setup: Setup<'_>) -> Gateway {
        setup.environment.push(("UPSTREAM_URL", self.url()));
        Gateway::start(setup).await
    }
}

/// One end of a connection.
pub struct Line {
    pub stream: TcpStream,
    /// What came and was not asked for yet.
    held: Vec<u8>,
    is_over: AtomicBool,
}

impl Line {
    pub fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("a socket takes its options");
        Self { stream, held: Vec::new(), is_over: AtomicBool::new(false) }
    }

    pub async fn to(gateway: &Gateway) -> Self {
        Self::new(gateway.connect().await)
    }

    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.expect("the other end takes it");
    }

    /// Takes what comes up to the end of `marker`.
    pub async fn until(&mut self, marker: &str) -> String {
        loop {
            let found = self.held.windows(marker.len()).position(|window| window == marker.as_bytes());
            if let Some(at) = found {
                let taken: Vec<_> = self.held.drain(..at + marker.len()).collect();
                return String::from_utf8_lossy(&taken).into_owned();
            }
            assert!(self.fill().await, "no {marker:?} before the end: {}", self.held.escape_ascii());
        }
    }

    /// A request line or a status line, and the headers.
    pub async fn head(&mut self) -> String {
        self.until("\r\n\r\n").await
    }

    /// So many bytes.
    pub async fn take(&mut self, length: usize) -> Vec<u8> {
        while self.held.len() < length {
            assert!(self.fill().await, "only {} of {length} bytes", self.held.len());
        }
        self.held.drain(..length).collect()
    }

    /// What came and was not asked for yet.
    pub fn take_held(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }

    /// All that comes until the other end closes, or resets.
    pub async fn rest(&mut self) -> Vec<u8> {
        while self.fill().await {}
        self.take_held()
    }

    /// The one response that comes until the gateway closes.
    pub async fn answer(&mut self) -> Answer {
        let bytes = self.rest().await;
        let mut answers = Answer::read_all(&bytes);
        assert_eq!(answers.len(), 1, "{}", bytes.escape_ascii());
        answers.remove(0)
    }

    /// Whether nothing came that was not asked for. Nothing is sent meanwhile, so the wait decides nothing.
    pub async fn is_quiet(&mut self) -> bool {
        let filled = timeout(Duration::from_millis(50), self.fill()).await;
        self.held.is_empty() && (filled.is_err() || self.is_over.load(Ordering::Relaxed))
    }

    /// Closes with a reset.
    pub fn reset(self) {
        self.stream.set_zero_linger().expect("a socket takes its options");
    }

    /// Whether something came; not at the end.
    async fn fill(&mut self) -> bool {
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.held)).await;
        let came = read.unwrap_or_else(|_| panic!("nothing comes after {}", self.held.escape_ascii())).unwrap_or(0);
        self.is_over.store(came == 0, Ordering::Relaxed);
        came > 0
    }
}

/// A request's line and headers with the token of the registered client; `more` are whole header lines.
pub fn head(what: &str, more: &str) -> String {
    format!("{what} HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: Bearer {}\r\n{more}\r\n", token())
}
