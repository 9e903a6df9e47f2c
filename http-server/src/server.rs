//! Connections: accepted, bounded in number and time, and ended in order.

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinHandle;

use crate::listener::{Listener, Stream};
use crate::peer::Peer;

/// Pause after a failed accept(2): mostly there are no file descriptors left, and connections that end free some.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What the connections of a server may use.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long a client may take to send a request's headers, or stay idle.
    pub headers_within: Duration,
    /// Size of one request's line and headers.
    pub max_head_bytes: usize,
    /// How long a connection may be used: one whose peer reads nothing ends with it, and gives its permit back.
    pub lifetime: Duration,
    /// How long requests under way may take to finish once their connection or the process is to end.
    pub grace: Duration,
    /// Connections at once; the next ones wait in the kernel's queue.
    pub max_connections: u32,
}

/// A running server.
pub struct Server {
    stop: watch::Sender<()>,
    permits: Arc<Semaphore>,
    limits: Limits,
    accepting: JoinHandle<()>,
}

impl Server {
    /// Accepts connections, and gives each a handler of its own: `connect` makes it, given the peer. `accept_failed` is
    /// told what accept(2) says. Must be called inside of a runtime.
    pub fn start<E, C, H, F, B>(listener: Listener, limits: Limits, accept_failed: E, connect: C) -> Self
    where
        E: Fn(io::Error) + Send + 'static,
        C: Fn(Peer) -> H + Send + 'static,
        H: Fn(Request<Incoming>) -> F + Send + 'static,
        F: Future<Output = Response<B>> + Send + 'static,
        B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        let (stop, stopped) = watch::channel(());
        let permits = Arc::new(Semaphore::new(limits.max_connections as usize));
        let accepting = tokio::spawn(accept(listener, limits, accept_failed, connect, Arc::clone(&permits), stopped));
        Self { stop, permits, limits, accepting }
    }

    /// Accepts no more, and leaves the connections to the end of the runtime.
    pub fn abandon(self) {
        self.accepting.abort();
    }

    /// Accepts no more, and lets requests under way finish. Whether all did.
    pub async fn stop(self) -> bool {
        self.accepting.abort();
        // Done only when the listener is closed, and its path removed.
        let _ = self.accepting.await;
        drop(self.stop);
        let all = self.permits.acquire_many(self.limits.max_connections);
        tokio::time::timeout(self.limits.grace, all).await.is_ok()
    }
}

async fn accept<E, C, H, F, B>(
    listener: Listener,
    limits: Limits,
    accept_failed: E,
    connect: C,
    permits: Arc<Semaphore>,
    stopped: watch::Receiver<()>,
) where
    E: Fn(io::Error),
    C: Fn(Peer) -> H,
    H: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    loop {
        // The semaphore is never closed.
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { break };
        match listener.accept().await {
            Ok((stream, peer)) => {
                let (handler, stopped) = (connect(peer), stopped.clone());
                match stream {
                    Stream::Tcp(stream) => tokio::spawn(serve(stream, handler, limits, stopped, permit)),
                    Stream::Unix(stream) => tokio::spawn(serve(stream, handler, limits, stopped, permit)),
                };
            }
            Err(error) => {
                accept_failed(error);
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Ends when the peer does, when its time is up, or with the process; a request under way is answered first.
async fn serve<H, F, B>(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    handler: H,
    limits: Limits,
    mut stopped: watch::Receiver<()>,
    permit: OwnedSemaphorePermit,
) where
    H: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let service = service_fn(move |request| {
        let response = handler(request);
        async move { Ok::<_, Infallible>(response.await) }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.headers_within)
            .max_buf_size(limits.max_head_bytes)
            .serve_connection(TokioIo::new(stream), service)
    );
    tokio::select! {
        // A connection that breaks is the peer's affair.
        _ = connection.as_mut() => return drop(permit),
        _ = stopped.changed() => {}
        () = tokio::time::sleep(limits.lifetime) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = tokio::time::timeout(limits.grace, connection).await;
    drop(permit);
}
