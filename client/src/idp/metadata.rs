//! What is kept of an issuer's metadata.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::timestamp;

/// What is needed of the metadata, as it lies in the cache.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) token_endpoint: String,
    pub(crate) takes_basic: bool,
    #[serde(with = "timestamp")]
    pub(crate) fetched_at: SystemTime,
}
