//! Tokens for those who hand them on: from the cache while they are fresh, else fetched under the lock of the host.

use std::time::{Duration, Instant, SystemTime};

use crate::access_token::AccessToken;
use crate::freshness::cache::{Cache, Lock};
use crate::freshness::error::FetchError;
use crate::freshness::fetch;
use crate::freshness::refresh::{Answer, Freshness, Perishable as _};
use crate::settings::config::TokenConfig;
use environment::Log;

/// All tries together.
const PATIENCE: Duration = Duration::from_secs(30);

/// A token that is not past half of its life. Unlike a caller of ours, whoever reads it from a file does not come back for
/// a fresher one.
///
/// # Errors
/// When none can be had now. What the caller has is still as good as it was.
pub(crate) fn token(config: &TokenConfig, now: SystemTime, log: Log) -> Result<Answer<AccessToken>, FetchError> {
    let deadline = Instant::now() + PATIENCE;
    let cache = match Cache::open(config.cache_dir.as_deref(), config.cache_id.clone()) {
        // Free tokens are not worth a cache.
        _ if !config.idp.has_billed_tokens() => None,
        Ok(cache) => Some(cache),
        Err(error) => {
            log.warn(format_args!("tokens are not cached: {error}"));
            None
        }
    };
    let cached =
        || cache.as_ref()?.token().unwrap_or_default().filter(|token| token.freshness(now) == Freshness::Fresh);
    if let Some(token) = cached() {
        return Ok(Answer::new(token));
    }
    let _lock = cache.as_ref().map(|cache| wait_for_turn(cache, deadline, log)).transpose()?;
    // Whoever had the lock before may have fetched one.
    match cached() {
        Some(token) => Ok(Answer::new(token)),
        None => fetch::token(config, cache.as_ref(), log, deadline).map(Answer::new),
    }
}

/// `None`: there is no working lock.
fn wait_for_turn(cache: &Cache, deadline: Instant, log: Log) -> Result<Option<Lock>, FetchError> {
    loop {
        match cache.try_lock() {
            Ok(Some(lock)) => return Ok(Some(lock)),
            Ok(None) if Instant::now() >= deadline => return Err(FetchError::Busy { waited: PATIENCE }),
            // flock(2) knows no timeout.
            Ok(None) => std::thread::sleep(Duration::from_millis(fastrand::u64(5..25))),
            Err(error) => {
                log.warn(format_args!("{error}: tokens are fetched without a lock"));
                return Ok(None);
            }
        }
    }
}
