//! One call to the services: a token, its exchange for credentials, and the tries that it takes.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use http_client::{HttpClient, Limits, Proxy, Roots, Spent};

use crate::access_token::AccessToken;
use crate::credentials::Credentials;
use crate::exchange::Exchange;
use crate::freshness::cache::Cache;
use crate::freshness::call::{Call, CallError};
use crate::freshness::error::FetchError;
use crate::idp::IdentityProvider;
use crate::settings::config::{Config, TokenConfig};
use crate::timestamp;
use environment::Log;

/// A single request; the whole call has a deadline of its own.
const LIMITS: Limits = Limits { connect: Duration::from_secs(5), total: Duration::from_secs(10), max_body: 256 * 1024 };

/// Reads certificates and sets up TLS; opens no connection.
pub(crate) fn http_client(config: &Config) -> Result<HttpClient, FetchError> {
    client(&config.extra_ca, &config.proxy)
}

fn client(extra_ca: &[PathBuf], proxy: &Proxy) -> Result<HttpClient, FetchError> {
    Ok(HttpClient::new(Roots::System, extra_ca, proxy, LIMITS)?)
}

/// Fetches credentials until `deadline`, with the token that the cache holds, where it still has one.
///
/// # Errors
/// The last failure, once it is final or nothing is left of the call's time and requests.
pub(crate) fn credentials(
    config: &Config,
    cache: Option<&Cache>,
    token: Option<AccessToken>,
    log: Log,
    deadline: Instant,
) -> Result<Credentials, FetchError> {
    let call = Call::new(http_client(config)?, cache, log, deadline);
    let token = token.map(|token| (token, Origin::Cache));
    let fetcher = Fetcher { idp: &config.idp, call, token };
    block_on(fetcher.retry(async |fetcher| fetcher.credentials(&config.exchange).await))
}

/// Fetches a new token until `deadline`, and caches it.
///
/// # Errors
/// As for credentials.
pub(crate) fn token(
    config: &TokenConfig,
    cache: Option<&Cache>,
    log: Log,
    deadline: Instant,
) -> Result<AccessToken, FetchError> {
    let call = Call::new(client(&config.extra_ca, &config.proxy)?, cache, log, deadline);
    let fetcher = Fetcher { idp: &config.idp, call, token: None };
    block_on(fetcher.retry(async |fetcher| Ok(fetcher.usable_token().await?.0)))
}

/// Runs network requests on this thread.
pub(crate) fn block_on<T, E: From<FetchError>>(work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(FetchError::Runtime)?;
    let outcome = runtime.block_on(work);
    // A name server that hangs must not keep the process beyond its deadline: resolver threads are left behind.
    runtime.shutdown_background();
    outcome
}

/// A call on its way: the token that it has, and where that came from.
struct Fetcher<'a> {
    idp: &'a IdentityProvider,
    call: Call<'a>,
    token: Option<(AccessToken, Origin)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Cache,
    ThisCall,
}

impl Fetcher<'_> {
    /// Tries until an attempt succeeds, or until another one makes no sense.
    async fn retry<T>(mut self, attempt: impl AsyncFn(&mut Self) -> Result<T, FetchError>) -> Result<T, FetchError> {
        let mut last_failure = None;
        loop {
            let failure = match attempt(&mut self).await {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            };
            // No request was made for lack of budget; what failed before says more.
            if let Some(CallError::Spent(_)) = failure.call() {
                return Err(last_failure.unwrap_or(failure));
            }
            let consequence = failure.consequence();
            if consequence.is_final {
                return Err(failure);
            }
            match self.call.delay(consequence.retry_after) {
                Err(Spent) => return Err(failure),
                Ok(delay) => {
                    self.call.log.info(format_args!("{failure}; next try in {} ms", delay.as_millis()));
                    last_failure = Some(failure);
                    tokio::time::sleep(delay).await;
                }
            }
        }
    }

    async fn credentials(&mut self, exchange: &Exchange) -> Result<Credentials, FetchError> {
        let (token, origin) = self.usable_token().await?;
        match self.exchange(exchange, &token).await {
            // The issuer's keys, or its rules, may have changed since the token was cached.
            Err(FetchError::Exchange(error)) if error.is_token_refused() && origin == Origin::Cache => {
                self.call.log.info(format_args!("{error}; fetching a new token"));
                self.token = None;
                let (token, _) = self.usable_token().await?;
                self.exchange(exchange, &token).await
            }
            other => other,
        }
    }

    /// The token at hand, or a new one where it has expired between two tries.
    async fn usable_token(&mut self) -> Result<(AccessToken, Origin), FetchError> {
        if let Some((token, origin)) = &self.token
            && token.is_usable(timestamp::now())
        {
            self.call.log.debug("using the token at hand");
            return Ok((token.clone(), *origin));
        }
        let idp = self.idp;
        self.call.log.debug(format_args!("asking {idp} for a token"));
        let token = idp.token(&mut self.call).await?;
        // Stored first, so that the next call finds the token even if the exchange fails now.
        if let Some(cache) = self.call.cache
            && idp.has_billed_tokens()
            && let Err(error) = cache.store_token(&token)
        {
            self.call.log.warn(format_args!("the token is not cached: {error}"));
        }
        // A file is read for every exchange: its writer may have replaced it meanwhile.
        if !matches!(idp, IdentityProvider::File(_)) {
            self.token = Some((token.clone(), Origin::ThisCall));
        }
        Ok((token, Origin::ThisCall))
    }

    async fn exchange(&mut self, exchange: &Exchange, token: &AccessToken) -> Result<Credentials, FetchError> {
        self.call.log.debug(format_args!("asking {} for credentials", exchange.endpoint()));
        let credentials = exchange.credentials(token, &mut self.call).await?;
        self.call.log.debug("credentials are there");
        Ok(credentials)
    }
}
