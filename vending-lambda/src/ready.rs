//! `/ready`: can a request for credentials be answered now? Each dependency is really asked.

use std::time::{Duration, Instant, SystemTime};

use authenticate::TrustedIssuer;
use environment::Log;
use serde_json::json;
use tokio::sync::Mutex;

use crate::audit_line;
use crate::response::ApiResponse;
use crate::vend::Vendor;

/// How long the result of one round of checks is kept, so that no caller can use this route to load the table or STS.
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

struct Check {
    name: &'static str,
    ready: bool,
    detail: String,
}

impl Readiness {
    /// 200 when keys are fresh, the table is readable, STS is reachable and decisions can be put on record; else 503. One line each either way.
    pub async fn answer(&self, vendor: &Vendor, log: Log, now: SystemTime, request_id: &str) -> ApiResponse {
        // A caller that comes while the checks run waits for them instead of starting more.
        let mut last = self.last.lock().await;
        let still_valid = last.as_ref().is_some_and(|last| last.is_valid(now));
        if !still_valid {
            let checks = check(vendor, log, now).await;
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

async fn check(vendor: &Vendor, log: Log, now: SystemTime) -> Vec<Check> {
    let (mut checks, mapping, sts, audit) = tokio::join!(
        async {
            vendor.issuers.refresh(now).await;
            vendor.issuers.iter().map(|issuer| keys(issuer, now)).collect::<Vec<_>>()
        },
        vendor.role_mappings.check(),
        vendor.sts.check(),
        audit_line::check(log),
    );
    checks.push(line("mapping", mapping.map_err(|error| error.to_string()), "the table is readable"));
    checks.push(line("sts", sts.map_err(|error| error.to_string()), "STS is reachable"));
    checks.push(line("audit", audit.map_err(|error| error.to_string()), "standard output can be written"));
    checks
}

fn keys(issuer: &TrustedIssuer, now: SystemTime) -> Check {
    let url = &issuer.rules.url;
    let (ready, detail) = match issuer.keys.age(now) {
        Some(_) if issuer.keys.are_fixed() => (true, format!("the fixed keys of {url}")),
        Some(age) => (true, format!("keys of {url}, {} s old", age.as_secs())),
        None => (false, format!("no keys of {url}")),
    };
    Check { name: "jwks", ready, detail }
}

fn line(name: &'static str, result: Result<(), String>, good: &str) -> Check {
    match result {
        Ok(()) => Check { name, ready: true, detail: good.to_owned() },
        Err(problem) => Check { name, ready: false, detail: problem },
    }
}
