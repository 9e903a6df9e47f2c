//! The credential vending API: a client's access token becomes temporary AWS credentials.
//!
//! Read [`vend`] first: each line of its pipeline is a module of the same name.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod config;
pub mod error;
pub mod explain;
pub mod handler;
mod ready;
pub mod request;
pub mod vend;
