//! CloudWatch's embedded metric format: the audit line says itself which of its members are metrics.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::line::RequestFacts;
use crate::trail::{Decision, Step};

/// What a request counts as.
#[derive(Debug, Clone, Copy)]
pub enum Metric {
    /// This where it was allowed, `Denials` or `Errors` by code where it was not.
    Decision(&'static str),
    /// This, however it was decided: nothing was at stake.
    Any(&'static str),
    /// Nothing: it was no request.
    Uncounted,
}

/// A metric's name, and whether it is counted by code.
pub(crate) struct Counter {
    name: &'static str,
    by_code: bool,
}

impl Metric {
    pub(crate) fn counter(self, decision: Option<Decision>) -> Option<Counter> {
        match (self, decision) {
            (Self::Any(name), _) | (Self::Decision(name), None) => Some(Counter { name, by_code: false }),
            (Self::Decision(_), Some(Decision::Deny)) => Some(Counter { name: "Denials", by_code: true }),
            (Self::Decision(_), Some(Decision::Error)) => Some(Counter { name: "Errors", by_code: true }),
            (Self::Uncounted, _) => None,
        }
    }
}

pub(crate) fn metrics(steps: &[Step], facts: &RequestFacts<'_>, counter: Option<&Counter>) -> Map<String, Value> {
    let mut metrics = Map::new();
    metrics.extend(counter.map(|counter| (counter.name.to_owned(), 1.into())));
    metrics.insert("JwksRefetches".to_owned(), facts.jwks_refetches.into());
    metrics.insert("ColdStarts".to_owned(), u8::from(facts.cold_start).into());
    metrics.append(&mut durations(steps));
    metrics
}

/// How long the steps took, in milliseconds: all together, and each.
pub(crate) fn durations(steps: &[Step]) -> Map<String, Value> {
    let mut durations = Map::new();
    durations.insert("LatencyMs".to_owned(), millis(steps.iter().map(|step| step.took).sum()).into());
    for step in steps {
        // A field, and no metric: fourteen metrics cost more than the rest of an installation.
        durations.insert(format!("LatencyMs.{}", step.name), millis(step.took).into());
    }
    durations
}

/// `Denials` and `Errors` have the dimension `code`; everything else has none, so that a fleet is one line in a graph.
pub(crate) fn directives(namespace: &str, timestamp: u64, counter: Option<&Counter>) -> Value {
    let count = |name: &str| json!({"Name": name, "Unit": "Count"});
    let latency = |name: &str| json!({"Name": name, "Unit": "Milliseconds"});
    let mut plain = vec![count("JwksRefetches"), count("ColdStarts"), latency("LatencyMs")];
    let mut directives = Vec::with_capacity(2);
    match counter {
        Some(Counter { name, by_code: true }) => {
            directives.push(json!({"Namespace": namespace, "Dimensions": [["code"]], "Metrics": [count(name)]}));
        }
        Some(Counter { name, by_code: false }) => plain.push(count(name)),
        None => {}
    }
    directives.push(json!({"Namespace": namespace, "Dimensions": [[]], "Metrics": plain}));
    json!({"Timestamp": timestamp, "CloudWatchMetrics": directives})
}

fn millis(duration: Duration) -> f64 {
    // Microseconds are as fine as anybody reads.
    (duration.as_secs_f64() * 1_000_000.0).round() / 1000.0
}
