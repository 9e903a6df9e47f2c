//! The audit line.

use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::emf::{self, Metric};
use crate::trail::{Outcome, Trail};

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
}

impl<O: Outcome> Trail<O> {
    /// The audit line: one JSON object, in EMF.
    #[must_use]
    pub fn line(&self, facts: &RequestFacts<'_>, error: Option<&O>) -> String {
        let since_epoch = facts.now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let time = u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX);
        let decision = error.map(Outcome::decision);
        let counter = facts.metric.counter(decision);
        let line = Line {
            time,
            request_id: facts.request_id,
            route: facts.route,
            decision: decision.map_or("allow", |decision| decision.as_str()),
            code: error.map_or("ok", Outcome::code),
            reason: error.map(ToString::to_string),
            client_id: self.record.client_id.as_deref(),
            issuer: self.record.issuer.as_deref(),
            members: &self.record.members,
            scopes: &self.record.scopes,
            source_ip: self.record.source_ip,
            jti: self.record.token_id.as_deref(),
            token_sha256: self.record.token_sha256.as_deref(),
            metrics: emf::metrics(&self.steps, facts, counter.as_ref()),
            emf: emf::directives(facts.namespace, time, counter.as_ref()),
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
    #[serde(rename = "_aws")]
    emf: Value,
}
