//! `GET /metrics`, in the text format of Prometheus: times and counts, and for those who may know, identities' names.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use hyper::StatusCode;

use super::offer::{Offer, Offers};
use super::{HttpResponse, respond};
use crate::freshness::refresh::Freshness;

/// Answered requests by status.
#[derive(Default)]
pub(crate) struct Requests {
    counts: [AtomicU64; STATUSES.len()],
}

/// Every status of a response to a request; the HTTP library's own refusals of what is not HTTP are not counted.
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

pub(crate) fn handle(offers: &Offers, requests: &Requests, is_detailed: bool) -> HttpResponse {
    respond("text/plain; version=0.0.4; charset=utf-8", render(offers, requests, is_detailed))
}

/// What is told of one identity, or of all of them together.
#[derive(Clone, Copy)]
struct Figures {
    is_ready: bool,
    expires_at: Option<SystemTime>,
    fetched: u64,
    failed: u64,
}

impl Figures {
    fn of(offer: &Offer) -> Self {
        let state = offer.keeper.state().borrow();
        Self {
            is_ready: state.freshness() != Freshness::Expired,
            expires_at: state.current.as_ref().map(|current| current.expires_at),
            fetched: state.fetched,
            failed: state.failed,
        }
    }

    /// The worst of both, so that alerts hold for both forms of the page.
    fn and(self, other: Self) -> Self {
        Self {
            is_ready: self.is_ready && other.is_ready,
            expires_at: self.expires_at.into_iter().chain(other.expires_at).min(),
            fetched: self.fetched + other.fetched,
            failed: self.failed + other.failed,
        }
    }
}

/// A sample an identity for those who may know its name, else one for all.
fn render(offers: &Offers, requests: &Requests, is_detailed: bool) -> String {
    let mut figures: Vec<_> = offers.iter().map(|offer| (label(&offer.name), Figures::of(offer))).collect();
    if !is_detailed {
        let all = figures.into_iter().map(|(_, figures)| figures).reduce(Figures::and);
        figures = all.map(|all| (String::new(), all)).into_iter().collect();
    }
    let mut page = Page::default();
    page.family("credvend_build_info", "gauge", "The version that runs.");
    page.sample("credvend_build_info", &format!("version=\"{}\"", env!("CARGO_PKG_VERSION")), 1);
    page.family("credvend_ready", "gauge", "Whether an identity has valid credentials.");
    for (identity, figures) in &figures {
        page.sample("credvend_ready", identity, u64::from(figures.is_ready));
    }
    let name = "credvend_credentials_expiry_timestamp_seconds";
    page.family(name, "gauge", "When the credentials of an identity expire, in seconds since 1970.");
    for (identity, figures) in &figures {
        if let Some(expires_at) = figures.expires_at {
            page.sample(name, identity, expires_at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs());
        }
    }
    page.family("credvend_refreshes_total", "counter", "Attempts to get fresher credentials.");
    for (identity, figures) in &figures {
        let comma = if identity.is_empty() { "" } else { "," };
        for (result, count) in [("success", figures.fetched), ("failure", figures.failed)] {
            page.sample("credvend_refreshes_total", &format!("{identity}{comma}result=\"{result}\""), count);
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
        let _ = match labels {
            "" => writeln!(self.0, "{name} {value}"),
            labels => writeln!(self.0, "{name}{{{labels}}} {value}"),
        };
    }
}
