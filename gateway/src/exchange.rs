//! One request as metrics count it, from its arrival to the end of its response.

use std::sync::Arc;
use std::time::Instant;

use http::StatusCode;

use crate::error::GatewayError;
use crate::gateway::Inbound;
use crate::metrics::{Metrics, Open, RouteDurations};
use crate::routes::{Matched, Route};

/// nginx's word for a caller that leaves before the response has ended.
const LEFT_FIRST: u16 = 499;

const UNMATCHED: &str = "unmatched";

/// Counts when it is dropped.
pub struct Exchange {
    inbound: Arc<Inbound>,
    route: RouteLabel,
    method: &'static str,
    started: Instant,
    status: u16,
    /// The response is for nobody.
    has_left: bool,
}

/// A path pattern, or a name for all paths that have none.
enum RouteLabel {
    Name(&'static str),
    Of(Arc<Route>),
}

impl Exchange {
    /// A request arrives.
    #[must_use]
    pub fn begin(inbound: Arc<Inbound>, method: &'static str, started: Instant) -> Self {
        inbound.gateway.metrics.in_flight.inc();
        let route = RouteLabel::Name(UNMATCHED);
        Self { inbound, route, method, started, status: LEFT_FIRST, has_left: false }
    }

    /// The gateway's own path.
    pub fn health(&mut self) {
        self.route = RouteLabel::Name("health");
    }

    /// The route of the path, once it is known.
    pub fn route(&mut self, matched: &Matched<'_>) {
        if let Matched::Route(route) | Matched::MethodNotAllowed(route) = matched {
            self.route = RouteLabel::Of(Arc::clone(route));
        }
    }

    /// The path pattern, as metrics show it.
    #[must_use]
    pub fn route_label(&self) -> &str {
        match &self.route {
            RouteLabel::Name(name) => name,
            RouteLabel::Of(route) => &route.pattern,
        }
    }

    fn metrics(&self) -> &Metrics {
        &self.inbound.gateway.metrics
    }

    fn durations(&self) -> &RouteDurations {
        let metrics = self.metrics();
        match &self.route {
            RouteLabel::Name(UNMATCHED) => metrics.unmatched.get_or_init(|| metrics.durations(UNMATCHED)),
            RouteLabel::Name(name) => metrics.health.get_or_init(|| metrics.durations(name)),
            RouteLabel::Of(route) => route.durations.get_or_init(|| metrics.durations(&route.pattern)),
        }
    }

    /// The gateway answers for itself.
    pub fn refused(&mut self, error: &GatewayError) {
        if matches!(error, GatewayError::CutOff) {
            self.has_left = true;
            return;
        }
        self.metrics().denials.with_label_values(&[error.told().code]).inc();
    }

    /// The upstream's response has begun.
    pub fn upstream_responded(&self, sent: Instant) {
        self.durations().upstream.observe(sent.elapsed().as_secs_f64());
    }

    /// Both connections are open for as long as a tunnel is, though HTTP's own part of them has ended.
    #[must_use]
    pub fn tunnelled(&self) -> [Open; 2] {
        let metrics = self.metrics();
        [&metrics.client_connections, &metrics.upstream_connections].map(|gauge| Open::new(gauge.clone()))
    }

    /// The whole response was handed over.
    pub fn ended(&mut self, status: u16) {
        if !self.has_left {
            self.status = status;
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let code = StatusCode::from_u16(self.status).unwrap_or_default();
        let metrics = self.metrics();
        metrics.requests.with_label_values(&[self.route_label(), self.method, code.as_str()]).inc();
        self.durations().request.observe(self.started.elapsed().as_secs_f64());
        metrics.in_flight.dec();
    }
}
