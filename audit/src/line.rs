//! The audit line.

use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use jwt::Claims;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::emf::{self, Amount, Durations, Metric};
use crate::trail::{Decision, Outcome, Trail};

/// Few lines are longer: each is made in a buffer that need not grow.
const USUAL_BYTES: usize = 1024;

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
        let metrics = emf::metrics(facts, counter.as_ref());
        let emf = emf::directives(facts, time, counter.as_ref());
        self.write_line(facts.request_id, facts.route, time, error, Some(metrics), Some(emf))
    }

    /// The audit line of a program whose metrics are elsewhere: durations, and no EMF.
    #[must_use]
    pub fn plain_line(&self, request_id: &str, route: &str, now: SystemTime, error: Option<&O>) -> String {
        self.write_line(request_id, route, milliseconds(now), error, None, None)
    }

    fn write_line(
        &self,
        request_id: &str,
        route: &str,
        time: u64,
        error: Option<&O>,
        metrics: Option<Map<String, Value>>,
        emf: Option<Value>,
    ) -> String {
        let claims = self.record.claims.as_deref();
        let line = Line {
            time,
            request_id,
            route,
            decision: error.map(Outcome::decision).map_or("allow", Decision::as_str),
            code: error.map_or("ok", Outcome::code),
            reason: error.map(ToString::to_string),
            client_id: claims.map(Claims::client_id),
            issuer: claims.map(Claims::issuer),
            members: &self.record.members,
            scopes: claims.map(Claims::scopes).unwrap_or_default(),
            source_ip: self.record.source_ip,
            jti: claims.and_then(Claims::token_id),
            token_sha256: self.record.token_sha256.as_deref(),
            metrics,
            durations: Durations(&self.steps),
            emf,
        };
        let mut text = Vec::with_capacity(USUAL_BYTES);
        // A struct of strings and numbers always serializes, and to UTF-8.
        let _ = serde_json::to_writer(&mut text, &line);
        String::from_utf8(text).unwrap_or_default()
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
    metrics: Option<Map<String, Value>>,
    #[serde(flatten)]
    durations: Durations<'a>,
    #[serde(rename = "_aws", skip_serializing_if = "Option::is_none")]
    emf: Option<Value>,
}

fn milliseconds(now: SystemTime) -> u64 {
    u64::try_from(now.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}
