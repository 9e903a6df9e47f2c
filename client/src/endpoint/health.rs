//! `GET /readyz`: whether every identity has credentials that are valid, and if not, why.

use std::fmt::Write as _;

use hyper::StatusCode;

use super::offer::Offers;
use super::{Answer, text};
use crate::freshness::refresh::Freshness;

pub(crate) fn ready(offers: &Offers) -> Answer {
    let mut is_ready = true;
    let mut lines = String::new();
    for offer in offers.iter() {
        let is_valid = offer.keeper.state().borrow().freshness() != Freshness::Expired;
        is_ready &= is_valid;
        let mark = if is_valid { "ok" } else { "failed" };
        // Writing to a String cannot fail.
        let _ = writeln!(lines, "{mark} {}: {}", offer.name, offer.status());
    }
    let mut answer = text(lines);
    if !is_ready {
        *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    answer
}
