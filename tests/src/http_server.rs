//! A small HTTP/1.1 server that can also misbehave: say nothing, send garbage, or hang up in the middle.

use std::collections::HashMap;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A request as it came over the wire. Header names are in lower case.
#[derive(Debug, Clone)]
pub struct Received {
    pub method: String,
    pub path: String,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

/// What to do with a request.
pub enum Reply {
    /// A whole answer; the connection stays open.
    Whole(u16, Vec<(String, String)>, Vec<u8>),
    /// A whole answer, and then the connection is closed without a word.
    ThenClose(u16, Vec<(String, String)>, Vec<u8>),
    /// These bytes, and then the connection is closed.
    Raw(Vec<u8>),
    /// Nothing at all, for this long; then the connection is closed.
    Silence(Duration),
}

impl Reply {
    pub fn json(status: u16, body: impl Into<String>) -> Self {
        Self::Whole(status, vec![("content-type".into(), "application/json".into())], body.into().into_bytes())
    }

    /// Half of the answer that this one would be.
    pub fn cut_in_half(self) -> Self {
        match self {
            Self::Whole(status, headers, body) | Self::ThenClose(status, headers, body) => {
                let whole = render(status, &headers, &body);
                Self::Raw(whole[..whole.len() - body.len() / 2 - 1].to_vec())
            }
            other => other,
        }
    }
}

type Handler = dyn Fn(Received) -> Pin<Box<dyn Future<Output = Reply> + Send>> + Send + Sync;

/// Serves until dropped.
pub struct HttpServer {
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl HttpServer {
    pub async fn start<F, Fut>(handler: F) -> Self
    where
        F: Fn(Received) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Reply> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port on loopback");
        let address = listener.local_addr().expect("a bound socket has an address");
        let handler: Arc<Handler> = Arc::new(move |received| Box::pin(handler(received)));
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, Arc::clone(&handler)));
                while connections.try_join_next().is_some() {}
            }
        });
        Self { address, task }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An address on which nobody listens.
pub async fn closed_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port on loopback");
    format!("http://{}", listener.local_addr().expect("a bound socket has an address"))
}

async fn serve(mut stream: TcpStream, handler: Arc<Handler>) {
    let _ = stream.set_nodelay(true);
    let mut buffer = Vec::new();
    while let Some(received) = read_request(&mut stream, &mut buffer).await {
        let sent = match handler(received).await {
            Reply::Whole(status, headers, body) => stream.write_all(&render(status, &headers, &body)).await,
            Reply::ThenClose(status, headers, body) => {
                let _ = stream.write_all(&render(status, &headers, &body)).await;
                return;
            }
            Reply::Raw(bytes) => {
                let _ = stream.write_all(&bytes).await;
                return;
            }
            Reply::Silence(duration) => {
                tokio::time::sleep(duration).await;
                return;
            }
        };
        if sent.is_err() {
            return;
        }
    }
}

async fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Received> {
    loop {
        if let Some((received, used)) = parse(buffer) {
            buffer.drain(..used);
            return Some(received);
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}

fn parse(buffer: &[u8]) -> Option<(Received, usize)> {
    let head_length = buffer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&buffer[..head_length]);
    let mut lines = head.split("\r\n");
    let mut request_line = lines.next()?.split(' ');
    let (method, path) = (request_line.next()?.to_owned(), request_line.next()?.to_owned());
    let headers: HashMap<_, _> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let body_length: usize = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let body = buffer.get(head_length..head_length + body_length)?.to_vec();
    Some((Received { method, path, headers, body }, head_length + body_length))
}

fn render(status: u16, headers: &[(String, String)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        head.push_str(name);
        head.push_str(": ");
        head.push_str(value);
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    [head.as_bytes(), body].concat()
}
