//! One request as metrics count it, from its arrival to the end of its response.

use std::sync::Arc;
use std::time::Instant;

use crate::error::GatewayError;
use crate::metrics::{Metrics, Open};

/// nginx's word for a caller that leaves before the response has ended.
const LEFT_FIRST: u16 = 499;

/// Counts when it is dropped.
pub struct Exchange {
    metrics: Arc<Metrics>,
    route: String,
    method: &'static str,
    started: Instant,
    status: u16,
    /// The response is for nobody.
    has_left: bool,
}

impl Exchange {
    /// A request arrives.
    #[must_use]
    pub fn begin(metrics: Arc<Metrics>, method: &'static str, started: Instant) -> Self {
        metrics.in_flight.inc();
        Self { metrics, route: "unmatched".to_owned(), method, started, status: LEFT_FIRST, has_left: false }
    }

    /// The path pattern, once it is known.
    pub fn route(&mut self, route: &str) {
        route.clone_into(&mut self.route);
    }

    /// See [`Exchange::route`].
    #[must_use]
    pub fn route_label(&self) -> &str {
        &self.route
    }

    /// The gateway answers for itself.
    pub fn refused(&mut self, error: &GatewayError) {
        if matches!(error, GatewayError::CutOff) {
            self.has_left = true;
            return;
        }
        self.metrics.denials.with_label_values(&[error.told().code]).inc();
    }

    /// The upstream's response has begun.
    pub fn upstream_responded(&self, sent: Instant) {
        self.metrics.upstream_duration.with_label_values(&[&self.route]).observe(sent.elapsed().as_secs_f64());
    }

    /// Both connections are open for as long as a tunnel is, though HTTP's own part of them has ended.
    #[must_use]
    pub fn tunnelled(&self) -> [Open; 2] {
        [&self.metrics.client_connections, &self.metrics.upstream_connections].map(|gauge| Open::new(gauge.clone()))
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
        let code = self.status.to_string();
        self.metrics.requests.with_label_values(&[self.route.as_str(), self.method, &code]).inc();
        let took = self.started.elapsed().as_secs_f64();
        self.metrics.request_duration.with_label_values(&[&self.route]).observe(took);
        self.metrics.in_flight.dec();
    }
}
