//! `/ready`: can a request be served now? Each dependency is really asked.

use std::fmt::Display;
use std::future::Future;
use std::time::{Duration, Instant, SystemTime};

use authenticate::{TrustedIssuer, TrustedIssuers};
use environment::Log;
use serde_json::json;
use tokio::sync::Mutex;

use crate::audit_line;
use crate::response::ApiResponse;

/// How long the result of one round of checks is kept, so that no caller can use this route to load what it asks.
const VALID_FOR: Duration = Duration::from_secs(5);

/// The last round of checks.
#[derive(Default)]
pub struct Readiness {
    last: Mutex<Option<Round>>,
}

struct Round {
    ended: Instant,
    asked: SystemTime,
    checks: Vec<Check>,
}

impl Round {
    /// By both clocks: the monotonic one stands still while a Lambda is frozen.
    fn is_valid(&self, now: SystemTime) -> bool {
        let longest_check = Duration::from_secs(10);
        self.ended.elapsed() < VALID_FOR
            && now.duration_since(self.asked).unwrap_or_default() < VALID_FOR + longest_check
    }
}

/// Whether one dependency is ready.
pub struct Check {
    name: &'static str,
    ready: bool,
    detail: String,
}

impl Readiness {
    /// 200 when all of `checks` are good, else 503; one line each either way. They are made only where the last round's are
    /// too old.
    pub async fn respond(
        &self,
        checks: impl Future<Output = Vec<Check>>,
        now: SystemTime,
        request_id: &str,
    ) -> ApiResponse {
        // A caller that comes while the checks run waits for them instead of starting more.
        let mut last = self.last.lock().await;
        let still_valid = last.as_ref().is_some_and(|last| last.is_valid(now));
        if !still_valid {
            let checks = checks.await;
            // Stamped afterwards: a slow check must not be stale as soon as it is there.
            *last = Some(Round { ended: Instant::now(), asked: now, checks });
        }
        let checks = last.as_ref().map(|last| last.checks.as_slice()).unwrap_or_default();
        let ready = checks.iter().all(|check| check.ready);
        let lines: Vec<_> = checks
            .iter()
            .map(|check| json!({"check": check.name, "ready": check.ready, "detail": check.detail}))
            .collect();
        let body = json!({"ready": ready, "checks": lines, "request_id": request_id}).to_string();
        let mut response = ApiResponse::json(if ready { 200 } else { 503 }, body, request_id);
        if !ready {
            response.header("retry-after", &VALID_FOR.as_secs().to_string());
        }
        response
    }
}

impl Check {
    /// The result of asking one dependency; `good` is what is said where it is ready.
    #[must_use]
    pub fn new(name: &'static str, result: Result<(), impl Display>, good: &str) -> Self {
        match result {
            Ok(()) => Self { name, ready: true, detail: good.to_owned() },
            Err(problem) => Self { name, ready: false, detail: problem.to_string() },
        }
    }

    /// One for each issuer: are there keys?
    pub async fn keys(issuers: &TrustedIssuers, now: SystemTime) -> Vec<Self> {
        issuers.refresh(now).await;
        issuers.iter().map(|issuer| Self::keys_of(issuer, now)).collect()
    }

    /// Whether decisions can be put on record.
    pub async fn audit(log: Log) -> Self {
        Self::new("audit", audit_line::check(log).await, "standard output can be written")
    }

    fn keys_of(issuer: &TrustedIssuer, now: SystemTime) -> Self {
        let url = &issuer.rules.url;
        let (ready, detail) = match issuer.keys.age(now) {
            Some(_) if issuer.keys.are_fixed() => (true, format!("the fixed keys of {url}")),
            Some(age) => (true, format!("keys of {url}, {} s old", age.as_secs())),
            None => (false, format!("no keys of {url}")),
        };
        Self { name: "jwks", ready, detail }
    }
}
