//! What may a client do? Claims become a mapping ([`table`]), a mapping becomes a grant ([`authorize`]), a grant becomes
//! a session ([`session`]), and a session becomes credentials ([`sts`]). Only [`table`] and [`sts`] make requests.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod attributes;
pub mod authorize;
pub mod aws_clients;
mod caller;
mod flights;
pub mod observe;
mod recent;
pub mod role_mapping;
mod s3_prefix;
pub mod session;
pub mod sts;
pub mod table;
pub mod terms;

pub use self::caller::Caller;
