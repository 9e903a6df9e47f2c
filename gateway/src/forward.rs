//! An admitted request on its way to the upstream, and the response on its way back.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::header::{CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, HOST, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_server::Upgrade;
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{copy, split};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout};

use crate::admit::Admitted;
use crate::error::GatewayError;
use crate::exchange::Exchange;
use crate::gateway::{Answer, Arrived, Gateway};
use crate::identity_headers::{Hop, REQUEST_ID, clean_response, for_upstream};
use crate::request_body::{BodyFault, BodyProgress, PROGRESS_WITHIN, RequestBody};
use crate::response::{Back, GatewayBody};
use crate::upstream::Connection;

const WEBSOCKET: &str = "websocket";
/// For the side of a WebSocket whose other side has ended.
const LAST_WORD_WITHIN: Duration = Duration::from_secs(5);

/// The upstream's response.
pub struct UpstreamResponse {
    response: Response<Incoming>,
    back: Back,
    /// The caller's end of a connection that becomes a WebSocket.
    upgrade: Option<Upgrade>,
    /// Whether the caller speaks HTTP/1.
    is_http_1: bool,
}

impl Gateway {
    pub(crate) async fn forward(
        &self,
        mut request: Request<Incoming>,
        admitted: Admitted,
        arrived: &Arrived,
        exchange: &mut Exchange,
    ) -> Result<Answer, GatewayError> {
        let is_http_1 = request.version() <= Version::HTTP_11;
        let upgrade = wants_websocket(&request).then(|| request.extensions_mut().remove::<Upgrade>()).flatten();
        let outgoing = self.outgoing(request, &admitted, arrived, upgrade.is_some())?;
        let Outgoing { request, progress } = outgoing;
        let sent = std::time::Instant::now();
        let (response, connection) = self.exchange(request, &progress, arrived).await?;
        exchange.upstream_responded(sent);
        let switches = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        if switches && (upgrade.is_none() || !is_websocket(response.headers())) {
            self.warn(arrived, "the upstream switches to a protocol that was not asked for");
            return Err(GatewayError::UpstreamUnavailable);
        }
        let back = Back { inbound: Arc::clone(&arrived.inbound), connection, request_body: progress };
        let upgrade = upgrade.filter(|_| switches);
        Ok(Answer::Upstream(Box::new(UpstreamResponse { response, back, upgrade, is_http_1 })))
    }

    fn outgoing(
        &self,
        request: Request<Incoming>,
        admitted: &Admitted,
        arrived: &Arrived,
        upgrades: bool,
    ) -> Result<Outgoing, GatewayError> {
        let (parts, body) = request.into_parts();
        let limit = self.max_body_bytes;
        if body.size_hint().lower() > limit {
            return Err(GatewayError::TooLarge { limit });
        }
        let (go_on, wanted) = expectation(&parts.headers, parts.version, body.is_end_stream())?;
        let authority = parts.uri.authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
        let hop = Hop {
            peer: arrived.inbound.shown.as_ref(),
            is_trusted: arrived.inbound.is_trusted,
            request_id: &arrived.request_id,
            host: parts.headers.get(HOST).or(authority.as_ref()),
            forwards_authorization: self.forwards_authorization,
        };
        let mut headers = for_upstream(&parts.headers, &hop, &admitted.caller.value.identity);
        headers.insert(HOST, self.upstream.authority().clone());
        if upgrades {
            headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(UPGRADE, HeaderValue::from_static(WEBSOCKET));
        }
        if go_on.is_some() {
            headers.insert(EXPECT, HeaderValue::from_static("100-continue"));
        }
        if !body.is_end_stream() && body.size_hint().exact().is_none() {
            // The HTTP library takes a GET without a length for one without a body.
            headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        join_cookies(&mut headers, parts.version);
        if body.is_end_stream() && has_length(&parts.method, &parts.headers) {
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let target = self.upstream.target(&admitted.path, &parts.uri);
        let (body, progress) = RequestBody::new(body, limit, wanted);
        let mut request = Request::new(body);
        *request.method_mut() = parts.method;
        *request.uri_mut() = target.ok_or(GatewayError::Invalid("the path and the query fit no request"))?;
        *request.headers_mut() = headers;
        if let Some(go_on) = go_on {
            let go_on = Mutex::new(Some(go_on));
            hyper::ext::on_informational(&mut request, move |response| {
                if response.status() == StatusCode::CONTINUE
                    && let Some(go_on) = go_on.lock().ok().and_then(|mut go_on| go_on.take())
                {
                    // The request may have ended meanwhile.
                    let _ = go_on.send(());
                }
            });
        }
        Ok(Outgoing { request, progress })
    }

    /// The time to the first byte counts from when the last of the body moved, and stands still while the caller owes the
    /// next bytes: an upload may take as long as it moves, and who stops one is not the upstream.
    async fn exchange(
        &self,
        request: Request<RequestBody>,
        progress: &BodyProgress,
        arrived: &Arrived,
    ) -> Result<(Response<Incoming>, Connection), GatewayError> {
        let mut sending = pin!(self.upstream.send(request, arrived.inbound.worker));
        let error = loop {
            let deadline = progress.upstream_owes_since().unwrap_or_else(Instant::now) + self.upstream_timeout;
            tokio::select! {
                biased;
                sent = &mut sending => match sent {
                    Ok(responded) => return Ok(responded),
                    Err(error) => break error,
                },
                () = sleep_until(deadline) => {
                    let is_late = |since| since + self.upstream_timeout <= Instant::now();
                    if progress.upstream_owes_since().is_some_and(is_late) {
                        self.warn(arrived, "the upstream does not respond");
                        return Err(GatewayError::UpstreamTimeout(self.upstream_timeout));
                    }
                }
            }
        };
        Err(match progress.fault() {
            Some(BodyFault::TooLarge) => GatewayError::TooLarge { limit: self.max_body_bytes },
            Some(BodyFault::Late) => GatewayError::Late(PROGRESS_WITHIN),
            Some(BodyFault::CutOff) => GatewayError::CutOff,
            Some(BodyFault::Malformed) => GatewayError::Invalid("the body is not well-formed HTTP"),
            None => {
                self.warn(arrived, error);
                GatewayError::UpstreamUnavailable
            }
        })
    }

    fn warn(&self, arrived: &Arrived, problem: impl std::fmt::Display) {
        let id = arrived.request_id.to_str().unwrap_or_default();
        self.log.warn(format_args!("request {id}: {problem}"));
    }
}

/// A request as it is sent.
struct Outgoing {
    request: Request<RequestBody>,
    progress: BodyProgress,
}

impl UpstreamResponse {
    pub(crate) fn into_response(self, request_id: &HeaderValue, exchange: Exchange) -> Response<GatewayBody> {
        let Self { mut response, back, upgrade, is_http_1 } = self;
        let upgrade = upgrade.map(|caller| (caller, hyper::upgrade::on(&mut response)));
        let (mut parts, body) = response.into_parts();
        // RFC 9112 §6.3: the transfer coding wins, and what says something else does not go on.
        if parts.headers.contains_key(TRANSFER_ENCODING) {
            parts.headers.remove(CONTENT_LENGTH);
        }
        clean_response(&mut parts.headers);
        parts.headers.insert(REQUEST_ID, request_id.clone());
        parts.extensions.clear();
        parts.version = Version::default();
        let status = parts.status.as_u16();
        let body = if let Some((caller, upstream)) = upgrade {
            parts.headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
            parts.headers.insert(UPGRADE, HeaderValue::from_static(WEBSOCKET));
            tokio::spawn(tunnel(caller, upstream, back.connection, exchange));
            GatewayBody::own(Bytes::new(), status, None)
        } else {
            if is_http_1 && !back.request_body.is_complete() {
                parts.headers.insert(CONNECTION, HeaderValue::from_static("close"));
            }
            GatewayBody::of_upstream(body, back, status, exchange)
        };
        Response::from_parts(parts, body)
    }
}

/// Both ends become one stream of bytes. It ends with either of them, and no token's end ends it.
async fn tunnel(caller: Upgrade, upstream: OnUpgrade, connection: Connection, mut exchange: Exchange) {
    let (Some(caller), Ok(upstream)) = tokio::join!(caller.connection(), upstream) else { return };
    let _open = exchange.tunnelled();
    // Whoever drops it earlier ends it.
    drop(connection);
    let upstream = TokioIo::new(upstream);
    let (mut from_caller, mut to_caller) = split(caller);
    let (mut from_upstream, mut to_upstream) = split(upstream);
    let mut up = pin!(copy(&mut from_caller, &mut to_upstream));
    let mut down = pin!(copy(&mut from_upstream, &mut to_caller));
    // What breaks is the end of the conversation. RFC 6455 §7.1.1: the other side still has a word to say, and soon.
    tokio::select! {
        _ = &mut up => drop(timeout(LAST_WORD_WITHIN, down).await),
        _ = &mut down => drop(timeout(LAST_WORD_WITHIN, up).await),
    }
    exchange.ended(StatusCode::SWITCHING_PROTOCOLS.as_u16());
}

/// Whether the upstream is asked before the body is sent, and the two ends of its word.
type Expectation = (Option<oneshot::Sender<()>>, Option<oneshot::Receiver<()>>);

/// RFC 9110 §10.1.1. HTTP/2 clients do not wait: nobody tells them to go on there.
fn expectation(headers: &HeaderMap, version: Version, has_no_body: bool) -> Result<Expectation, GatewayError> {
    let mut values = headers.get_all(EXPECT).iter();
    let Some(value) = values.next() else { return Ok((None, None)) };
    if values.next().is_some() || !value.as_bytes().eq_ignore_ascii_case(b"100-continue") {
        return Err(GatewayError::Expectation);
    }
    if version != Version::HTTP_11 || has_no_body {
        return Ok((None, None));
    }
    let (go_on, wanted) = oneshot::channel();
    Ok((Some(go_on), Some(wanted)))
}

/// RFC 9110 §8.6: a method that means something by its body says that there is none.
fn has_length(method: &Method, headers: &HeaderMap) -> bool {
    headers.contains_key(CONTENT_LENGTH) || matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}

/// RFC 9113 §8.2.3: HTTP/2 splits them for compression, and HTTP/1 knows one line.
fn join_cookies(headers: &mut HeaderMap, version: Version) {
    let crumbs: Vec<_> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if version != Version::HTTP_2 || crumbs.len() < 2 {
        return;
    }
    if let Ok(cookie) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..])) {
        headers.insert(COOKIE, cookie);
    }
}

/// RFC 6455 §4.1. Every other upgrade ends here, and the request goes on without it.
fn wants_websocket(request: &Request<Incoming>) -> bool {
    let names_upgrade = request.headers().get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    *request.method() == Method::GET
        && request.version() == Version::HTTP_11
        && request.body().is_end_stream()
        && is_websocket(request.headers())
        && names_upgrade.flat_map(|value| value.split(',')).any(|name| name.trim().eq_ignore_ascii_case("upgrade"))
}

fn is_websocket(headers: &HeaderMap) -> bool {
    let mut protocols = headers.get_all(UPGRADE).iter();
    let is_one = protocols.next().is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(WEBSOCKET.as_bytes()));
    is_one && protocols.next().is_none()
}
