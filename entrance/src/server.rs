//! Plain HTTP: the same service for containers, Kubernetes and a developer's machine.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response, StatusCode};
use http_body_util::Full;
use http_server::{
    Admission, BodyError, Limits, Listener, Refusal, Server, Termination, forwarded_source, read_body, request_id,
};
use hyper::body::{Bytes, Incoming};
use ipnet::IpNet;

use crate::call::{Call, Presence};
use crate::request::{ApiRequest, RequestError, query};
use crate::response::ApiResponse;
use crate::service::Service;

/// How long a client may take to send its headers, and then its body.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

const fn limits(grace: Duration) -> Limits {
    Limits {
        headers_within: READ_TIMEOUT,
        idle: Duration::from_secs(75),
        keep_alive: true,
        max_head_bytes: 64 * 1024,
        lifetime: Duration::from_secs(600),
        grace,
        // The rest of the usual 1,024 file descriptors is for AWS and the issuers' keys.
        max_connections: 512,
        // A proxy that is named may have all, since it has one address for the connections of all its callers.
        max_connections_of_source: 64,
        speaks_http_2: false,
        may_wait: false,
    }
}

/// Serves until SIGTERM or SIGINT, then lets requests under way finish.
///
/// # Errors
/// When signals cannot be handled.
pub(crate) async fn serve<S: Service>(service: Arc<S>, listener: Listener, proxies: Arc<[IpNet]>) -> io::Result<()> {
    let mut termination = Termination::handle()?;
    let refresher = tokio::spawn({
        let service = Arc::clone(&service);
        async move { service.issuers().keep_fresh().await }
    });
    let log = service.log();
    let accept_failed = move |error| log.warn(format_args!("a connection could not be accepted: {error}"));
    let admission =
        Admission { limits: limits(S::GRACE), proxies: Arc::clone(&proxies), refuse: Arc::new(refuse::<S>) };
    let server = Server::start(listener, admission, accept_failed, move |peer| {
        let (service, proxies, peer) = (Arc::clone(&service), Arc::clone(&proxies), peer.ip());
        move |request| respond(Arc::clone(&service), request, peer, Arc::clone(&proxies))
    });
    termination.requested().await;
    refresher.abort();
    log.info("stopping: requests under way may finish");
    if !server.stop().await {
        log.warn("some requests did not finish in time");
    }
    Ok(())
}

async fn respond<S: Service>(
    service: Arc<S>,
    request: Request<Incoming>,
    peer: Option<IpAddr>,
    proxies: Arc<[IpNet]>,
) -> Response<Full<Bytes>> {
    let (request_id, mut call) = (request_id(), Call::now(None));
    // Dropped with this task, which ends with its connection.
    let (presence, _held) = Presence::held();
    call.presence = presence;
    let (parts, body) = read_body(request, S::MAX_BODY_BYTES, READ_TIMEOUT).await;
    let forwarded_for: Vec<_> =
        parts.headers.get_all("x-forwarded-for").iter().map(|value| value.to_str().unwrap_or_default()).collect();
    let request = ApiRequest {
        source_ip: peer.and_then(|peer| forwarded_source(peer, &forwarded_for, &proxies)),
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query: query(parts.uri.query().unwrap_or_default()),
        headers: parts.headers,
        body: body.map(Into::into).map_err(problem_of_body::<S>),
        request_id: request_id.clone(),
        call,
    };
    // A task of its own: a caller that hangs up must not take the audit line of its request along.
    let handled = tokio::spawn(async move { service.handle(request).await });
    into_http(handled.await.unwrap_or_else(|_| S::refuse(RequestError::Panicked, &request_id)))
}

fn problem_of_body<S: Service>(error: BodyError) -> RequestError {
    match error {
        BodyError::TooLarge => RequestError::TooLarge { limit: S::MAX_BODY_BYTES },
        BodyError::Malformed => RequestError::Invalid("the body was cut off or is not well-formed HTTP"),
        BodyError::Late => RequestError::BodyLate,
        BodyError::NoRoom => RequestError::Connection(Refusal::NoRoom),
    }
}

/// What a connection responds where no request reaches [`respond`].
fn refuse<S: Service>(refusal: Refusal) -> Response<Full<Bytes>> {
    into_http(S::refuse(RequestError::Connection(refusal), &request_id()))
}

fn into_http(response: ApiResponse) -> Response<Full<Bytes>> {
    let mut http = Response::new(Full::new(Bytes::from(response.body)));
    *http.status_mut() = StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *http.headers_mut() = response.headers;
    http
}
