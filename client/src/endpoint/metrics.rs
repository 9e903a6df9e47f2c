//! `GET /metrics`, in the text format of Prometheus. Names of identities, times and counts; nothing that opens anything.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::UNIX_EPOCH;

use hyper::StatusCode;

use super::offer::Offers;
use super::{Answer, answer as respond};
use crate::freshness::refresh::Freshness;

/// Answered requests by status.
#[derive(Default)]
pub(crate) struct Requests {
    counts: [AtomicU64; STATUSES.len()],
}

/// All that are ever answered with; the HTTP library's own refusals of what is not HTTP are not requests.
const STATUSES: [StatusCode; 8] = [
    StatusCode::OK,
    StatusCode::BAD_REQUEST,
    StatusCode::UNAUTHORIZED,
    StatusCode::FORBIDDEN,
    StatusCode::NOT_FOUND,
    StatusCode::METHOD_NOT_ALLOWED,
    StatusCode::INTERNAL_SERVER_ERROR,
    StatusCode::SERVICE_UNAVAILABLE,
];

impl Requests {
    pub(crate) fn count(&self, status: StatusCode) {
        if let Some(index) = STATUSES.iter().position(|known| *known == status) {
            self.counts[index].fetch_add(1, Ordering::Relaxed);
        }
    }
}

pub(crate) fn answer(offers: &Offers, requests: &Requests) -> Answer {
    respond("text/plain; version=0.0.4; charset=utf-8", render(offers, requests))
}

fn render(offers: &Offers, requests: &Requests) -> String {
    let mut page = Page::default();
    page.family("credvend_build_info", "gauge", "The version that runs.");
    page.sample("credvend_build_info", &format!("version=\"{}\"", env!("CARGO_PKG_VERSION")), 1);
    page.family("credvend_ready", "gauge", "Whether an identity has valid credentials.");
    for offer in offers.iter() {
        let is_valid = offer.keeper.state().borrow().freshness() != Freshness::Expired;
        page.sample("credvend_ready", &label(&offer.name), u64::from(is_valid));
    }
    let name = "credvend_credentials_expiry_timestamp_seconds";
    page.family(name, "gauge", "When the credentials of an identity expire, in seconds since 1970.");
    for offer in offers.iter() {
        if let Some(current) = &offer.keeper.state().borrow().current {
            let seconds = current.expires_at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            page.sample(name, &label(&offer.name), seconds);
        }
    }
    page.family("credvend_refreshes_total", "counter", "Attempts to get fresher credentials.");
    for offer in offers.iter() {
        let (fetched, failed) = {
            let state = offer.keeper.state().borrow();
            (state.fetched, state.failed)
        };
        for (result, count) in [("success", fetched), ("failure", failed)] {
            page.sample("credvend_refreshes_total", &format!("{},result=\"{result}\"", label(&offer.name)), count);
        }
    }
    page.family("credvend_requests_total", "counter", "Answered requests by HTTP status.");
    for (status, count) in STATUSES.iter().zip(&requests.counts) {
        let code = format!("code=\"{}\"", status.as_u16());
        page.sample("credvend_requests_total", &code, count.load(Ordering::Relaxed));
    }
    page.0
}

/// Names are letters, digits, `-`, `_` and `.`: nothing to escape.
fn label(name: &str) -> String {
    format!("identity=\"{name}\"")
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &str, value: u64) {
        let _ = writeln!(self.0, "{name}{{{labels}}} {value}");
    }
}
