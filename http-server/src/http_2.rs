//! A connection of HTTP/2 with prior knowledge (RFC 9113 §3.3).

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use crate::aside::Aside;
use crate::connection::Held;
use crate::refusal::Refusal;
use crate::requests::Requests;
use crate::server::Admission;
use crate::stalls::Stalls;
use crate::wire::Wire;

/// Requests at once on one connection.
const MAX_STREAMS: u32 = 128;
/// For what is said when a connection ends.
const SHORT_GRACE: Duration = Duration::from_secs(1);

pub(crate) async fn serve<S, H, F, B>(
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
    let requests = Requests::new(&held);
    let stalls = Stalls::default();
    let watching = stalls.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        let under_way = requests.begin(&mut request);
        let (response, watching) = (handler(request), watching.clone());
        async move {
            let response = response.await;
            Ok::<_, Infallible>(under_way.attach_to(response).map(|body| watching.watch(body)))
        }
    });
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(u32::try_from(admission.limits.max_head_bytes).unwrap_or(u32::MAX));
    let mut connection = builder.serve_connection(TokioIo::new(wire), service);
    let refusal = tokio::select! {
        biased;
        // A connection that breaks is the peer's affair.
        _ = &mut connection => return,
        () = stalls.is_stalled() => return,
        refusal = &mut ending => refusal,
    };
    if refusal == Refusal::NoRoom {
        held.permit.cut_short();
    }
    Pin::new(&mut connection).graceful_shutdown();
    // One that has to make room, or is idle, has nothing under way that deserves more.
    let grace = if refusal == Refusal::Stopping { admission.limits.grace } else { SHORT_GRACE };
    let _ = timeout(grace, connection).await;
}
