//! The query API: a client's access token runs one statement on Athena, as a role that Lake Formation restricts.
//!
//! Read [`query`] first: each line of its pipeline is a module of the same name.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod athena;
mod budget;
pub mod config;
pub mod error;
mod failure;
pub mod handler;
mod identifiers;
mod output;
mod page;
pub mod query;
mod ready;
mod record;
pub mod request;
mod response;
mod results;
pub mod roles;
pub mod scopes;
pub mod statement;
mod values;
