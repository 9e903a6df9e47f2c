//! Rotates the token of a Python package index that a secret of AWS Secrets Manager holds.
//!
//! No index has an API that makes tokens. A person makes the new one, stages it in a second secret, and this function
//! moves it in: never before the index has accepted it, and never twice.
//!
//! Read [`rotation`] first: the four steps that Secrets Manager asks for, one after the other. `AWSCURRENT` is what the
//! publishing jobs read, and only the last step touches it.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod config;
pub mod error;
pub mod event;
pub mod index;
pub mod rotation;
pub mod secret_value;
pub mod secrets;
pub mod versions;
