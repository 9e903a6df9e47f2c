//! How requests reach an API of ours, and how responses go out.
//!
//! A program is a [`Service`]; [`Entrance::run`] starts it under Lambda ([`events`], fed by `runtime-api`) or as a server
//! of plain HTTP (`server.rs`). Either makes an [`ApiRequest`], and behind it the code of a program is the same for both.
//! What every API says about an error that is not its own stands in `verdict.rs`.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod audit_line;
mod call;
pub mod events;
mod observed;
mod ready;
mod request;
mod response;
mod server;
mod service;
mod start;
mod verdict;

pub use self::call::{Call, Presence};
pub use self::observed::ObservedDenial;
pub use self::ready::{Check, Readiness};
pub use self::request::{ApiRequest, RequestError, excerpt, is_json, one_token};
pub use self::response::ApiResponse;
pub use self::service::{Service, caught};
pub use self::start::{Entrance, run, warn_of};
pub use self::verdict::{Judged, Verdict};
