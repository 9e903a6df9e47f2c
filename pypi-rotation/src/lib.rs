//! Rotates the token of a Python package index that a secret of AWS Secrets Manager holds.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]
