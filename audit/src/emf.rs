//! CloudWatch's embedded metric format: the audit line says itself which of its members are metrics.

use std::time::Duration;

use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::{Map, Value, json};

use crate::line::RequestFacts;
use crate::trail::{Decision, Step};

/// What a request counts as.
#[derive(Debug, Clone, Copy)]
pub enum Metric {
    /// This where it was allowed, `Denials` or `Errors` by code where it was not.
    Decision(&'static str),
    /// This by a dimension that is a member of the line, where it was allowed; else as [`Metric::Decision`].
    DecisionBy(&'static str, &'static str),
    /// Nothing where it was allowed; else as [`Metric::Decision`].
    Refusals,
    /// This, however it was decided: nothing was at stake.
    Any(&'static str),
    /// Nothing: it was no request.
    Uncounted,
}

/// A metric that the program has measured.
#[derive(Debug, Clone, Copy)]
pub struct Amount {
    /// Its name.
    pub name: &'static str,
    /// CloudWatch's unit.
    pub unit: &'static str,
    /// How much.
    pub value: u64,
}

impl Amount {
    /// The rules of a request that were observed and would have said no. Nothing is counted where there are none: a
    /// metric that always says 0 costs as much as any other.
    #[must_use]
    pub fn observed_denials(rules: usize) -> Option<Self> {
        let value = u64::try_from(rules).ok().filter(|rules| *rules > 0)?;
        Some(Self { name: "ObservedDenials", unit: "Count", value })
    }
}

/// A metric's name, and the member of the line that is its dimension.
pub(crate) struct Counter {
    name: &'static str,
    dimension: Option<&'static str>,
}

impl Metric {
    pub(crate) fn counter(self, decision: Option<Decision>) -> Option<Counter> {
        let counter = |name, dimension| Some(Counter { name, dimension });
        match (self, decision) {
            (Self::Uncounted, _) | (Self::Refusals, None) => None,
            (Self::Any(name), _) | (Self::Decision(name), None) => counter(name, None),
            (Self::DecisionBy(name, dimension), None) => counter(name, Some(dimension)),
            (_, Some(Decision::Deny)) => counter("Denials", Some("code")),
            (_, Some(Decision::Error)) => counter("Errors", Some("code")),
        }
    }
}

pub(crate) fn metrics(facts: &RequestFacts<'_>, counter: Option<&Counter>) -> Map<String, Value> {
    let mut metrics = Map::new();
    metrics.extend(counter.map(|counter| (counter.name.to_owned(), 1.into())));
    metrics.insert("JwksRefetches".to_owned(), facts.jwks_refetches.into());
    metrics.insert("ColdStarts".to_owned(), u8::from(facts.cold_start).into());
    metrics.extend(facts.amounts.iter().map(|amount| (amount.name.to_owned(), amount.value.into())));
    metrics
}

/// How long the steps took, in milliseconds: all together, and each.
pub(crate) struct Durations<'a>(pub(crate) &'a [Step]);

impl Serialize for Durations<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("LatencyMs", &millis(self.0.iter().map(|step| step.took).sum()))?;
        for step in self.0 {
            // A field, and no metric: fourteen metrics cost more than the rest of an installation.
            map.serialize_entry(&format_args!("LatencyMs.{}", step.name), &millis(step.took))?;
        }
        map.end()
    }
}

/// What is counted by a dimension has that one; everything else has none, so that a fleet is one line in a graph.
pub(crate) fn directives(facts: &RequestFacts<'_>, timestamp: u64, counter: Option<&Counter>) -> Value {
    let metric = |name: &str, unit: &str| json!({"Name": name, "Unit": unit});
    let mut plain =
        vec![metric("JwksRefetches", "Count"), metric("ColdStarts", "Count"), metric("LatencyMs", "Milliseconds")];
    let mut directives = Vec::with_capacity(2);
    match counter {
        Some(Counter { name, dimension: Some(dimension) }) => {
            let metrics = [metric(name, "Count")];
            directives.push(json!({"Namespace": facts.namespace, "Dimensions": [[dimension]], "Metrics": metrics}));
        }
        Some(Counter { name, dimension: None }) => plain.push(metric(name, "Count")),
        None => {}
    }
    plain.extend(facts.amounts.iter().map(|amount| metric(amount.name, amount.unit)));
    directives.push(json!({"Namespace": facts.namespace, "Dimensions": [[]], "Metrics": plain}));
    json!({"Timestamp": timestamp, "CloudWatchMetrics": directives})
}

fn millis(duration: Duration) -> f64 {
    // Microseconds are as fine as anybody reads.
    (duration.as_secs_f64() * 1_000_000.0).round() / 1000.0
}
