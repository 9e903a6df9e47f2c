//! Collects what happens to one request.

use std::fmt::Display;
use std::future::Future;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};

use crate::record::Record;

/// How a request of a program can end without what it asked for.
pub trait Outcome: Display {
    /// What the program's audit lines say beyond the token.
    type Members: Default + Serialize;

    /// A stable code.
    fn code(&self) -> &'static str;

    /// Whether a rule said no, or something could not be done.
    fn decision(&self) -> Decision;
}

/// A dependency that is down has not denied anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// A rule said no.
    Deny,
    /// Something could not be done.
    Error,
}

impl Decision {
    /// As audit lines and `/explain` spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::Error => "error",
        }
    }
}

/// What the result of a step adds to the trail of a program whose outcomes are `O`.
pub trait Shown<O: Outcome> {
    /// Fills in members of the audit line.
    fn record(&self, _record: &mut Record<O::Members>) {}

    /// What `/explain` shows, given what is already known of the request.
    fn detail(&self, _record: &Record<O::Members>) -> Value {
        Value::Null
    }
}

/// The steps of one request, and what its audit line will say.
pub struct Trail<O: Outcome> {
    /// Whether details are wanted: only `/explain` shows them, and making them costs time.
    explaining: bool,
    last_ended: Instant,
    pub(crate) steps: Vec<Step>,
    pub(crate) record: Record<O::Members>,
}

/// A step that was taken.
pub struct Step {
    /// Its name.
    pub name: &'static str,
    /// `ok`, `deny` or `error`.
    pub result: &'static str,
    /// What it looked at and found; for a step that failed, its code and reason.
    pub detail: Value,
    pub(crate) took: Duration,
}

impl<O: Outcome> Trail<O> {
    /// An empty trail; with `explaining`, steps keep their details.
    #[must_use]
    pub fn new(source_ip: Option<IpAddr>, explaining: bool) -> Self {
        let steps = Vec::with_capacity(10);
        Self { explaining, last_ended: Instant::now(), steps, record: Record::new(source_ip) }
    }

    /// Takes a step and passes its result on.
    ///
    /// # Errors
    /// The step's own.
    pub fn step<T: Shown<O>, E: Into<O>>(
        &mut self,
        name: &'static str,
        take: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, O> {
        let result = take();
        self.taken(name, result)
    }

    /// Takes a step that waits for something.
    ///
    /// # Errors
    /// The step's own.
    pub async fn wait<T: Shown<O>, E: Into<O>>(
        &mut self,
        name: &'static str,
        effect: impl Future<Output = Result<T, E>>,
    ) -> Result<T, O> {
        let result = effect.await;
        self.taken(name, result)
    }

    fn taken<T: Shown<O>, E: Into<O>>(&mut self, name: &'static str, result: Result<T, E>) -> Result<T, O> {
        let result = result.map_err(Into::into);
        // A step begins where the one before it ended: nothing worth a name happens in between.
        let now = Instant::now();
        let took = now.saturating_duration_since(self.last_ended);
        self.last_ended = now;
        let (outcome, detail) = match &result {
            Ok(found) => {
                found.record(&mut self.record);
                ("ok", if self.explaining { found.detail(&self.record) } else { Value::Null })
            }
            Err(error) => (error.decision().as_str(), json!({"code": error.code(), "reason": error.to_string()})),
        };
        self.steps.push(Step { name, result: outcome, detail, took });
        result
    }

    /// Whether a token has been verified: before that, the caller learns nothing about any client.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.record.claims.is_some()
    }

    /// What the line says beyond the token, so far.
    #[must_use]
    pub fn members(&self) -> &O::Members {
        &self.record.members
    }

    /// The steps taken so far.
    #[must_use]
    pub fn into_steps(self) -> Vec<Step> {
        self.steps
    }
}
