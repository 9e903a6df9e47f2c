//! Plain HTTP: the same service for containers, Kubernetes and a developer's machine.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use ipnet::IpNet;
use lambda_http::http::{Request, Response, StatusCode};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::error::VendError;
use crate::handler::Api;
use crate::network;
use crate::request::{ApiRequest, MAX_BODY_BYTES, RequestError};
use crate::response::ApiResponse;

/// How long a client may take to send its headers, and then its body.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may be used: one whose peer reads nothing ends with it.
const CONNECTION_LIFETIME: Duration = Duration::from_secs(60);
/// How long requests under way may take to finish once their connection or the process is to end.
const GRACE: Duration = Duration::from_secs(10);
/// Connections at once. The rest of the usual 1,024 file descriptors is for the table, STS and the issuers' keys.
const MAX_CONNECTIONS: usize = 512;

/// Serves until SIGTERM or SIGINT, then lets requests under way finish.
///
/// # Errors
/// When signals cannot be handled.
pub async fn serve(api: Arc<Api>, listener: TcpListener, proxies: Arc<[IpNet]>) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (stop, stopped) = watch::channel(());
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let refresher = tokio::spawn({
        let api = Arc::clone(&api);
        async move { api.vendor.issuers.keep_fresh().await }
    });
    let accepting = async {
        loop {
            // The semaphore is never closed. Whoever finds no place waits in the kernel's queue.
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let connection =
                        Connection { api: Arc::clone(&api), peer: peer.ip(), proxies: Arc::clone(&proxies) };
                    tokio::spawn(connection.serve(stream, stopped.clone(), place));
                }
                Err(error) => {
                    // Out of file descriptors, mostly: those under way give some back.
                    api.log.warn(&format!("a connection could not be accepted: {error}"));
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    };
    tokio::select! {
        () = accepting => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    drop(listener);
    refresher.abort();
    api.log.info("stopping: requests under way may finish");
    drop(stop);
    let all = u32::try_from(MAX_CONNECTIONS).unwrap_or(u32::MAX);
    if tokio::time::timeout(GRACE, places.acquire_many(all)).await.is_err() {
        api.log.warn("some requests did not finish in time");
    }
    Ok(())
}

struct Connection {
    api: Arc<Api>,
    peer: IpAddr,
    proxies: Arc<[IpNet]>,
}

impl Connection {
    /// Ends when the peer does, when its time is up, or with the process; a request under way is answered first.
    async fn serve(self, stream: TcpStream, mut stopped: watch::Receiver<()>, place: OwnedSemaphorePermit) {
        // Small answers should not wait for an acknowledgement; a socket that refuses this still works.
        let _ = stream.set_nodelay(true);
        let Self { api, peer, proxies } = self;
        let service = service_fn(move |request| answer(Arc::clone(&api), request, peer, Arc::clone(&proxies)));
        let mut connection = pin!(
            hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(READ_TIMEOUT)
                .max_buf_size(64 * 1024)
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
        Err(problem) => {
            let error = VendError::Request(RequestError::Invalid(problem));
            return Ok(into_http(ApiResponse::error(&error, &request_id, Vec::new())));
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
        request_id: request_id.clone(),
    };
    // A task of its own: a caller that hangs up must not take the audit line of its request along.
    let handled = tokio::spawn(async move { api.handle(request).await });
    Ok(into_http(handled.await.unwrap_or_else(|_| ApiResponse::error(&VendError::Internal, &request_id, Vec::new()))))
}

/// At most one byte more than a route reads, which is enough for it to answer 413.
async fn read_body(body: Incoming) -> Result<Vec<u8>, &'static str> {
    let limited = Limited::new(body, MAX_BODY_BYTES);
    match tokio::time::timeout(READ_TIMEOUT, limited.collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes().into()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Ok(vec![b' '; MAX_BODY_BYTES + 1]),
        Ok(Err(_)) => Err("the body was cut off or is not well-formed HTTP"),
        Err(_) => Err("the body did not arrive within 10 seconds"),
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
