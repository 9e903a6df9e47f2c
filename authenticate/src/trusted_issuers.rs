//! Whose tokens are accepted: each issuer's rules and its keys, found once and compared once.

use std::time::{Duration, SystemTime};

use environment::Log;
use http_client::{BuildError, HttpClient, Limits, Roots};
use jwt::{Issuer, TokenError};

use crate::issuer_variables::{AuthenticationSettings, IssuerSettings, KeySource};
use crate::jwks::{self, FETCH_TIMEOUT, IssuerKeys, MAX_JWKS_BYTES};

/// Pause between two looks for a due refresh, where the process is not frozen between requests.
const REFRESH_POLL: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// An issuer whose tokens are accepted.
pub struct TrustedIssuer {
    /// The rules for its tokens.
    pub rules: Issuer,
    /// The keys that sign them.
    pub keys: IssuerKeys,
}

/// All of them.
pub struct TrustedIssuers(Vec<TrustedIssuer>);

impl TrustedIssuers {
    /// Each issuer with an empty cache of keys of its own; nothing is fetched yet.
    ///
    /// # Errors
    /// When a file of certificate authorities cannot be used.
    pub fn new(settings: AuthenticationSettings, log: Log) -> Result<Self, BuildError> {
        let limits = Limits { connect: CONNECT_TIMEOUT, total: FETCH_TIMEOUT, max_body: MAX_JWKS_BYTES };
        let http = HttpClient::new(Roots::Embedded, &settings.extra_ca_files, &settings.proxy, limits)?;
        let trust = |IssuerSettings { rules, keys }| {
            let keys = match keys {
                KeySource::Fixed(set) => {
                    jwks::warn_of_left_out(&rules.url, set.left_out(), log);
                    IssuerKeys::fixed(set)
                }
                KeySource::Published(endpoint) => {
                    IssuerKeys::published(&rules.url, endpoint, settings.jwks_max_stale, http.clone(), log)
                }
            };
            TrustedIssuer { rules, keys }
        };
        Ok(Self::of(settings.issuers.into_iter().map(trust).collect()))
    }

    /// Issuers whose keys are known.
    #[must_use]
    pub fn of(issuers: Vec<TrustedIssuer>) -> Self {
        Self(issuers)
    }

    /// The issuer whose URL is `iss`, byte for byte (RFC 7519 §4.1.1, RFC 8725 §3.8).
    ///
    /// # Errors
    /// When none is.
    pub fn find(&self, iss: &str) -> Result<&TrustedIssuer, TokenError> {
        self.0.iter().find(|issuer| issuer.rules.url == iss).ok_or(TokenError::UntrustedIssuer)
    }

    /// In the order of the configuration.
    pub fn iter(&self) -> impl Iterator<Item = &TrustedIssuer> {
        self.0.iter()
    }

    /// Fetches every key set that is due and waits for all of them. A failure is logged and left to the cool-down.
    pub async fn refresh(&self, now: SystemTime) {
        let fetches: Vec<_> = self.iter().filter_map(|issuer| issuer.keys.start_refresh(now)).collect();
        for fetch in fetches {
            // A fetch that panicked has not reported; the cache treats it as abandoned.
            let _ = fetch.await;
        }
    }

    /// Keeps the key sets young for as long as the process lives. Not for Lambda, whose time stands still between
    /// requests.
    #[allow(clippy::disallowed_methods)] // The clock of this background task.
    pub async fn keep_fresh(&self) {
        loop {
            tokio::time::sleep(REFRESH_POLL).await;
            self.refresh(SystemTime::now()).await;
        }
    }

    /// Number of key fetches since the last call.
    #[must_use]
    pub fn take_refetches(&self) -> u64 {
        self.iter().map(|issuer| issuer.keys.take_refetches()).sum()
    }
}
