//! Connections to the upstream: made, kept, and given to one request after the other.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use environment::look_up;
use http::{HeaderValue, Request, Response, Uri};
use http_server::keep_alive;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustix::net::{RecvFlags, Shutdown, recv, shutdown};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use url::Url;

use crate::metrics::{Metrics, Open};
use crate::request_body::RequestBody;

/// Connections that wait for a request.
const MAX_IDLE: usize = 256;
/// Shorter than servers keep theirs (nginx 75 s), and than what loses idle connections on the way (350 s).
const IDLE: Duration = Duration::from_secs(60);
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// Headers of a response, and trailers.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// The upstream.
pub struct Upstream {
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    /// `Host` of its requests.
    authority: HeaderValue,
    /// Stands before every path; does not end in a slash.
    prefix: String,
    /// By worker: a connection is used where its task runs.
    idle: Vec<Mutex<Vec<Idle>>>,
    metrics: Arc<Metrics>,
}

struct Idle {
    connection: Connection,
    since: Instant,
}

/// A connection that one request uses. It ends when it is dropped, and the upstream learns that nobody waits any more.
pub struct Connection {
    sender: SendRequest<RequestBody>,
    _task: Task,
    socket: Arc<TcpStream>,
}

/// Why there is no response.
#[derive(Debug)]
pub enum UpstreamError {
    /// No connection could be made.
    Connect(io::Error),
    /// The connection broke, or what came is not HTTP.
    Exchange(hyper::Error),
}

impl std::fmt::Display for UpstreamError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Connect(error) => write!(formatter, "no connection: {error}"),
            Self::Exchange(error) => match std::error::Error::source(error) {
                Some(source) => write!(formatter, "{error}: {source}"),
                None => write!(formatter, "{error}"),
            },
        }
    }
}

impl Upstream {
    /// Connects to nothing yet.
    ///
    /// # Errors
    /// When the URL's host fits no certificate or header.
    pub fn new(url: &Url, tls: ClientConfig, workers: usize, metrics: Arc<Metrics>) -> io::Result<Self> {
        let invalid = |_| io::Error::other("the host of UPSTREAM_URL is not a name or an address");
        let host = url.host_str().unwrap_or_default().to_owned();
        let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let is_tls = url.scheme() == "https";
        let authority = url.port().map_or(host.clone(), |port| format!("{host}:{port}"));
        let tls = if is_tls {
            let name = ServerName::try_from(bare.clone())
                .map_err(|_| io::Error::other("the host of UPSTREAM_URL fits no certificate"))?;
            Some((TlsConnector::from(Arc::new(tls)), name))
        } else {
            None
        };
        Ok(Self {
            port: url.port_or_known_default().unwrap_or(if is_tls { 443 } else { 80 }),
            host: bare,
            tls,
            authority: HeaderValue::from_str(&authority).map_err(invalid)?,
            prefix: url.path().trim_end_matches('/').to_owned(),
            idle: (0..workers.max(1)).map(|_| Mutex::default()).collect(),
            metrics,
        })
    }

    /// `Host` of its requests.
    #[must_use]
    pub fn authority(&self) -> &HeaderValue {
        &self.authority
    }

    /// Where the normal form of a target's path, and its query as it came, are at the upstream; `None` for what fits no request.
    #[must_use]
    pub fn target(&self, path: &str, received: &Uri) -> Option<Uri> {
        // Over HTTP/2, a `:path` of a fragment alone leaves an empty target, which is written as nothing, though it is read as `/`.
        if self.prefix.is_empty()
            && received.path() == path
            && let Some(same) = received.path_and_query().cloned().map(Uri::from).filter(|same| same.path() == path)
        {
            return Some(same);
        }
        let query = received.query();
        let mut target =
            String::with_capacity(self.prefix.len() + path.len() + query.map_or(0, |query| query.len() + 1));
        target.push_str(&self.prefix);
        target.push_str(path);
        if let Some(query) = query {
            target.push('?');
            target.push_str(query);
        }
        Uri::try_from(target).ok()
    }

    /// Sends a request and waits for the headers of the response. A request that met a connection which the upstream had
    /// closed, and of which nothing was written, is sent once more; no other is.
    ///
    /// # Errors
    /// When there is no response.
    pub async fn send(
        self: &Arc<Self>,
        request: Request<RequestBody>,
        worker: usize,
    ) -> Result<(Response<Incoming>, Connection), UpstreamError> {
        // What is rare is not kept in the future of every request, which is moved with all that it may ever hold.
        let Some(mut connection) = self.take_idle(worker) else { return Box::pin(self.send_anew(request)).await };
        match connection.sender.try_send_request(request).await {
            Ok(response) => Ok((response, connection)),
            Err(mut error) => match error.take_message() {
                Some(request) => Box::pin(self.send_anew(request)).await,
                None => Err(UpstreamError::Exchange(error.into_error())),
            },
        }
    }

    /// For the next request, once this one's response has ended and its body was taken.
    pub fn give_back(&self, connection: Connection, worker: usize) {
        if connection.sender.is_closed() {
            return;
        }
        let mut idle = self.pool(worker);
        if idle.len() < MAX_IDLE {
            idle.push(Idle { connection, since: Instant::now() });
        }
    }

    /// Ends connections that have waited for too long.
    pub fn end_idle(&self) {
        for worker in 0..self.idle.len() {
            self.pool(worker).retain(|idle| idle.since.elapsed() < IDLE && !idle.connection.sender.is_closed());
        }
    }

    fn pool(&self, worker: usize) -> MutexGuard<'_, Vec<Idle>> {
        // There is one: `new` makes one at least.
        self.idle[worker % self.idle.len()].lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn send_anew(
        self: &Arc<Self>,
        request: Request<RequestBody>,
    ) -> Result<(Response<Incoming>, Connection), UpstreamError> {
        let mut connection = self.connect().await.map_err(UpstreamError::Connect)?;
        let response = connection.sender.send_request(request).await.map_err(UpstreamError::Exchange)?;
        Ok((response, connection))
    }

    /// The connection that was used last, so that the others grow old and are ended.
    fn take_idle(&self, worker: usize) -> Option<Connection> {
        loop {
            let Idle { connection, since } = self.pool(worker).pop()?;
            if since.elapsed() < IDLE && connection.sender.is_ready() && connection.is_quiet() {
                return Some(connection);
            }
        }
    }

    async fn connect(self: &Arc<Self>) -> io::Result<Connection> {
        match timeout(CONNECT_WITHIN, self.connect_now()).await {
            Ok(connected) => connected,
            Err(_) => Err(io::Error::other(format!("not connected within {} s", CONNECT_WITHIN.as_secs()))),
        }
    }

    async fn connect_now(self: &Arc<Self>) -> io::Result<Connection> {
        let addresses = match self.host.parse() {
            Ok(address) => vec![address],
            Err(_) => look_up(&self.host).await?,
        };
        // One that nothing comes back from leaves time for the others.
        let share = CONNECT_WITHIN / u32::try_from(addresses.len().clamp(1, 5)).unwrap_or(1);
        let mut last = io::Error::other("the host has no address");
        for address in addresses {
            match timeout(share, TcpStream::connect((address, self.port))).await {
                Ok(Ok(socket)) => return self.handshake(socket).await,
                Ok(Err(error)) => last = error,
                Err(_) => last = io::ErrorKind::TimedOut.into(),
            }
        }
        Err(last)
    }

    async fn handshake(self: &Arc<Self>, socket: TcpStream) -> io::Result<Connection> {
        socket.set_nodelay(true)?;
        keep_alive(&socket);
        let socket = Arc::new(socket);
        let shared = Shared(Arc::clone(&socket));
        let spoken = match &self.tls {
            None => self.speak(shared).await,
            Some((tls, name)) => self.speak(tls.connect(name.clone(), shared).await?).await,
        };
        let (sender, task) = spoken.map_err(io::Error::other)?;
        Ok(Connection { sender, _task: task, socket })
    }

    async fn speak(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) -> hyper::Result<(SendRequest<RequestBody>, Task)> {
        let (sender, connection) =
            http1::Builder::new().max_buf_size(MAX_HEAD_BYTES).handshake(TokioIo::new(stream)).await?;
        let open = Open::new(self.metrics.upstream_connections.clone());
        let task = tokio::spawn(async move {
            let _open = open;
            // What breaks here breaks the request that uses it, which says so.
            let _ = connection.with_upgrades().await;
        });
        Ok((sender, Task(task.abort_handle())))
    }
}

impl Connection {
    /// Nothing has come since the last response, and the upstream has not closed it. The task that reads the connection
    /// may not have noticed yet, and a request would be lost that can be sent on another one.
    fn is_quiet(&self) -> bool {
        let mut byte = [0];
        let peeked = recv(&self.socket, &mut byte, RecvFlags::PEEK | RecvFlags::DONTWAIT);
        matches!(peeked, Err(rustix::io::Errno::AGAIN))
    }
}

/// What reads and writes a connection. By itself it would go on with a body that nobody wants any more.
struct Task(AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A socket that the pool looks at while the HTTP library owns it.
struct Shared(Arc<TcpStream>);

impl Shared {
    /// A read that did not fill the buffer has emptied the socket (epoll(7)): tokio is told that it would block now, as its own
    /// streams are, and another read that finds nothing is saved for each response.
    fn read(&self, buffer: &mut ReadBuf<'_>) -> io::Result<()> {
        let mut was_short = false;
        let read = self.0.try_io(Interest::READABLE, || {
            let room = buffer.remaining();
            let length = self.0.try_read_buf(buffer)?;
            was_short = (1..room).contains(&length);
            if was_short { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
        });
        if was_short { Ok(()) } else { read }
    }
}

/// An upstream that takes no more of a request has often said why before it closed: its response is read, and a connection
/// without one ends there.
fn taken(written: io::Result<usize>, length: usize) -> io::Result<usize> {
    match written {
        Err(error) if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => Ok(length),
        written => written,
    }
}

impl AsyncRead for Shared {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.0.poll_read_ready(context))?;
            match self.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return Poll::Ready(read),
            }
        }
    }
}

impl AsyncWrite for Shared {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_write_ready(context))?;
            match self.0.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(taken(written, bytes.len())),
            }
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_write_ready(context))?;
            match self.0.try_write_vectored(slices) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(taken(written, slices.iter().map(|slice| slice.len()).sum())),
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(shutdown(&self.0, Shutdown::Write).map_err(io::Error::from))
    }
}
