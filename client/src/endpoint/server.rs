//! Connections: accepted, bounded in number and time, and ended in order.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinHandle;

use super::Endpoint;
use super::listener::{Listener, Stream};
use super::peer::Peer;
use crate::log::Log;

/// How long a client may take to send its headers, or stay idle.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may be used: one whose peer reads nothing ends with it, and gives its place back.
const CONNECTION_LIFETIME: Duration = Duration::from_secs(60);
/// How long requests under way may take to finish once their connection or the process is to end.
const GRACE: Duration = Duration::from_secs(5);
/// Connections at once. The rest of the usual 1,024 file descriptors is for fetching.
const MAX_CONNECTIONS: usize = 768;
/// Of one request's line and headers; a token is 43 bytes.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// The running server.
pub(crate) struct Server {
    stop: watch::Sender<()>,
    places: Arc<Semaphore>,
    accepting: JoinHandle<()>,
}

impl Server {
    /// Must be called inside of a runtime.
    pub(crate) fn start(listener: Listener, endpoint: Arc<Endpoint>, log: Log) -> Self {
        let (stop, stopped) = watch::channel(());
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let accepting = tokio::spawn(accept(listener, endpoint, Arc::clone(&places), stopped, log));
        Self { stop, places, accepting }
    }

    /// Ends with the runtime: whoever was served is gone.
    pub(crate) fn abandon(self) {
        self.accepting.abort();
    }

    /// Accepts no more, and lets requests under way finish. Whether all did.
    pub(crate) async fn stop(self) -> bool {
        self.accepting.abort();
        // Done only when the listener is closed, and its path removed.
        let _ = self.accepting.await;
        drop(self.stop);
        let all = u32::try_from(MAX_CONNECTIONS).unwrap_or(u32::MAX);
        tokio::time::timeout(GRACE, self.places.acquire_many(all)).await.is_ok()
    }
}

async fn accept(
    listener: Listener,
    endpoint: Arc<Endpoint>,
    places: Arc<Semaphore>,
    stopped: watch::Receiver<()>,
    log: Log,
) {
    loop {
        // The semaphore is never closed. Whoever finds no place waits in the kernel's queue.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
        match listener.accept().await {
            Ok((stream, peer)) => {
                let (endpoint, stopped) = (Arc::clone(&endpoint), stopped.clone());
                match stream {
                    Stream::Tcp(stream) => tokio::spawn(serve(stream, peer, endpoint, stopped, place)),
                    Stream::Unix(stream) => tokio::spawn(serve(stream, peer, endpoint, stopped, place)),
                };
            }
            Err(error) => {
                // Out of file descriptors, mostly: those under way give some back.
                log.warn(format_args!("a connection could not be accepted: {error}"));
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Ends when the peer does, when its time is up, or with the process; a request under way is answered first.
async fn serve(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    peer: Peer,
    endpoint: Arc<Endpoint>,
    mut stopped: watch::Receiver<()>,
    place: OwnedSemaphorePermit,
) {
    let peer = Arc::new(peer);
    // No route reads a body: hyper drops it, and the connection with it where it is long.
    let service = service_fn(move |request: Request<Incoming>| {
        let (endpoint, peer) = (Arc::clone(&endpoint), Arc::clone(&peer));
        async move { Ok::<_, Infallible>(endpoint.answer(&request.into_parts().0, &peer).await) }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(READ_TIMEOUT)
            .max_buf_size(MAX_HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), service)
    );
    tokio::select! {
        // A connection that breaks is the peer's affair.
        _ = connection.as_mut() => return drop(place),
        _ = stopped.changed() => {}
        () = tokio::time::sleep(CONNECTION_LIFETIME) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = tokio::time::timeout(GRACE, connection).await;
    drop(place);
}
