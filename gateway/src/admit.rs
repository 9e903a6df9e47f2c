//! May this client make this request? One decision and one line on record, for requests that pass through and for
//! forward-auth alike.

use std::sync::Arc;
use std::time::SystemTime;

use audit::{Record, Shown};
use authenticate::{RateLimit, bearer_token};
use http::{HeaderMap, Method};

use crate::audit_line;
use crate::caller::{Callers, Verified};
use crate::error::{GatewayError, Members};
use crate::exchange::Exchange;
use crate::gateway::{Arrived, Gateway};
use crate::metrics::Metrics;
use crate::path::normalise;
use crate::routes::{Matched, Route, Routes};

/// The trail of a request.
pub type Trail = audit::Trail<GatewayError>;

/// Of a method, in an audit line.
const SHOWN_METHOD: usize = 32;
/// Of a path, in an audit line.
const SHOWN_PATH: usize = 500;

/// Everything a decision needs, routes excepted.
pub struct Decider {
    /// Whose tokens are accepted.
    pub callers: Callers,
    /// `REQUIRED_SCOPES`.
    pub required_scopes: Vec<String>,
    /// `RATE_LIMIT_PER_MINUTE`.
    pub rate_limit: RateLimit,
    /// Where validation times go.
    pub metrics: Arc<Metrics>,
}

/// What a decision is about.
pub struct Question<'a> {
    /// With the token.
    pub headers: &'a HeaderMap,
    /// What is to be done.
    pub method: &'a Method,
    /// To what, without the query.
    pub path: Result<&'a str, GatewayError>,
}

/// A request that may pass.
pub struct Admitted {
    /// Whose it is.
    pub caller: Arc<Verified>,
    /// The path in its normal form.
    pub path: String,
}

/// What was read off a request.
struct Reading {
    path: String,
    traceparent: Option<String>,
}

/// A caller, and whether its token was known.
struct Found {
    caller: Arc<Verified>,
    was_cached: bool,
}

impl Gateway {
    /// Decides, and puts the decision on record.
    ///
    /// # Errors
    /// The first rule that says no, in the order 400, 401, 404 or 405, 403, 429; or that nothing can be recorded.
    pub async fn admit(
        &self,
        question: Question<'_>,
        arrived: &Arrived,
        exchange: &mut Exchange,
    ) -> Result<Admitted, GatewayError> {
        let mut trail = Trail::new(arrived.source_ip, false);
        let mut caller = None;
        let method = question.method;
        let routes = self.routes();
        let decided = self.decider.decide(question, &routes, arrived.now, exchange, &mut trail, &mut caller).await;
        // A name of kilobytes would cost the caller nothing over HTTP/2, and the log all of them.
        let route = [beginning(method.as_str(), SHOWN_METHOD), exchange.route_label()].join(" ");
        let id = arrived.request_id.to_str().unwrap_or_default();
        let line = trail.plain_line(id, &route, arrived.now, decided.as_ref().err());
        let audited = audit_line::write(line, self.log).await.map_err(GatewayError::Audit);
        let decided = audited.and(decided);
        match (&decided, &caller) {
            (Ok(admitted), _) => admitted.caller.value.allowed.inc(),
            (Err(error), Some(caller)) => {
                self.metrics.client_requests(&caller.value.shown_client_id, error.told().code).inc();
            }
            (Err(_), None) => {}
        }
        decided
    }
}

impl Decider {
    async fn decide(
        &self,
        question: Question<'_>,
        routes: &Routes,
        now: SystemTime,
        exchange: &mut Exchange,
        trail: &mut Trail,
        caller: &mut Option<Arc<Verified>>,
    ) -> Result<Admitted, GatewayError> {
        let Question { headers, method, path } = question;
        let path = trail.step("path", || read(path, headers, routes))?.path;
        let matched = routes.find(method, &path);
        exchange.route(&matched);
        let token = trail.step("bearer", || bearer_token(headers)?.ok_or(GatewayError::NoToken))?;
        let found = trail.wait("token", self.find(token, now)).await?;
        let caller = caller.insert(found.caller);
        let route = trail.step("route", || listed(method, &matched))?;
        trail.step("scopes", || self.check_scopes(caller, route))?;
        trail.step("rate_limit", || self.count(caller, route, now))?;
        Ok(Admitted { caller: Arc::clone(caller), path })
    }

    async fn find(&self, token: &str, now: SystemTime) -> Result<Found, GatewayError> {
        let (caller, was_cached) = self.callers.identify(token, now, &self.metrics).await?;
        Ok(Found { caller, was_cached })
    }

    fn check_scopes(&self, caller: &Verified, route: Option<&Route>) -> Result<(), GatewayError> {
        let of_route = route.map(|route| route.scopes.as_slice()).unwrap_or_default();
        let needed = self.required_scopes.iter().chain(of_route);
        let missing: Vec<_> =
            needed.filter(|scope| !caller.claims.scopes().contains(scope)).map(String::as_str).collect();
        if missing.is_empty() { Ok(()) } else { Err(GatewayError::InsufficientScope { missing: missing.join(" ") }) }
    }

    /// A request that one of the limits refuses counts for neither.
    fn count(&self, caller: &Verified, route: Option<&Route>, now: SystemTime) -> Result<(), GatewayError> {
        self.rate_limit.check(&caller.claims, now)?;
        if let Some(route) = route
            && let Err(limited) = route.rate_limit.check(&caller.claims, now)
        {
            self.rate_limit.give_back(&caller.claims);
            return Err(limited.into());
        }
        Ok(())
    }
}

/// So many characters.
fn beginning(text: &str, length: usize) -> &str {
    let end = if text.len() <= length { None } else { text.char_indices().nth(length) };
    end.map_or(text, |(end, _)| &text[..end])
}

fn read(path: Result<&str, GatewayError>, headers: &HeaderMap, routes: &Routes) -> Result<Reading, GatewayError> {
    let path = normalise(path?.as_bytes(), routes.strictness())?;
    Ok(Reading { path, traceparent: traceparent(headers).map(str::to_owned) })
}

/// W3C Trace Context §3.2: version 00 has 55 characters; a later one may have more of them behind a `-`.
fn traceparent(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get("traceparent")?.to_str().ok()?;
    let is_one = value.len() == 55 && value.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
    is_one.then_some(value)
}

/// The route that is for a request, if one has to be.
fn listed<'a>(method: &Method, matched: &Matched<'a>) -> Result<Option<&'a Route>, GatewayError> {
    // RFC 9110 §9.3.6: a tunnel to wherever the caller says is not what a gateway is for.
    if *method == Method::CONNECT {
        return Err(GatewayError::MethodNotAllowed {
            allow: "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS".to_owned(),
        });
    }
    match matched {
        Matched::Route(route) => Ok(Some(route)),
        Matched::Unlisted => Ok(None),
        Matched::NotFound => Err(GatewayError::NotFound),
        Matched::MethodNotAllowed(route) => Err(GatewayError::MethodNotAllowed { allow: route.allow() }),
    }
}

impl Shown<GatewayError> for &str {}
impl Shown<GatewayError> for () {}
impl Shown<GatewayError> for Option<&Route> {}

impl Shown<GatewayError> for Reading {
    fn record(&self, record: &mut Record<Members>) {
        record.members.path = Some(beginning(&self.path, SHOWN_PATH).to_owned());
        record.members.traceparent.clone_from(&self.traceparent);
    }
}

impl Shown<GatewayError> for Found {
    fn record(&self, record: &mut Record<Members>) {
        let caller = &self.caller.value;
        record.verified_before(Arc::clone(&self.caller.claims));
        record.presented_as(Arc::clone(&caller.token_sha256));
        record.members.cache = Some(if self.was_cached { "hit" } else { "miss" });
        if caller.shown_client_id != self.caller.claims.client_id() {
            record.members.shown_client_id = Some(caller.shown_client_id.clone());
        }
    }
}
