//! Connections: accepted, bounded in number and time, and ended in order.

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body::Body;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use ipnet::IpNet;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::connection;
use crate::listener::{Listener, Stream};
use crate::peer::Peer;
use crate::permits::Permits;
use crate::refusal::Refusal;
use crate::workers::Workers;

/// Pause after a failed accept(2): mostly there are no file descriptors left, and connections that end free some.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// A new connection makes no room for those that wait behind it before it has had the time to send its request.
const UNDISTURBED: Duration = Duration::from_secs(1);
/// A flood of connections is one line of the log in this time.
const REPORT_PAUSE: Duration = Duration::from_secs(60);

/// What the connections of a server may use.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long a client may take to send a request's headers: its first one's from when it connects, every other one's
    /// from their first byte.
    pub headers_within: Duration,
    /// How long a connection that has had a response may wait for the next request. Longer than the pools of load
    /// balancers keep theirs (60 s for AWS's), or a request meets a connection that ends.
    pub idle: Duration,
    /// Whether a connection may have more than one request.
    pub keep_alive: bool,
    /// Size of one request's line and headers.
    pub max_head_bytes: usize,
    /// How long a connection may be used: the first response after that announces the end (`Connection: close`).
    pub lifetime: Duration,
    /// How long requests under way may take to finish once their connection or the process is to end.
    pub grace: Duration,
    /// Connections at once; for more, the oldest that has no whole request makes room.
    pub max_connections: usize,
    /// Those of one user of this machine, or of one other machine that is not one of [`Admission::proxies`].
    pub max_connections_of_source: usize,
    /// Whether HTTP/2 is spoken with those who begin with it; never without the feature `http2`.
    pub speaks_http_2: bool,
    /// Whether a connection that there is no room for waits for some, and with it all that come after it, instead of being
    /// refused.
    pub may_wait: bool,
}

/// Who may connect, and what a connection responds where no handler can.
#[derive(Clone)]
pub struct Admission {
    /// What connections may use.
    pub limits: Limits,
    /// Peers that stand for many callers: each may have all the connections that there are.
    pub proxies: Arc<[IpNet]>,
    /// Makes a response; its status should be the refusal's. Length and end of the connection are added.
    pub refuse: Arc<dyn Fn(Refusal) -> Response<Full<Bytes>> + Send + Sync>,
}

/// A running server.
pub struct Server {
    stop: watch::Sender<()>,
    /// Each connection holds a sender.
    connections: mpsc::Receiver<Infallible>,
    grace: Duration,
    accepting: JoinHandle<()>,
}

impl Server {
    /// Accepts connections, and gives each a handler of its own: `connect` makes it, given the peer. `accept_failed` is
    /// told what accept(2) says. Must be called inside of a runtime.
    pub fn start<E, C, H, F, B>(listener: Listener, admission: Admission, accept_failed: E, connect: C) -> Self
    where
        E: Fn(io::Error) + Send + 'static,
        C: Fn(Peer) -> H + Send + 'static,
        H: Fn(Request<Incoming>) -> F + Send + 'static,
        F: Future<Output = Response<B>> + Send + 'static,
        B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        Self::start_on(Workers::here(), listener, admission, accept_failed, move |peer, _| connect(peer))
    }

    /// As [`Server::start`], with connections on several runtimes: `connect` is told the number of a connection's worker.
    pub fn start_on<E, C, H, F, B>(
        workers: Workers,
        listener: Listener,
        admission: Admission,
        accept_failed: E,
        connect: C,
    ) -> Self
    where
        E: Fn(io::Error) + Send + 'static,
        C: Fn(Peer, usize) -> H + Send + 'static,
        H: Fn(Request<Incoming>) -> F + Send + 'static,
        F: Future<Output = Response<B>> + Send + 'static,
        B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        let (stop, stopped) = watch::channel(());
        let (connected, connections) = mpsc::channel(1);
        let grace = admission.limits.grace;
        let accepting = tokio::spawn(accept(workers, listener, admission, accept_failed, connect, connected, stopped));
        Self { stop, connections, grace, accepting }
    }

    /// Accepts no more, and leaves the connections to the end of the runtime.
    pub fn abandon(self) {
        self.accepting.abort();
    }

    /// Accepts no more, and lets requests under way finish. Whether all did.
    pub async fn stop(mut self) -> bool {
        self.accepting.abort();
        // Done only when the listener is closed, and its path removed.
        let _ = self.accepting.await;
        drop(self.stop);
        tokio::time::timeout(self.grace, self.connections.recv()).await.is_ok()
    }
}

fn permits(limits: Limits) -> Permits {
    let undisturbed = if limits.may_wait { UNDISTURBED } else { Duration::ZERO };
    Permits::new(limits.max_connections, limits.max_connections_of_source, undisturbed)
}

async fn accept<E, C, H, F, B>(
    workers: Workers,
    listener: Listener,
    admission: Admission,
    accept_failed: E,
    connect: C,
    connected: mpsc::Sender<Infallible>,
    stopped: watch::Receiver<()>,
) where
    E: Fn(io::Error),
    C: Fn(Peer, usize) -> H,
    H: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let limits = admission.limits;
    let permits = permits(limits);
    let mut last_report: Option<Instant> = None;
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                accept_failed(error);
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let source = peer.source();
        let is_proxy = peer.is_in(&admission.proxies);
        let permit = match permits.grant(source, is_proxy) {
            None if limits.may_wait => Some(permits.wait_for_room(source, is_proxy).await),
            granted => granted,
        };
        let is_scarce = permit.as_ref().is_none_or(|permit| permit.is_scarce);
        let admission = admission.clone();
        if let Some(permit) = permit {
            let worker = workers.least_busy();
            let (handler, stopped) = (connect(peer, worker.number()), stopped.clone());
            let held = (permit, connected.clone());
            match stream {
                Stream::Tcp(stream) => worker.serve(stream, handler, admission, stopped, held),
                Stream::Unix(stream) => worker.serve(stream, handler, admission, stopped, held),
            }
        } else {
            match stream {
                Stream::Tcp(stream) => tokio::spawn(refuse(stream, admission)),
                Stream::Unix(stream) => tokio::spawn(refuse(stream, admission)),
            };
        }
        if is_scarce {
            if last_report.is_none_or(|last| last.elapsed() >= REPORT_PAUSE) {
                accept_failed(io::Error::other(format!("there are too many at once, the last one of {source}")));
                last_report = Some(Instant::now());
            }
            // The one that makes room gives back its file descriptor before the next one takes another.
            tokio::task::yield_now().await;
        }
    }
}

/// For a connection that there is no permit for.
async fn refuse(stream: impl AsyncRead + AsyncWrite + Unpin, admission: Admission) {
    connection::refuse(stream, &admission, Refusal::NoRoom).await;
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::*;
    use crate::body::read_body;
    use crate::listener::LocalAddress;

    const LIMITS: Limits = Limits {
        headers_within: Duration::from_secs(2),
        idle: Duration::from_secs(75),
        keep_alive: true,
        max_head_bytes: 16 * 1024,
        lifetime: Duration::from_secs(600),
        grace: Duration::from_secs(1),
        max_connections: 8,
        max_connections_of_source: 8,
        speaks_http_2: false,
        may_wait: false,
    };
    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

    const LONG: Duration = Duration::from_secs(30);

    /// A server that responds `yes` to what it has read to its end, and a connection to it.
    async fn connect(limits: Limits) -> (Server, TcpStream) {
        let listener = Listener::bind_tcp(([127, 0, 0, 1], 0).into()).unwrap();
        let LocalAddress::Tcp(address) = listener.address().clone() else { unreachable!("it is TCP") };
        let refuse = Arc::new(|refusal: Refusal| {
            let mut response = Response::new(Full::new(Bytes::from(format!("{refusal:?}"))));
            *response.status_mut() = refusal.status();
            response
        });
        let admission = Admission { limits, proxies: Arc::new([]), refuse };
        let answer = |request| async {
            let (_, body) = read_body(request, 1000, LONG).await;
            let text = body.map_or_else(|error| format!("{error:?}"), |_| "yes".to_owned());
            Response::new(Full::new(Bytes::from(text)))
        };
        (Server::start(listener, admission, |_| {}, move |_| answer), TcpStream::connect(address).await.unwrap())
    }

    async fn another(stream: &TcpStream) -> TcpStream {
        TcpStream::connect(stream.peer_addr().unwrap()).await.unwrap()
    }

    /// All that comes until the server ends the connection.
    async fn to_the_end(mut stream: TcpStream) -> String {
        let mut text = String::new();
        tokio::time::timeout(LONG, stream.read_to_string(&mut text)).await.expect("it ends soon").unwrap();
        text
    }

    async fn response(stream: &mut TcpStream) -> String {
        let mut text = Vec::new();
        while !text.ends_with(b"yes") {
            assert_ne!(stream.read_buf(&mut text).await.unwrap(), 0, "{}", String::from_utf8_lossy(&text));
        }
        String::from_utf8(text).unwrap().to_ascii_lowercase()
    }

    #[tokio::test]
    async fn an_idle_connection_outlives_the_deadline_of_headers() {
        let (_server, mut stream) = connect(LIMITS).await;
        for _ in 0..2 {
            stream.write_all(REQUEST).await.unwrap();
            assert!(!response(&mut stream).await.contains("connection: close"));
            tokio::time::sleep(LIMITS.headers_within + Duration::from_secs(1)).await;
        }
        stream.write_all(REQUEST).await.unwrap();
        response(&mut stream).await;
    }

    /// After its buffers were given back, and before.
    #[tokio::test]
    async fn a_connection_that_stays_idle_ends_without_a_word() {
        for idle in [Duration::from_millis(200), Duration::from_millis(1500)] {
            let (_server, mut stream) = connect(Limits { idle, ..LIMITS }).await;
            for _ in 0..2 {
                stream.write_all(REQUEST).await.unwrap();
                assert!(!response(&mut stream).await.contains("connection: close"));
            }
            let since = Instant::now();
            assert_eq!(to_the_end(stream).await, "", "a 408 would be taken for the response to the next request");
            assert!(since.elapsed() + Duration::from_millis(100) >= idle, "it ended after {:?}", since.elapsed());
        }
    }

    #[tokio::test]
    async fn half_a_request_is_ended_long_before_an_idle_connection() {
        for first in [&b""[..], REQUEST] {
            let (_server, mut stream) = connect(LIMITS).await;
            stream.write_all(first).await.unwrap();
            if !first.is_empty() {
                response(&mut stream).await;
            }
            stream.write_all(&REQUEST[..9]).await.unwrap();
            let ended = tokio::time::timeout(LIMITS.idle / 2, stream.read_to_end(&mut Vec::new())).await;
            assert!(ended.is_ok(), "it was kept");
        }
    }

    #[tokio::test]
    async fn the_last_response_announces_the_end() {
        let (_server, mut stream) = connect(Limits { lifetime: Duration::ZERO, ..LIMITS }).await;
        stream.write_all(REQUEST).await.unwrap();
        assert!(response(&mut stream).await.contains("connection: close"));
        assert_eq!(stream.read(&mut [0; 16]).await.unwrap(), 0, "and then it comes");
    }

    /// hyper has read it together with the request before, and says nothing of it.
    #[tokio::test]
    async fn half_a_request_that_came_with_the_one_before_is_ended_as_soon() {
        let post = |length: usize| format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n");
        let chunked = "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
        for first in [String::from_utf8_lossy(REQUEST).into(), format!("{}abc", post(3)), chunked.to_owned()] {
            for next in ["G", "GET / HTTP/1.1\r\nhos", &post(30)[..30]] {
                let (_server, mut stream) = connect(LIMITS).await;
                stream.write_all(format!("{first}{next}").as_bytes()).await.unwrap();
                let text = to_the_end(stream).await;
                assert!(text.starts_with("HTTP/1.1 200 OK") && text.contains("yesHTTP/1.1 408 "), "{next:?}: {text}");
                assert!(text.ends_with("Late"), "{text}");
            }
        }
    }

    #[tokio::test]
    async fn bodies_that_never_come_hold_no_permit() {
        for limits in [Limits { max_connections: 4, ..LIMITS }, Limits { max_connections_of_source: 4, ..LIMITS }] {
            let (_server, first) = connect(limits).await;
            let mut waiting = vec![first];
            for _ in 1..4 {
                waiting.push(another(&waiting[0]).await);
            }
            let heads =
                ["content-length: 3", "content-length: 3\r\nexpect: 100-continue", "transfer-encoding: chunked"];
            for (stream, head) in waiting.iter_mut().zip(heads.iter().cycle()) {
                stream.write_all(format!("POST / HTTP/1.1\r\nhost: x\r\n{head}\r\n\r\n").as_bytes()).await.unwrap();
            }
            let address = waiting[0].peer_addr().unwrap();
            let mut newcomers = Vec::new();
            for stream in waiting {
                let mut newcomer = TcpStream::connect(address).await.unwrap();
                newcomer.write_all(REQUEST).await.unwrap();
                response(&mut newcomer).await;
                newcomers.push(newcomer);
                // The oldest one that still waited has made room.
                let text = to_the_end(stream).await;
                assert!(text.ends_with("NoRoom") && text.contains("connection: close"), "{text}");
            }
        }
    }

    #[tokio::test]
    async fn what_is_not_http_gets_the_program_s_response() {
        let long = format!("GET / HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n", "x".repeat(3 * LIMITS.max_head_bytes));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(200));
        for (request, status, name) in [
            ("GARBAGE\r\n\r\n", 400, "Malformed"),
            ("GET / HTTP/3.7\r\n\r\n", 505, "Version"),
            ("GET / HTTP/1.1\r\nno colon\r\n\r\n", 400, "Malformed"),
            ("POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n", 400, "Malformed"),
            ("\u{16}\u{3}\u{1}\u{2}", 400, "Malformed"),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "Version"),
            (&long, 431, "HeadersTooLarge"),
            (&many, 431, "HeadersTooLarge"),
        ] {
            for before in [&b""[..], REQUEST] {
                let (_server, mut stream) = connect(LIMITS).await;
                stream.write_all(&[before, request.as_bytes()].concat()).await.unwrap();
                let text = to_the_end(stream).await;
                let last = text.rfind("HTTP/1.1 ").map(|at| &text[at..]).unwrap_or_default();
                assert!(last.starts_with(&format!("HTTP/1.1 {status} ")), "{request:.60}: {text}");
                assert!(last.contains(&format!("\r\n\r\n{name}")), "{request:.60}: {text}");
                assert_eq!(text.matches("HTTP/1.1 ").count(), 1 + usize::from(!before.is_empty()), "{text}");
            }
        }
    }
}
