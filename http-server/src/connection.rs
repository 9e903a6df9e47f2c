//! One connection: its requests, its deadlines, and its end.

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http_body::Body;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::arrival::Arrival;
use crate::pace::Pace;
use crate::permits::Permit;
use crate::refusal::{Refusal, wire_form};
use crate::server::{Admission, Limits};
use crate::wire::Wire;

/// A response of a few bytes fits into every send buffer, so that only a broken connection takes longer.
const WRITE_WITHIN: Duration = Duration::from_millis(100);
/// What a peer may have sent beyond what was read of it, in reads of [`READ_BYTES`].
const READS: usize = 64;
const READ_BYTES: usize = 4096;

/// Ends when the peer does, when its time is up, when it has to make room, or with the process; a request under way is
/// answered first, and its response announces the end. A peer that waits for the response to a request gets one: some take
/// a connection that is closed without one for a response that has still to come (Fluent Bit).
pub(crate) async fn serve<H, F, B>(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    handler: H,
    admission: Admission,
    mut stopped: watch::Receiver<()>,
    permit: Permit,
    _connected: mpsc::Sender<Infallible>,
) where
    H: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let limits = admission.limits;
    let (permit, pace) = (Arc::new(permit), Arc::new(Pace::new()));
    let (of_requests, requests, stopping) = (Arc::clone(&permit), Arc::clone(&pace), stopped.clone());
    let service = service_fn(move |mut request: Request<Incoming>| {
        let under_way = UnderWay::begin(&mut request, &of_requests, &requests);
        let response = handler(request);
        let stopping = stopping.clone();
        async move {
            let mut response = response.await;
            if under_way.is_last(limits.lifetime, &stopping) {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            // The request is under way for as long as there is something of its response's body.
            Ok::<_, Infallible>(response.map(|body| {
                body.map_err(move |error| {
                    let _held = &under_way;
                    error
                })
            }))
        }
    });
    let mut connection =
        http1_with(limits).serve_connection(TokioIo::new(Wire::new(stream, Arc::clone(&pace))), service);
    let refusal = tokio::select! {
        ended = &mut connection => match ended {
            Err(error) if error.is_parse() => Refusal::Malformed,
            // A connection that breaks is the peer's affair.
            _ => return,
        },
        () = pace.is_late(limits.headers_within, limits.idle) => Refusal::Late,
        () = permit.must_make_room() => Refusal::NoRoom,
        _ = stopped.changed() => Refusal::Stopping,
    };
    if refusal == Refusal::Malformed || pace.awaits_headers() {
        // Else a peer that does not read would find this in the middle of the response before.
        if pace.is_quiet() {
            let wire = connection.into_parts().io.into_inner();
            let refusal = wire.held_back().map_or(refusal, Refusal::of_hyper);
            refuse(wire.stream, &admission, refusal).await;
        }
        return;
    }
    if refusal == Refusal::NoRoom {
        permit.cut_short();
    }
    Pin::new(&mut connection).graceful_shutdown();
    let _ = timeout(limits.grace, connection).await;
}

fn http1_with(limits: Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .keep_alive(limits.keep_alive)
        // Counts while a connection is idle as well, so that `Pace` is in its place.
        .header_read_timeout(None)
        .max_buf_size(limits.max_head_bytes);
    builder
}

/// A request from its headers to the end of its response, or until either is given up.
struct UnderWay {
    permit: Arc<Permit>,
    pace: Arc<Pace>,
}

impl UnderWay {
    fn begin(request: &mut Request<Incoming>, permit: &Arc<Permit>, pace: &Arc<Pace>) -> Self {
        pace.request_begins(request.body().size_hint().exact());
        if request.body().is_end_stream() {
            permit.request_is_whole();
        } else {
            request.extensions_mut().insert(Arrival::new(Arc::clone(permit)));
        }
        Self { permit: Arc::clone(permit), pace: Arc::clone(pace) }
    }

    /// Whether the connection ends with its response. A body that was not read to its end leaves nothing to go on from.
    fn is_last(&self, lifetime: Duration, stopping: &watch::Receiver<()>) -> bool {
        // The server's stop drops the sender.
        self.permit.is_waiting() || self.pace.is_over(lifetime) || stopping.has_changed().is_err()
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.permit.request_ends();
        self.pace.request_ends();
    }
}

/// Ends a connection with the program's response.
pub(crate) async fn refuse(mut stream: impl AsyncRead + AsyncWrite + Unpin, admission: &Admission, refusal: Refusal) {
    let response = wire_form((admission.refuse)(refusal)).await;
    let _ = timeout(WRITE_WITHIN, stream.write_all(&response)).await;
    // tcp(7): closing with unread bytes resets the connection, and the peer may lose the response.
    for _ in 0..READS {
        if !matches!(timeout(Duration::ZERO, stream.read(&mut [0; READ_BYTES])).await, Ok(Ok(1..))) {
            break;
        }
    }
    let _ = timeout(WRITE_WITHIN, stream.shutdown()).await;
}
