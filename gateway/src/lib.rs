//! The M2M gateway: a client with a token of a trusted issuer calls an API through it, and the API learns who it is.
//!
//! A request is read beyond doubt (`http-server`), its path is brought into one spelling ([`path`]), its caller is
//! verified (`authenticate`) and admitted ([`admit`]) by the routes ([`routes`]), and it is sent on ([`forward`]) with
//! the caller's identity in headers that no caller can write ([`identity_headers`]).
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod admit;
mod audit_line;
pub mod caller;
pub mod config;
pub mod error;
pub mod exchange;
pub mod forward;
pub mod forward_auth;
pub mod gateway;
pub mod identity_headers;
pub mod metrics;
pub mod path;
pub mod request_body;
pub mod response;
pub mod routes;
pub mod server;
pub mod status;
pub mod upstream;
