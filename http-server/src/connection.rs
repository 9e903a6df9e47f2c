//! One connection: its requests, its deadlines, and its end.

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http_body::Body;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::pace::{Pace, Paced};
use crate::permits::Permit;
use crate::server::Limits;

const LATE: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
const NO_ROOM: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n";
/// A response of a few bytes fits into every send buffer, so that only a broken connection takes longer.
const WRITE_WITHIN: Duration = Duration::from_millis(100);

/// Ends when the peer does, when its time is up, when it has to make room, or with the process; a request under way is
/// answered first, and its response announces the end. A peer that has had no response yet gets one: some take a
/// connection that is closed without one for a response that has still to come (Fluent Bit).
pub(crate) async fn serve<H, F, B>(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    handler: H,
    limits: Limits,
    mut stopped: watch::Receiver<()>,
    permit: Permit,
    _connected: mpsc::Sender<Infallible>,
) where
    H: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let (permit, pace) = (Arc::new(permit), Arc::new(Pace::new()));
    let (of_requests, requests, stopping) = (Arc::clone(&permit), Arc::clone(&pace), stopped.clone());
    let service = service_fn(move |request| {
        of_requests.request_begins();
        requests.request_begins();
        let response = handler(request);
        let (permit, pace, stopping) = (Arc::clone(&of_requests), Arc::clone(&requests), stopping.clone());
        async move {
            let mut response = response.await;
            // The server's stop drops the sender.
            if pace.is_over(limits.lifetime) || stopping.has_changed().is_err() {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            permit.request_ends();
            pace.request_ends();
            Ok::<_, Infallible>(response)
        }
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .keep_alive(limits.keep_alive)
        // Counts while a connection is idle as well, so that `Pace` is in its place.
        .header_read_timeout(None)
        .max_buf_size(limits.max_head_bytes)
        .serve_connection(TokioIo::new(Paced { stream, pace: Arc::clone(&pace) }), service);
    let unasked = tokio::select! {
        // A connection that breaks is the peer's affair.
        _ = &mut connection => return,
        () = pace.is_late(limits.headers_within, limits.idle) => LATE,
        () = permit.must_make_room() => NO_ROOM,
        _ = stopped.changed() => NO_ROOM,
    };
    if !permit.has_had_a_request() {
        end(connection.into_parts().io.into_inner().stream, unasked).await;
    } else if !pace.has_half_a_request() {
        Pin::new(&mut connection).graceful_shutdown();
        let _ = timeout(limits.grace, connection).await;
    }
}

/// For a connection that there is no permit for.
pub(crate) async fn refuse(stream: impl AsyncRead + AsyncWrite + Unpin) {
    end(stream, NO_ROOM).await;
}

async fn end(mut stream: impl AsyncRead + AsyncWrite + Unpin, unasked: &[u8]) {
    let _ = timeout(WRITE_WITHIN, stream.write_all(unasked)).await;
    // tcp(7): closing with unread bytes resets the connection, and the peer may lose the response.
    let _ = timeout(Duration::ZERO, stream.read(&mut [0; 4096])).await;
    let _ = timeout(WRITE_WITHIN, stream.shutdown()).await;
}
