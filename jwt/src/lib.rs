//! "Is this token genuine?" — the rules of RFC 7515, 7517, 7519, 8725 and 9068 as pure functions.
//!
//! A caller passes through three types, and trust grows with each: [`UnverifiedToken`] has been parsed and nothing more,
//! [`VerificationKey`] comes from the issuer's own key set, and [`Claims`] can be made by [`Issuer::verify`] alone.
//! Nothing here opens a socket, reads a clock or looks at the environment: the time is an argument.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod claims;
mod client_grant;
mod error;
mod issuer;
mod json;
mod jwk;
mod jws;
pub mod key_cache;
mod signature;
mod token;

pub use claims::Claims;
pub use error::{JwkSetError, TokenError};
pub use issuer::{Issuer, IssuerKind};
pub use jwk::{JwkSet, LeftOut, VerificationKey};
pub use jws::{MAX_TOKEN_BYTES, UnverifiedJws};
pub use signature::Algorithm;
pub use token::{UnverifiedToken, token_sha256};
