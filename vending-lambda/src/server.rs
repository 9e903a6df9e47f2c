//! Plain HTTP: the same service for containers, Kubernetes and a developer's machine.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use ipnet::IpNet;
use lambda_http::http::{Request, Response, StatusCode};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::handler::Api;
use crate::network;
use crate::request::{ApiRequest, MAX_BODY_BYTES};
use crate::response::ApiResponse;

/// How long a client may take to send its headers, and then its body.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// How long requests under way may take to finish once the process is asked to stop.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);

/// Serves until SIGTERM or SIGINT, then lets requests under way finish.
///
/// # Errors
/// When signals cannot be handled.
pub async fn serve(api: Arc<Api>, listener: TcpListener, proxies: Arc<[IpNet]>) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let graceful = GracefulShutdown::new();
    let refresher = tokio::spawn({
        let api = Arc::clone(&api);
        async move { api.vendor.jwks.keep_fresh().await }
    });
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, mostly: those under way give some back.
                    api.log.warn(&format!("a connection could not be accepted: {error}"));
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        };
        // Small answers should not wait for an acknowledgement; a socket that refuses this still works.
        let _ = stream.set_nodelay(true);
        let service = service_fn({
            let (api, proxies) = (Arc::clone(&api), Arc::clone(&proxies));
            move |request| answer(Arc::clone(&api), request, peer.ip(), Arc::clone(&proxies))
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(READ_TIMEOUT)
            .max_buf_size(64 * 1024)
            .serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        // A connection that breaks is the peer's affair.
        tokio::spawn(async move { drop(connection.await) });
    }
    drop(listener);
    refresher.abort();
    api.log.info("stopping: requests under way may finish");
    if tokio::time::timeout(SHUTDOWN_GRACE, graceful.shutdown()).await.is_err() {
        api.log.warn("some requests did not finish in time");
    }
    Ok(())
}

async fn answer(
    api: Arc<Api>,
    request: Request<Incoming>,
    peer: IpAddr,
    proxies: Arc<[IpNet]>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let request_id = request_id();
    let (parts, body) = request.into_parts();
    let body = match read_body(body).await {
        Ok(body) => body,
        Err(status) => {
            // The rest of the request is not read, so the connection cannot go on.
            let mut response = Response::new(Full::new(Bytes::new()));
            *response.status_mut() = status;
            return Ok(response);
        }
    };
    let forwarded_for: Vec<_> =
        parts.headers.get_all("x-forwarded-for").iter().map(|value| value.to_str().unwrap_or_default()).collect();
    let request = ApiRequest {
        source_ip: network::forwarded_source(peer, &forwarded_for, &proxies),
        method: parts.method,
        path: parts.uri.path().to_owned(),
        headers: parts.headers,
        body,
        request_id,
    };
    Ok(into_http(api.handle(request).await))
}

/// At most one byte more than a route reads, which is enough for it to answer 413.
async fn read_body(body: Incoming) -> Result<Vec<u8>, StatusCode> {
    let limited = Limited::new(body, MAX_BODY_BYTES);
    match tokio::time::timeout(READ_TIMEOUT, limited.collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes().into()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Ok(vec![b' '; MAX_BODY_BYTES + 1]),
        Ok(Err(_)) => Err(StatusCode::BAD_REQUEST),
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
    }
}

fn into_http(response: ApiResponse) -> Response<Full<Bytes>> {
    let mut http = Response::new(Full::new(Bytes::from(response.body)));
    *http.status_mut() = StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *http.headers_mut() = response.headers;
    http
}

/// 128 random bits in hexadecimal.
fn request_id() -> String {
    let mut bytes = [0; 16];
    // The system's generator does not fail on the systems this runs on; an id of zeros would only be less telling.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    bytes.iter().fold(String::with_capacity(32), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
