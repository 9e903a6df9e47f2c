//! The trail of one request: what every step looked at, found and took, and the one line that is left of it.
//!
//! The line is at once an audit record, a CloudWatch embedded metric format record, and what `/explain` shows.

use std::net::IpAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use jwt::{Claims, token_sha256};
use serde::Serialize;
use serde_json::{Map, Value, json};
use vending_api::ExplainStep;

use crate::error::{Answer, VendError};
use crate::session::AssumeRole;

/// Namespace of all metrics.
const METRICS_NAMESPACE: &str = "credvend";

/// Collects what happens to one request.
pub struct Trail {
    /// Whether details are wanted: only `/explain` shows them, and making them costs time.
    explaining: bool,
    steps: Vec<Step>,
    issuer: Option<String>,
    client_id: Option<String>,
    token_id: Option<String>,
    token_sha256: Option<String>,
    scopes: Vec<String>,
    server_name: Option<String>,
    role_arn: Option<String>,
    session_name: Option<String>,
    access_key_id: Option<String>,
}

struct Step {
    name: &'static str,
    took: Duration,
    result: &'static str,
    detail: Value,
}

/// What the line says about the request itself.
pub struct RequestFacts<'a> {
    /// Names the request.
    pub request_id: &'a str,
    /// `POST /credentials`, for instance.
    pub route: &'a str,
    /// Where it came from.
    pub source_ip: Option<IpAddr>,
    /// When it came.
    pub now: SystemTime,
    /// The first request of this process.
    pub cold_start: bool,
    /// Key fetches since the last line.
    pub jwks_refetches: u64,
    /// `/explain`: decided, but nothing vended.
    pub explained: bool,
}

impl Trail {
    /// An empty trail; with `explaining`, steps keep their details.
    #[must_use]
    pub fn new(explaining: bool) -> Self {
        Self {
            explaining,
            steps: Vec::with_capacity(8),
            issuer: None,
            client_id: None,
            token_id: None,
            token_sha256: None,
            scopes: Vec::new(),
            server_name: None,
            role_arn: None,
            session_name: None,
            access_key_id: None,
        }
    }

    /// Records how a step ended and passes its result on.
    ///
    /// # Errors
    /// The step's own.
    pub fn step<T, E: Into<VendError>>(
        &mut self,
        name: &'static str,
        started: Instant,
        result: Result<T, E>,
        detail: impl FnOnce(&T) -> Value,
    ) -> Result<T, VendError> {
        let result = result.map_err(Into::into);
        let (outcome, detail) = match &result {
            Ok(found) => ("ok", if self.explaining { detail(found) } else { Value::Null }),
            Err(error) => {
                (error.answer().decision(), json!({"code": error.answer().code, "reason": error.to_string()}))
            }
        };
        self.steps.push(Step { name, took: started.elapsed(), result: outcome, detail });
        result
    }

    /// From here on the line names the token, genuine or not.
    pub fn presented(&mut self, token: &str) {
        self.token_sha256 = Some(token_sha256(token));
    }

    /// From here on the line names the client.
    pub fn verified(&mut self, claims: &Claims) {
        self.issuer = Some(claims.issuer().to_owned());
        self.client_id = Some(claims.client_id().to_owned());
        self.token_id = claims.token_id().map(str::to_owned);
        self.scopes = claims.scopes().to_vec();
    }

    /// The mapping names the machine.
    pub fn mapped(&mut self, server_name: Option<&str>, role_arn: &str) {
        self.server_name = server_name.map(str::to_owned);
        self.role_arn = Some(role_arn.to_owned());
    }

    /// The session has its names.
    pub fn named(&mut self, session: &AssumeRole) {
        self.session_name = Some(session.session_name.clone());
    }

    /// The key id of what was vended: it leads from any CloudTrail event back to this line.
    pub fn vended(&mut self, access_key_id: &str) {
        self.access_key_id = Some(access_key_id.to_owned());
    }

    /// Whether a token has been verified: before that, nobody is told anything about anybody.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.client_id.is_some()
    }

    /// The steps for `/explain`.
    #[must_use]
    pub fn explain(&self) -> Vec<ExplainStep> {
        let show = |step: &Step| ExplainStep {
            step: step.name.to_owned(),
            result: step.result.to_owned(),
            detail: step.detail.clone(),
        };
        self.steps.iter().map(show).collect()
    }

    /// The audit line: one JSON object, in EMF where it is a decision about credentials.
    #[must_use]
    pub fn line(&self, facts: &RequestFacts<'_>, error: Option<&VendError>) -> String {
        let answer = error.map(VendError::answer);
        let since_epoch = facts.now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let timestamp = u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX);
        let code = answer.map_or("ok", |answer| answer.code);
        let outcome = match answer.map(Answer::decision) {
            _ if facts.explained => "Explanations",
            None => "Vends",
            Some("deny") => "Denials",
            Some(_) => "Errors",
        };
        let line = Line {
            time: timestamp,
            request_id: facts.request_id,
            route: facts.route,
            decision: answer.map_or("allow", |answer| answer.decision()),
            code,
            reason: error.map(ToString::to_string),
            client_id: self.client_id.as_deref(),
            issuer: self.issuer.as_deref(),
            server_name: self.server_name.as_deref(),
            role_arn: self.role_arn.as_deref(),
            session_name: self.session_name.as_deref(),
            access_key_id: self.access_key_id.as_deref(),
            scopes: &self.scopes,
            source_ip: facts.source_ip,
            jti: self.token_id.as_deref(),
            token_sha256: self.token_sha256.as_deref(),
            metrics: self.metrics(facts, outcome),
            emf: self.directives(timestamp, outcome),
        };
        // A struct of strings and numbers always serializes.
        serde_json::to_string(&line).unwrap_or_default()
    }

    fn metrics(&self, facts: &RequestFacts<'_>, outcome: &str) -> Map<String, Value> {
        let mut metrics = Map::new();
        metrics.insert(outcome.to_owned(), 1.into());
        metrics.insert("JwksRefetches".to_owned(), facts.jwks_refetches.into());
        metrics.insert("ColdStarts".to_owned(), u8::from(facts.cold_start).into());
        metrics.insert("LatencyMs".to_owned(), millis(self.steps.iter().map(|step| step.took).sum()).into());
        for step in &self.steps {
            metrics.insert(latency_metric(step.name), millis(step.took).into());
        }
        metrics
    }

    /// `Denials` and `Errors` have the dimension `code`; everything else has none, so that a fleet is one line in a
    /// graph.
    fn directives(&self, timestamp: u64, outcome: &str) -> Value {
        let count = |name: &str| json!({"Name": name, "Unit": "Count"});
        let latency = |name: &str| json!({"Name": name, "Unit": "Milliseconds"});
        let mut plain = vec![count("JwksRefetches"), count("ColdStarts"), latency("LatencyMs")];
        plain.extend(self.steps.iter().map(|step| latency(&latency_metric(step.name))));
        let mut directives = Vec::with_capacity(2);
        if matches!(outcome, "Vends" | "Explanations") {
            plain.push(count(outcome));
        } else {
            directives
                .push(json!({"Namespace": METRICS_NAMESPACE, "Dimensions": [["code"]], "Metrics": [count(outcome)]}));
        }
        directives.push(json!({"Namespace": METRICS_NAMESPACE, "Dimensions": [[]], "Metrics": plain}));
        json!({"Timestamp": timestamp, "CloudWatchMetrics": directives})
    }
}

/// The audit line. The order of members is the order in which a person reads.
#[derive(Serialize)]
struct Line<'a> {
    time: u64,
    request_id: &'a str,
    route: &'a str,
    decision: &'a str,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    client_id: Option<&'a str>,
    issuer: Option<&'a str>,
    server_name: Option<&'a str>,
    role_arn: Option<&'a str>,
    session_name: Option<&'a str>,
    access_key_id: Option<&'a str>,
    scopes: &'a [String],
    source_ip: Option<IpAddr>,
    jti: Option<&'a str>,
    token_sha256: Option<&'a str>,
    #[serde(flatten)]
    metrics: Map<String, Value>,
    #[serde(rename = "_aws")]
    emf: Value,
}

fn latency_metric(step: &str) -> String {
    format!("LatencyMs.{step}")
}

fn millis(duration: Duration) -> f64 {
    // Microseconds are as fine as anybody reads.
    (duration.as_secs_f64() * 1_000_000.0).round() / 1000.0
}
