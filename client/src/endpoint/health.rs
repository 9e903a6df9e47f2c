//! `GET /livez`: whether the identities are still refreshed. `GET /readyz`: whether every identity has valid credentials; and for those who may know, which has none and why.

use std::fmt::Write as _;

use hyper::StatusCode;

use super::offer::Offers;
use super::{HttpResponse, text};
use crate::freshness::refresh::Freshness;

/// The process is of use as long as its identities are refreshed, whatever comes of that.
pub(crate) fn live(offers: &Offers) -> HttpResponse {
    if offers.are_kept() {
        return text("ok\n");
    }
    let mut response = text("an identity is no longer refreshed: restart this process\n");
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response
}

pub(crate) fn ready(offers: &Offers, is_detailed: bool) -> HttpResponse {
    let mut is_ready = true;
    let mut lines = String::new();
    for offer in offers.iter() {
        let is_valid = offer.keeper.state().borrow().freshness() != Freshness::Expired;
        is_ready &= is_valid;
        let mark = if is_valid { "ok" } else { "failed" };
        // Writing to a String cannot fail.
        let _ = writeln!(lines, "{mark} {}: {}", offer.name, offer.status());
    }
    let mut response = text(if is_detailed { lines } else { bare(is_ready).to_owned() });
    if !is_ready {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    response
}

fn bare(is_ready: bool) -> &'static str {
    if is_ready { "ok\n" } else { "failed\n" }
}
