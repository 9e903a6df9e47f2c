//! Whose request is this? From a bearer token to verified claims, in steps that each program takes one by one:
//! [`bearer_token`], [`jwt::UnverifiedToken::parse`], [`TrustedIssuers::find`], [`IssuerKeys::key`],
//! [`jwt::Issuer::verify`], [`RateLimit::check`]. Each step's error becomes an [`AuthenticationError`], which knows its
//! status and code.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod bearer;
mod buckets;
mod error;
mod failure_limit;
mod issuer_values;
mod issuer_variables;
mod jwks;
mod rate_limit;
mod token_cache;
mod trusted_issuers;
mod user_pool;

pub use self::bearer::{BearerError, bearer_token};
pub use self::error::{AuthenticationError, Refusal};
pub use self::failure_limit::FailureLimit;
pub use self::issuer_variables::{AuthenticationSettings, IssuerSettings, KeySource};
pub use self::jwks::{Fetches, IssuerKeys, KeyError};
pub use self::rate_limit::{RateLimit, RateLimited};
pub use self::token_cache::{TokenCache, TokenDigest, VerifiedToken};
pub use jwt::{Claims, TokenError, UnverifiedToken, VerificationKey};

pub use self::trusted_issuers::{TrustedIssuer, TrustedIssuers};
pub use self::user_pool::{check_pool, pool_issuer};
