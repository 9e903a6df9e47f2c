//! The query API: a client's access token runs a statement on Athena, under Lake Formation's permissions.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod statement;
