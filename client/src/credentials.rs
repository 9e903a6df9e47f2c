//! AWS credentials as this program holds and caches them.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::refresh::{self, Freshness};
use crate::secret::Secret;
use crate::timestamp;

/// What is wrong when the local clock is ahead by a lifetime or more.
pub(crate) const ALREADY_EXPIRED: &str = "the credentials have already expired: compare the clocks of both sides";

/// Temporary AWS credentials. No `Debug`; serialized for the cache only, `output/` knows the formats for the outside.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Credentials {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: Secret,
    pub(crate) session_token: Secret,
    #[serde(with = "timestamp")]
    pub(crate) expires_at: SystemTime,
    /// By this machine's clock.
    #[serde(with = "timestamp")]
    pub(crate) obtained_at: SystemTime,
}

impl Credentials {
    /// Checks what a service gave, or says what is wrong with it.
    pub(crate) fn check(given: vending_api::Credentials, now: SystemTime) -> Result<Self, &'static str> {
        let vending_api::Credentials { access_key_id, secret_access_key, session_token, expiration } = given;
        if access_key_id.is_empty() || secret_access_key.is_empty() || session_token.is_empty() {
            return Err("a part of the credentials is empty");
        }
        let expires_at = timestamp::parse(&expiration).ok_or("`expiration` is not an RFC 3339 time")?;
        if expires_at <= now {
            return Err(ALREADY_EXPIRED);
        }
        Ok(Self {
            access_key_id,
            secret_access_key: Secret::new(secret_access_key),
            session_token: Secret::new(session_token),
            expires_at,
            obtained_at: now,
        })
    }

    pub(crate) fn lifetime(&self) -> Duration {
        self.expires_at.duration_since(self.obtained_at).unwrap_or_default()
    }

    pub(crate) fn freshness(&self, now: SystemTime) -> Freshness {
        refresh::freshness(self.obtained_at, self.expires_at, &self.access_key_id, now)
    }

    pub(crate) fn refresh_at(&self) -> SystemTime {
        refresh::refresh_at(self.obtained_at, self.expires_at, &self.access_key_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(secret_access_key: &str, expiration: &str) -> Result<Credentials, &'static str> {
        let given = vending_api::Credentials {
            access_key_id: "ASIAEXAMPLE".to_owned(),
            secret_access_key: secret_access_key.to_owned(),
            session_token: "token".to_owned(),
            expiration: expiration.to_owned(),
        };
        Credentials::check(given, timestamp::parse("2026-01-01T00:00:00Z").unwrap())
    }

    #[test]
    fn only_whole_and_living_credentials_pass() {
        check("key", "2026-01-01T01:00:00Z").unwrap_or_else(|problem| panic!("{problem}"));
        for (key, expiration) in
            [("", "2026-01-01T01:00:00Z"), ("key", "tomorrow"), ("key", ""), ("key", "2026-01-01T00:00:00Z")]
        {
            assert!(check(key, expiration).is_err(), "{key} {expiration}");
        }
    }

    #[test]
    fn the_cache_form_reads_back() {
        let stored = serde_json::to_vec(&check("key", "2026-01-01T01:00:00Z").unwrap_or_else(|_| panic!())).unwrap();
        let read: Credentials = serde_json::from_slice(&stored).unwrap();
        assert_eq!(timestamp::format(read.expires_at), "2026-01-01T01:00:00Z");
        assert_eq!(read.secret_access_key.expose(), "key");
    }
}
