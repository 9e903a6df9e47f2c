//! What a [`Provider`](super::provider::Provider) provides: AWS credentials, which take the whole configuration, or the
//! identity provider's token, which takes no exchange.

use std::time::Instant;

use crate::access_token::AccessToken;
use crate::credentials::Credentials;
use crate::freshness::cache::{Cache, CacheError};
use crate::freshness::error::FetchError;
use crate::freshness::fetch;
use crate::freshness::refresh::Perishable;
use crate::settings::config::{Config, TokenConfig};
use environment::Log;

/// A configuration, as the source of what it is for.
pub(crate) trait Supply {
    type Value: Perishable;
    /// What messages call the value.
    const WHAT: &'static str;
    /// The cache's name for the last failure. Each value has one of its own: that the exchange fails says nothing about
    /// the identity provider.
    const FAILURE: &'static str;

    /// `None`: the value is not worth a cache.
    fn cache(&self) -> Option<Result<Cache, CacheError>>;

    fn cached(cache: &Cache) -> Result<Option<Self::Value>, CacheError>;

    /// Fetches until `deadline`; with a cache, under its lock.
    fn fetch(&self, cache: Option<&Cache>, log: Log, deadline: Instant) -> Result<Self::Value, FetchError>;

    /// Puts into the cache what was fetched.
    fn keep(&self, cache: &Cache, fetched: &Self::Value, log: Log) -> Result<(), CacheError>;
}

impl Supply for Config {
    type Value = Credentials;
    const WHAT: &'static str = "credentials";
    const FAILURE: &'static str = "failure";

    fn cache(&self) -> Option<Result<Cache, CacheError>> {
        Some(Cache::open(self.cache_dir.as_deref(), self.cache_id()))
    }

    fn cached(cache: &Cache) -> Result<Option<Credentials>, CacheError> {
        cache.credentials()
    }

    fn fetch(&self, cache: Option<&Cache>, log: Log, deadline: Instant) -> Result<Credentials, FetchError> {
        let token = cache.and_then(|cache| cache.recover(cache.token(), log));
        fetch::credentials(self, cache, token, log, deadline)
    }

    fn keep(&self, cache: &Cache, fetched: &Credentials, log: Log) -> Result<(), CacheError> {
        if fetched.clock_offset_millis != 0 {
            let (seconds, side) = (fetched.clock_offset_millis.unsigned_abs() / 1000, fetched.clock_offset_millis > 0);
            log.warn(format_args!(
                "this machine's clock is {seconds} s {} that of {}: set it, AWS refuses signatures that are 5 min off",
                if side { "behind" } else { "ahead of" },
                self.exchange.endpoint()
            ));
        }
        cache.store_credentials(fetched)
    }
}

impl Supply for TokenConfig {
    type Value = AccessToken;
    const WHAT: &'static str = "token";
    const FAILURE: &'static str = "token-failure";

    /// Free tokens are not worth a cache.
    fn cache(&self) -> Option<Result<Cache, CacheError>> {
        self.idp.has_billed_tokens().then(|| Cache::open(self.cache_dir.as_deref(), self.cache_id.clone()))
    }

    fn cached(cache: &Cache) -> Result<Option<AccessToken>, CacheError> {
        cache.token()
    }

    fn fetch(&self, cache: Option<&Cache>, log: Log, deadline: Instant) -> Result<AccessToken, FetchError> {
        fetch::token(self, cache, log, deadline)
    }

    /// The fetch has stored it, as it does on the way to credentials.
    fn keep(&self, _: &Cache, _: &AccessToken, _: Log) -> Result<(), CacheError> {
        Ok(())
    }
}
