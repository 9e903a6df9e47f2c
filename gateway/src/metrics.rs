//! What Prometheus reads: each metric's name stands here alone, and rules and dashboards are tested against it.

use std::collections::HashSet;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use authenticate::TrustedIssuers;
use prometheus::core::Collector;
use prometheus::{
    Encoder as _, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    Opts, Registry, TextEncoder,
};

/// Clients that have a name of their own in `client_requests_total`; every further one is `other`.
const MAX_CLIENTS: usize = 1000;
const OTHER: &str = "other";
/// From a cached token (2 µs) to keys that have to be fetched (3 s).
const VALIDATION_SECONDS: [f64; 12] =
    [0.000_002, 0.000_005, 0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.001, 0.01, 0.1, 1.0, 3.0];
const REQUEST_SECONDS: [f64; 14] =
    [0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// All of them.
pub struct Metrics {
    registry: Registry,
    /// By route, method and status.
    pub requests: IntCounterVec,
    /// By error code.
    pub denials: IntCounterVec,
    client_requests: IntCounterVec,
    clients: Mutex<HashSet<String>>,
    /// Requests whose response has not ended.
    pub in_flight: IntGauge,
    validation_hit: Histogram,
    validation_miss: Histogram,
    /// To the first byte of the upstream's response, by route.
    upstream_duration: HistogramVec,
    /// To the last byte of the response, by route.
    request_duration: HistogramVec,
    /// Of requests that no route is for.
    pub unmatched: OnceLock<RouteDurations>,
    /// Of the gateway's own path.
    pub health: OnceLock<RouteDurations>,
    jwks_refetches: IntCounterVec,
    jwks_age: GaugeVec,
    token_cache_entries: IntGauge,
    /// Open connections of clients.
    pub client_connections: IntGauge,
    /// Open connections to the upstream.
    pub upstream_connections: IntGauge,
}

/// What is measured of a route's requests. Looked up once: a look-up takes a lock and counts a reference, which all cores
/// would do for each request.
pub struct RouteDurations {
    /// To the first byte of the upstream's response.
    pub upstream: Histogram,
    /// To the last byte of the response.
    pub request: Histogram,
}

impl Metrics {
    /// Registers all of them, at zero.
    ///
    /// # Errors
    /// When two share a name.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new_custom(Some("credvend_gateway".to_owned()), None)?;
        let validation = histograms(
            "token_validation_duration_seconds",
            "Time to verify a token or to find it verified.",
            &["cache"],
            &VALIDATION_SECONDS,
        )?;
        let connections = IntGaugeVec::new(Opts::new("connections", "Open connections."), &["side"])?;
        let metrics = Self {
            requests: counters(
                "requests_total",
                "Requests by their final status; 499: the caller left first.",
                &["route", "method", "code"],
            )?,
            denials: counters("denials_total", "Requests that the gateway itself refused, by error code.", &["code"])?,
            client_requests: counters(
                "client_requests_total",
                "Requests with a genuine token, by client.",
                &["client_id", "outcome"],
            )?,
            clients: Mutex::default(),
            in_flight: IntGauge::new("requests_in_flight", "Requests whose response has not ended.")?,
            validation_hit: validation.with_label_values(&["hit"]),
            validation_miss: validation.with_label_values(&["miss"]),
            upstream_duration: histograms(
                "upstream_duration_seconds",
                "Time to the upstream's response headers.",
                &["route"],
                &REQUEST_SECONDS,
            )?,
            request_duration: histograms(
                "request_duration_seconds",
                "Time to the end of the response.",
                &["route"],
                &REQUEST_SECONDS,
            )?,
            unmatched: OnceLock::new(),
            health: OnceLock::new(),
            jwks_refetches: counters("jwks_refetches_total", "Fetches of an issuer's keys.", &["issuer", "outcome"])?,
            jwks_age: GaugeVec::new(Opts::new("jwks_age_seconds", "Age of an issuer's keys."), &["issuer"])?,
            token_cache_entries: IntGauge::new("token_cache_entries", "Verified tokens that are remembered.")?,
            client_connections: connections.with_label_values(&["client"]),
            upstream_connections: connections.with_label_values(&["upstream"]),
            registry,
        };
        metrics.register(vec![Box::new(validation), Box::new(connections)])?;
        Ok(metrics)
    }

    fn register(&self, more: Vec<Box<dyn Collector>>) -> prometheus::Result<()> {
        let all: [Box<dyn Collector>; 9] = [
            Box::new(self.requests.clone()),
            Box::new(self.denials.clone()),
            Box::new(self.client_requests.clone()),
            Box::new(self.in_flight.clone()),
            Box::new(self.upstream_duration.clone()),
            Box::new(self.request_duration.clone()),
            Box::new(self.jwks_refetches.clone()),
            Box::new(self.jwks_age.clone()),
            Box::new(self.token_cache_entries.clone()),
        ];
        all.into_iter().chain(more).try_for_each(|collector| self.registry.register(collector))
    }

    /// The counter of a client's requests that ended in `outcome`: `allowed`, or an error code.
    #[must_use]
    pub fn client_requests(&self, client_id: &str, outcome: &str) -> IntCounter {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known =
            clients.contains(client_id) || (clients.len() < MAX_CLIENTS && clients.insert(client_id.to_owned()));
        let shown = if is_known { client_id } else { OTHER };
        self.client_requests.with_label_values(&[shown, outcome])
    }

    /// Those of a route.
    #[must_use]
    pub fn durations(&self, route: &str) -> RouteDurations {
        let of_route = |vector: &HistogramVec| vector.with_label_values(&[route]);
        RouteDurations { upstream: of_route(&self.upstream_duration), request: of_route(&self.request_duration) }
    }

    /// Notes how long a token took.
    pub fn validated(&self, was_cached: bool, took: Duration) {
        let histogram = if was_cached { &self.validation_hit } else { &self.validation_miss };
        histogram.observe(took.as_secs_f64());
    }

    /// The exposition in Prometheus' text format 0.0.4.
    ///
    /// # Errors
    /// When a metric cannot be written.
    pub fn exposition(
        &self,
        issuers: &TrustedIssuers,
        cached_tokens: usize,
        now: SystemTime,
    ) -> prometheus::Result<Vec<u8>> {
        self.token_cache_entries.set(i64::try_from(cached_tokens).unwrap_or(i64::MAX));
        for issuer in issuers.iter().filter(|issuer| !issuer.keys.are_fixed()) {
            let url = issuer.rules.url.as_str();
            let fetches = issuer.keys.fetches();
            // Both exist from the start, so that the first failure is an increase.
            for (outcome, count) in [("ok", fetches.ended.saturating_sub(fetches.failed)), ("error", fetches.failed)] {
                let counter = self.jwks_refetches.with_label_values(&[url, outcome]);
                counter.inc_by(count.saturating_sub(counter.get()));
            }
            match issuer.keys.age(now) {
                Some(age) => self.jwks_age.with_label_values(&[url]).set(age.as_secs_f64()),
                // No series rather than a number that looks like an age.
                None => drop(self.jwks_age.remove_label_values(&[url])),
            }
        }
        let mut text = Vec::with_capacity(16 * 1024);
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}

/// Counts something for as long as there is one.
pub struct Open(IntGauge);

impl Open {
    /// One more.
    #[must_use]
    pub fn new(gauge: IntGauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A method of RFC 9110 §9 (and PATCH), as a label that callers cannot multiply.
#[must_use]
pub fn method_label(method: &http::Method) -> &'static str {
    const NAMES: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
    NAMES.into_iter().find(|name| *name == method.as_str()).unwrap_or(OTHER)
}

fn counters(name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntCounterVec> {
    IntCounterVec::new(Opts::new(name, help), labels)
}

fn histograms(name: &str, help: &str, labels: &[&str], seconds: &[f64]) -> prometheus::Result<HistogramVec> {
    HistogramVec::new(HistogramOpts::new(name, help).buckets(seconds.to_vec()), labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_without_number_take_a_bounded_space() {
        let metrics = Metrics::new().unwrap();
        for number in 0..MAX_CLIENTS + 5 {
            metrics.client_requests(&number.to_string(), "allowed").inc();
        }
        metrics.client_requests("0", "allowed").inc();
        assert_eq!(metrics.client_requests.with_label_values(&["0", "allowed"]).get(), 2);
        assert_eq!(metrics.client_requests.with_label_values(&[OTHER, "allowed"]).get(), 5);
        assert_eq!(metrics.clients.lock().unwrap().len(), MAX_CLIENTS);
    }

    #[test]
    fn methods_have_ten_names() {
        assert_eq!(method_label(&http::Method::PATCH), "PATCH");
        assert_eq!(method_label(&"BREW".parse().unwrap()), OTHER);
        assert_eq!(method_label(&"get".parse().unwrap()), OTHER);
    }
}
