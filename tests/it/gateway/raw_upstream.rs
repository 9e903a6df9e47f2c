//! An API behind the gateway, on the wire: it records every byte, and responds with the bytes that the test says.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// A request as a strict server reads it.
#[derive(Debug, Clone)]
pub struct RawRequest {
    /// `GET /path HTTP/1.1`
    pub line: String,
    /// As they came: names in the case of the wire, repeats kept.
    pub fields: Vec<(String, String)>,
    /// With the chunks' sizes and the trailers taken off.
    pub body: Vec<u8>,
    pub trailers: Vec<(String, String)>,
}

impl RawRequest {
    pub fn target(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_default()
    }

    /// All values of a field, in any case of its name.
    pub fn values(&self, name: &str) -> Vec<&str> {
        let fields = self.fields.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name));
        fields.map(|(_, value)| value.as_str()).collect()
    }

    /// The one value of a field, or nothing.
    pub fn value(&self, name: &str) -> &str {
        match self.values(name)[..] {
            [] => "",
            [value] => value,
            ref several => panic!("{name} is there {} times: {several:?}", several.len()),
        }
    }
}

/// What to do with a request that was read whole.
#[derive(Clone)]
pub enum RawReply {
    /// These bytes; the connection stays open.
    Bytes(Vec<u8>),
    /// These bytes, and then the connection is closed.
    ThenClose(Vec<u8>),
    /// Nothing, until the peer closes.
    Silence,
}

impl RawReply {
    /// 200 with this text.
    pub fn text(text: &str) -> Self {
        Self::Bytes(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len()).into_bytes())
    }
}

type Respond = dyn Fn(&RawRequest) -> RawReply + Send + Sync;

#[derive(Default)]
struct Seen {
    connections: Vec<Vec<u8>>,
    requests: Vec<RawRequest>,
}

/// Serves until dropped.
pub struct RawUpstream {
    pub address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

impl RawUpstream {
    pub async fn start(respond: impl Fn(&RawRequest) -> RawReply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port on loopback");
        let address = listener.local_addr().expect("a bound socket has an address");
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (shared, respond): (_, Arc<Respond>) = (Arc::clone(&seen), Arc::new(respond));
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, Arc::clone(&shared), Arc::clone(&respond)));
                while connections.try_join_next().is_some() {}
            }
        });
        Self { address, seen, task }
    }

    /// 200 with `ok` to everything.
    pub async fn ok() -> Self {
        Self::start(|_| RawReply::text("ok")).await
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every byte of every connection, in the order in which they were opened.
    pub fn connections(&self) -> Vec<Vec<u8>> {
        lock(&self.seen).connections.clone()
    }

    /// The requests that a strict server reads, in the order in which they ended.
    pub fn requests(&self) -> Vec<RawRequest> {
        lock(&self.seen).requests.clone()
    }

    /// The requests that came since the last call.
    pub fn take_requests(&self) -> Vec<RawRequest> {
        std::mem::take(&mut lock(&self.seen).requests)
    }

    /// The one request that came since the last call.
    pub fn take_only_request(&self) -> RawRequest {
        let mut requests = self.take_requests();
        assert_eq!(requests.len(), 1, "one request was expected: {requests:#?}");
        requests.remove(0)
    }
}

impl Drop for RawUpstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().expect("no test panics while it holds this lock")
}

async fn serve(mut stream: TcpStream, seen: Arc<Mutex<Seen>>, respond: Arc<Respond>) {
    let _ = stream.set_nodelay(true);
    let connection = {
        let mut seen = lock(&seen);
        seen.connections.push(Vec::new());
        seen.connections.len() - 1
    };
    let (mut unread, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
    loop {
        while let Some((request, length)) = read_request(&unread) {
            unread.drain(..length);
            lock(&seen).requests.push(request.clone());
            match respond(&request) {
                RawReply::Bytes(bytes) => {
                    if stream.write_all(&bytes).await.is_err() {
                        return;
                    }
                }
                RawReply::ThenClose(bytes) => {
                    let _ = stream.write_all(&bytes).await;
                    return;
                }
                RawReply::Silence => {}
            }
        }
        match stream.read(&mut buffer).await {
            Ok(length @ 1..) => {
                lock(&seen).connections[connection].extend_from_slice(&buffer[..length]);
                unread.extend_from_slice(&buffer[..length]);
            }
            _ => return,
        }
    }
}

/// The first request, once it is whole, and its length.
fn read_request(bytes: &[u8]) -> Option<(RawRequest, usize)> {
    let head_end = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let (line, fields) = head.split_once("\r\n").unwrap_or((&head, ""));
    let mut request =
        RawRequest { line: line.to_owned(), fields: fields_of(fields), body: Vec::new(), trailers: Vec::new() };
    let rest = &bytes[head_end..];
    if request.value("transfer-encoding").eq_ignore_ascii_case("chunked") {
        let (body, trailers, length) = read_chunks(rest)?;
        (request.body, request.trailers) = (body, trailers);
        return Some((request, head_end + length));
    }
    let length = request.value("content-length").parse().unwrap_or(0);
    request.body = rest.get(..length)?.to_vec();
    Some((request, head_end + length))
}

type Trailers = Vec<(String, String)>;

/// A body in chunks once it is whole, its trailers, and its length on the wire.
pub fn read_chunks(bytes: &[u8]) -> Option<(Vec<u8>, Trailers, usize)> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let line = bytes.get(at..)?.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(&bytes[at..at + line]).ok()?;
        let size = usize::from_str_radix(size.split(';').next()?, 16).ok()?;
        at += line + 2;
        if size == 0 {
            break;
        }
        body.extend_from_slice(bytes.get(at..at + size)?);
        at += size + 2;
    }
    if bytes.get(at..at + 2)? == b"\r\n" {
        return Some((body, Vec::new(), at + 2));
    }
    let end = at + bytes[at..].windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    Some((body, fields_of(&String::from_utf8_lossy(&bytes[at..end])), end))
}

fn fields_of(text: &str) -> Vec<(String, String)> {
    let fields = text.split("\r\n").filter_map(|line| line.split_once(':'));
    fields.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect()
}
