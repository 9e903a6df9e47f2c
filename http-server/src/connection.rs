//! One connection: its requests, its deadlines, and its end.

use std::convert::Infallible;
use std::error::Error;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http_body::Body;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::{HttpService, service_fn};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::aside::Aside;
#[cfg(feature = "http2")]
use crate::http_2;
use crate::pace::Pace;
use crate::permits::Permit;
use crate::refusal::{Refusal, wire_form};
use crate::requests::Requests;
use crate::server::{Admission, Limits};
use crate::upgrade::Upgrade;
use crate::wire::Wire;

/// A response of a few bytes fits into every send buffer, so that only a broken connection takes longer.
const WRITE_WITHIN: Duration = Duration::from_millis(100);
/// A peer that gets a response in the middle of its request stops sending after a round trip.
const LINGER: Duration = Duration::from_secs(2);
/// What a peer may have sent beyond what was read of it, in reads of [`READ_BYTES`].
const READS: usize = 64;
const READ_BYTES: usize = 4096;
/// hyper takes no smaller one.
const MIN_BUFFER_BYTES: usize = 8192;

/// Ends when the peer does, when its time is up, when it has to make room, or with the process; a request under way is
/// answered first, and its response announces the end. A peer that waits for the response to a request gets one: some take
/// a connection that is closed without one for a response that has still to come (Fluent Bit).
pub(crate) async fn serve<H, F, B>(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    handler: H,
    admission: Admission,
    stopped: watch::Receiver<()>,
    permit: Permit,
    connected: mpsc::Sender<Infallible>,
) where
    H: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let held = Held { permit: Arc::new(permit), pace: Arc::new(Pace::new()), stopped, _connected: connected };
    let mut ending = held.must_end(&admission);
    let mut wire = Wire::new(stream, Arc::clone(&held.pace), admission.limits.max_head_bytes);
    if admission.limits.speaks_http_2 {
        let begun = tokio::select! {
            biased;
            begun = wire.begins_with_http_2() => Ok(begun),
            refusal = &mut ending => Err(refusal),
        };
        match begun {
            #[cfg(feature = "http2")]
            Ok(Ok(true)) => return Box::pin(http_2::serve(wire, handler, &admission, held, ending)).await,
            Ok(Ok(_)) => {}
            Ok(Err(_)) => return,
            Err(refusal) => return Box::pin(refuse(wire.stream, &admission, refusal)).await,
        }
    }
    serve_http_1(wire, handler, &admission, held, ending).await;
}

/// What a connection holds as long as it lasts, and what can end it.
pub(crate) struct Held {
    pub(crate) permit: Arc<Permit>,
    pub(crate) pace: Arc<Pace>,
    pub(crate) stopped: watch::Receiver<()>,
    /// The server's stop waits for it.
    _connected: mpsc::Sender<Infallible>,
}

impl Held {
    /// Ends when the connection has to.
    fn must_end(&self, admission: &Admission) -> Aside<impl Future<Output = Refusal> + Send + use<>> {
        let (permit, pace, mut stopped) = (Arc::clone(&self.permit), Arc::clone(&self.pace), self.stopped.clone());
        let Limits { headers_within, idle, .. } = admission.limits;
        Aside::new(async move {
            tokio::select! {
                () = pace.is_late(headers_within, idle) => Refusal::Late,
                () = permit.must_make_room() => Refusal::NoRoom,
                _ = stopped.changed() => Refusal::Stopping,
                fault = pace.has_failed() => fault,
            }
        })
    }
}

async fn serve_http_1<S, H, F, B>(
    wire: Wire<S>,
    handler: H,
    admission: &Admission,
    held: Held,
    mut ending: Aside<impl Future<Output = Refusal>>,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    H: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let limits = admission.limits;
    let requests = Requests::new(&held);
    let offer = requests.offer();
    // hyper hands a connection back only where its handler and futures can be moved.
    let handler = Box::new(handler);
    let service = service_fn(move |mut request: Request<Incoming>| {
        let under_way = requests.begin(&mut request);
        let response = handler(request);
        Box::pin(async move {
            let mut response = response.await;
            if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                under_way.switch();
            } else if under_way.is_last(limits) {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(under_way.attach_to(response))
        })
    });
    let (mut io, mut service) = (TokioIo::new(wire), service);
    loop {
        let came = tokio::select! {
            biased;
            came = io.inner_mut().has_come() => Ok(came),
            refusal = &mut ending => Err(refusal),
        };
        match came {
            Ok(Ok(true)) => {}
            Err(refusal) if held.pace.awaits_headers() => {
                return Box::pin(refuse(io.into_inner().stream, admission, refusal)).await;
            }
            Ok(_) | Err(_) => return,
        }
        // On the heap, with hyper's buffers: an idle connection is none of it.
        match Box::pin(burst(io, service, admission, &held, &mut ending)).await {
            Burst::Rests(rested) => (io, service) = *rested,
            Burst::Switched(wire, early) => return Upgrade::deliver(&offer, *wire, early, held),
            Burst::Over => return,
        }
    }
}

/// How requests that follow one another end.
enum Burst<S, V> {
    /// Nothing follows for the moment.
    Rests(Box<(TokioIo<Wire<S>>, V)>),
    /// The connection is no longer HTTP's; bytes that came early.
    Switched(Box<Wire<S>>, Bytes),
    /// The connection is over.
    Over,
}

async fn burst<S, V, F, B>(
    io: TokioIo<Wire<S>>,
    service: V,
    admission: &Admission,
    held: &Held,
    mut ending: &mut Aside<impl Future<Output = Refusal>>,
) -> Burst<S, V>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    V: HttpService<Incoming, ResBody = B, Future = F, Error = Infallible> + Unpin,
    F: Future<Output = Result<Response<B>, Infallible>> + Unpin,
    B: Body<Error: Into<Box<dyn Error + Send + Sync>>> + 'static,
{
    let pace = Arc::clone(&held.pace);
    let mut connection = http1_with(admission.limits).serve_connection(io, service);
    let resting = Arc::clone(&pace);
    let mut resting = Aside::new(async move { resting.rests().await });
    let refusal = tokio::select! {
        biased;
        ended = poll_fn(|context| connection.poll_without_shutdown(context)) => match ended {
            Err(error) if error.is_parse() => Refusal::NOT_HTTP,
            // A connection that breaks is the peer's affair.
            Err(_) => return Burst::Over,
            Ok(()) => {
                let parts = connection.into_parts();
                let wire = parts.io.into_inner();
                if pace.is_switched() {
                    return Burst::Switched(Box::new(wire), parts.read_buf);
                }
                end(wire, ending).await;
                return Burst::Over;
            }
        },
        refusal = &mut ending => refusal,
        () = &mut resting => {
            let parts = connection.into_parts();
            let is_between = parts.read_buf.is_empty();
            return if is_between { Burst::Rests(Box::new((parts.io, parts.service))) } else { Burst::Over };
        }
    };
    wind_down(connection, refusal, admission, held).await;
    Burst::Over
}

/// Ends a connection that has to, with a response where the peer waits for one.
async fn wind_down<S, V, F, B>(
    mut connection: http1::Connection<TokioIo<Wire<S>>, V>,
    refusal: Refusal,
    admission: &Admission,
    held: &Held,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    V: HttpService<Incoming, ResBody = B, Future = F, Error = Infallible>,
    F: Future<Output = Result<Response<B>, Infallible>>,
    B: Body<Error: Into<Box<dyn Error + Send + Sync>>> + 'static,
{
    if refusal.is_fault() || held.pace.awaits_headers() {
        // Else a peer that does not read would find this in the middle of the response before.
        if held.pace.is_quiet() {
            let wire = connection.into_parts().io.into_inner();
            let refusal = wire.held_back().map_or(refusal, Refusal::of_hyper);
            refuse(wire.stream, admission, refusal).await;
        }
        return;
    }
    if refusal == Refusal::NoRoom {
        held.permit.cut_short();
    }
    Pin::new(&mut connection).graceful_shutdown();
    let _ = timeout(admission.limits.grace, connection).await;
}

/// As hyper would. A peer that was still sending gets the time to read the response: closing with unread bytes resets the
/// connection, and the response is lost (RFC 9112 §9.6).
async fn end<S: AsyncRead + AsyncWrite + Unpin>(mut wire: Wire<S>, ending: &mut Aside<impl Future<Output = Refusal>>) {
    let _ = timeout(WRITE_WITHIN, wire.shutdown()).await;
    if !wire.is_mid_request() {
        return;
    }
    let mut buffer = [0; READ_BYTES];
    let drained = async { while matches!(wire.stream.read(&mut buffer).await, Ok(1..)) {} };
    tokio::select! {
        _ = timeout(LINGER, drained) => {}
        _ = ending => {}
    }
}

fn http1_with(limits: Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .keep_alive(limits.keep_alive)
        // Counts while a connection is idle as well, so that `Pace` is in its place.
        .header_read_timeout(None)
        .max_buf_size(limits.max_head_bytes.max(MIN_BUFFER_BYTES));
    builder
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
