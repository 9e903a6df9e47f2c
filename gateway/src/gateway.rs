//! One request through the gateway: admitted, sent on, and answered.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use environment::{Log, contains};
use futures_util::FutureExt as _;
use http::header::{CONNECTION, HOST};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_server::{Arrival, Refusal, forwarded_source, is_host, request_id};
use hyper::body::{Body as _, Incoming};
use ipnet::IpNet;

use crate::admit::{Decider, Question};
use crate::error::GatewayError;
use crate::exchange::Exchange;
use crate::identity_headers::{FORWARDED_FOR, REQUEST_ID};
use crate::metrics::{Metrics, method_label};
use crate::path::is_health;
use crate::response::{GatewayBody, healthy, refusal};
use crate::routes::Routes;
use crate::upstream::Upstream;

/// More than any proxy's id has.
const MAX_REQUEST_ID: usize = 128;

/// Everything that a request needs.
pub struct Gateway {
    /// Who may do what.
    pub decider: Decider,
    /// Replaced by a reload.
    pub routes: RwLock<Arc<Routes>>,
    /// Where requests go.
    pub upstream: Arc<Upstream>,
    /// What Prometheus reads.
    pub metrics: Arc<Metrics>,
    /// Diagnostic lines.
    pub log: Log,
    /// Peers that are believed about where a request came from.
    pub trusted_proxies: Vec<IpNet>,
    /// `MAX_BODY_BYTES`.
    pub max_body_bytes: u64,
    /// `UPSTREAM_TIMEOUT_SECONDS`.
    pub upstream_timeout: Duration,
    /// `FORWARD_AUTHORIZATION`.
    pub forwards_authorization: bool,
    /// SIGTERM has come.
    pub is_draining: AtomicBool,
}

/// A client's connection, and what is the same for all its requests. They hold this one and not the gateway itself: a count
/// that all cores change for each request costs more than the work that it counts.
pub struct Inbound {
    /// Whose connection.
    pub gateway: Arc<Gateway>,
    peer: Option<IpAddr>,
    /// Its address, for headers.
    pub shown: Option<HeaderValue>,
    /// Whether it is a named proxy.
    pub is_trusted: bool,
    /// The worker that it lives on.
    pub worker: usize,
}

/// How a request came.
pub struct Arrived {
    /// Its connection.
    pub inbound: Arc<Inbound>,
    /// Where the request came from.
    pub source_ip: Option<IpAddr>,
    /// Names the request.
    pub request_id: HeaderValue,
    /// When it came.
    pub now: SystemTime,
    /// The same, for durations.
    pub started: Instant,
}

impl Gateway {
    /// The routes of the moment.
    pub fn routes(&self) -> Arc<Routes> {
        Arc::clone(&self.routes.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// A client has connected.
    #[must_use]
    pub fn inbound(self: &Arc<Self>, peer: Option<IpAddr>, worker: usize) -> Arc<Inbound> {
        let is_trusted = peer.is_some_and(|peer| contains(&self.trusted_proxies, peer));
        let shown = peer.and_then(|peer| HeaderValue::try_from(peer.to_canonical().to_string()).ok());
        Arc::new(Inbound { gateway: Arc::clone(self), peer, shown, is_trusted, worker })
    }

    /// Answers a request. Never fails: a panic becomes a 500 that carries the request id and nothing else.
    pub async fn respond(inbound: Arc<Inbound>, request: Request<Incoming>) -> Response<GatewayBody> {
        let this = &*inbound.gateway;
        let arrived = inbound.arrived(request.headers());
        let is_http_1 = request.version() <= Version::HTTP_11;
        let is_whole = request.body().is_end_stream();
        let method = method_label(request.method());
        let mut exchange = Exchange::begin(Arc::clone(&inbound), method, arrived.started);
        // A panic leaves no state of ours half-changed: each lock is held for a few assignments only.
        let answered = AssertUnwindSafe(this.answer(request, &arrived, &mut exchange)).catch_unwind().await;
        let mut response = match answered.unwrap_or(Err(GatewayError::Internal)) {
            Ok(response) => response.into_response(&arrived.request_id, exchange),
            Err(error) => {
                if matches!(error, GatewayError::Internal) {
                    let id = arrived.request_id.to_str().unwrap_or_default();
                    this.log.error(format_args!("request {id} panicked"));
                }
                exchange.refused(&error);
                let mut response = refusal(&error, &arrived.request_id, Some(exchange));
                // What is left of the body must not be taken for the next request.
                if !is_whole && is_http_1 {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                response
            }
        };
        this.close_while_draining(&mut response, is_http_1);
        response
    }

    /// After SIGTERM no connection waits for another request.
    pub(crate) fn close_while_draining(&self, response: &mut Response<GatewayBody>, is_http_1: bool) {
        // A response that switches protocols says `Connection: upgrade`, or the caller takes it for a failure.
        let switches = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        if self.is_draining.load(Ordering::Relaxed) && is_http_1 && !switches {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }

    /// What a connection responds where no request came, or none that is one beyond doubt.
    pub fn refuse(self: &Arc<Self>, refused: Refusal) -> Response<http_body_util::Full<hyper::body::Bytes>> {
        let error = GatewayError::Connection(refused);
        let mut exchange = Exchange::begin(self.inbound(None, 0), "other", Instant::now());
        exchange.refused(&error);
        exchange.ended(error.told().status);
        refusal(&error, &new_id(), None).map(GatewayBody::into_own)
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        arrived: &Arrived,
        exchange: &mut Exchange,
    ) -> Result<Answer, GatewayError> {
        if is_health(request.uri().path()) && matches!(*request.method(), Method::GET | Method::HEAD) {
            exchange.health();
            return Ok(Answer::Health);
        }
        let question = Question {
            headers: request.headers(),
            method: request.method(),
            // A tunnel's target is no path; its method is refused once the caller is known.
            path: check_host(&request)
                .map(|()| if *request.method() == Method::CONNECT { "/" } else { request.uri().path() }),
        };
        let admitted = self.admit(question, arrived, exchange).await?;
        if let Some(arrival) = request.extensions().get::<Arrival>() {
            arrival.is_complete();
        }
        self.forward(request, admitted, arrived, exchange).await
    }
}

impl Inbound {
    /// How a request came.
    #[allow(clippy::disallowed_methods)] // Time enters here, once a request, and is an argument from here on.
    pub fn arrived(self: &Arc<Self>, headers: &HeaderMap) -> Arrived {
        let forwarded_for = headers.get_all(FORWARDED_FOR).iter().map(|value| value.to_str().unwrap_or_default());
        let forwarded_for: Vec<_> = forwarded_for.collect();
        let proxies = &self.gateway.trusted_proxies;
        Arrived {
            inbound: Arc::clone(self),
            source_ip: self.peer.and_then(|peer| forwarded_source(peer, &forwarded_for, proxies)),
            request_id: id_of(headers, self.is_trusted),
            now: SystemTime::now(),
            started: Instant::now(),
        }
    }
}

/// What a request gets.
pub enum Answer {
    /// The gateway is up.
    Health,
    /// The upstream's response.
    Upstream(Box<crate::forward::UpstreamResponse>),
}

impl Answer {
    fn into_response(self, request_id: &HeaderValue, exchange: Exchange) -> Response<GatewayBody> {
        match self {
            Self::Health => healthy(request_id, Some(exchange)),
            Self::Upstream(response) => response.into_response(request_id, exchange),
        }
    }
}

const BAD_HOST: &str = "the `Host` or `:authority` is not a host with an optional port";

/// RFC 9112 §3.2, RFC 9113 §8.3.1: one host. HTTP/1's was checked where its bytes were read, and HTTP/1.0's may be missing.
fn check_host(request: &Request<Incoming>) -> Result<(), GatewayError> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let (host, authority) = (hosts.next(), request.uri().authority());
    if hosts.next().is_some() {
        return Err(GatewayError::Invalid("there is more than one `Host`"));
    }
    match (host, authority) {
        (None, None) => Err(GatewayError::Invalid("there is no `Host`")),
        (Some(host), Some(authority)) if !host.as_bytes().eq_ignore_ascii_case(authority.as_str().as_bytes()) => {
            Err(GatewayError::Invalid("the target names another host than `Host`"))
        }
        (Some(host), _) if !is_host(host.as_bytes()) => Err(GatewayError::Invalid(BAD_HOST)),
        (_, Some(authority)) if !is_host(authority.as_str().as_bytes()) => Err(GatewayError::Invalid(BAD_HOST)),
        _ => Ok(()),
    }
}

/// A trusted proxy's is kept, so that one request has one name all the way.
fn id_of(headers: &HeaderMap, is_trusted: bool) -> HeaderValue {
    let mut given = headers.get_all(REQUEST_ID).iter().filter(|_| is_trusted);
    match (given.next(), given.next()) {
        (Some(id), None) if is_id(id.as_bytes()) => id.clone(),
        _ => new_id(),
    }
}

fn is_id(bytes: &[u8]) -> bool {
    (1..=MAX_REQUEST_ID).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
}

fn new_id() -> HeaderValue {
    // Hexadecimal digits fit every header.
    HeaderValue::try_from(request_id()).unwrap_or(HeaderValue::from_static("unknown"))
}
