//! A token of the identity provider, as this program holds and caches it.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::freshness::refresh::{self, Perishable};
use crate::secret::Secret;
use crate::timestamp;

/// A token, and until when it is one.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct AccessToken {
    pub(crate) value: Secret,
    #[serde(with = "timestamp")]
    pub(crate) obtained_at: SystemTime,
    #[serde(with = "timestamp")]
    pub(crate) expires_at: SystemTime,
}

impl AccessToken {
    pub(crate) fn is_usable(&self, now: SystemTime) -> bool {
        refresh::is_token_usable(self.obtained_at, self.expires_at, now)
    }
}

/// Of a token that is kept in a file for others; a token of our own is used up to its margin.
impl Perishable for AccessToken {
    fn obtained_at(&self) -> SystemTime {
        self.obtained_at
    }

    fn ends_at(&self) -> SystemTime {
        self.expires_at
    }

    /// The end of the signature: different for every token, and worth nothing by itself.
    fn salt(&self) -> &str {
        let text = self.value.expose();
        text.get(text.len().saturating_sub(16)..).unwrap_or_default()
    }
}
