//! The audit line.

use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::emf::{self, Amount, Metric};
use crate::trail::{Decision, Outcome, Trail};

/// What the line says about the request itself.
pub struct RequestFacts<'a> {
    /// Names the request.
    pub request_id: &'a str,
    /// `POST /credentials`, for instance.
    pub route: &'a str,
    /// When it came.
    pub now: SystemTime,
    /// The first request of this process.
    pub cold_start: bool,
    /// Key fetches since the last line.
    pub jwks_refetches: u64,
    /// CloudWatch namespace of the metrics.
    pub namespace: &'a str,
    /// What it counts as.
    pub metric: Metric,
    /// What else was measured.
    pub amounts: &'a [Amount],
}

impl<O: Outcome> Trail<O> {
    /// The audit line: one JSON object, in EMF.
    #[must_use]
    pub fn line(&self, facts: &RequestFacts<'_>, error: Option<&O>) -> String {
        let counter = facts.metric.counter(error.map(Outcome::decision));
        let time = milliseconds(facts.now);
        let metrics = emf::metrics(&self.steps, facts, counter.as_ref());
        let emf = emf::directives(facts, time, counter.as_ref());
        self.write_line(facts.request_id, facts.route, time, error, metrics, Some(emf))
    }

    /// The audit line of a program whose metrics are elsewhere: durations, and no EMF.
    #[must_use]
    pub fn plain_line(&self, request_id: &str, route: &str, now: SystemTime, error: Option<&O>) -> String {
        self.write_line(request_id, route, milliseconds(now), error, emf::durations(&self.steps), None)
    }

    fn write_line(
        &self,
        request_id: &str,
        route: &str,
        time: u64,
        error: Option<&O>,
        metrics: Map<String, Value>,
        emf: Option<Value>,
    ) -> String {
        let line = Line {
            time,
            request_id,
            route,
            decision: error.map(Outcome::decision).map_or("allow", Decision::as_str),
            code: error.map_or("ok", Outcome::code),
            reason: error.map(ToString::to_string),
            client_id: self.record.client_id.as_deref(),
            issuer: self.record.issuer.as_deref(),
            members: &self.record.members,
            scopes: &self.record.scopes,
            source_ip: self.record.source_ip,
            jti: self.record.token_id.as_deref(),
            token_sha256: self.record.token_sha256.as_deref(),
            metrics,
            emf,
        };
        // A struct of strings and numbers always serializes.
        serde_json::to_string(&line).unwrap_or_default()
    }
}

/// The order of members is the order in which a person reads.
#[derive(Serialize)]
struct Line<'a, M: Serialize> {
    /// Milliseconds since the epoch.
    time: u64,
    request_id: &'a str,
    route: &'a str,
    decision: &'a str,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    client_id: Option<&'a str>,
    issuer: Option<&'a str>,
    #[serde(flatten)]
    members: &'a M,
    scopes: &'a [String],
    source_ip: Option<IpAddr>,
    jti: Option<&'a str>,
    token_sha256: Option<&'a str>,
    #[serde(flatten)]
    metrics: Map<String, Value>,
    #[serde(rename = "_aws", skip_serializing_if = "Option::is_none")]
    emf: Option<Value>,
}

fn milliseconds(now: SystemTime) -> u64 {
    u64::try_from(now.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}
