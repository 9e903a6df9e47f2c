//! One call to the services: a token, its exchange for credentials, and the tries that it takes.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use http_client::{Budget, HttpClient, Limits, Proxy, Roots, Spent};

use crate::credentials::Credentials;
use crate::error::Error;
use crate::exchange::{Exchange, ExchangeError};
use crate::freshness::cache::Cache;
use crate::idp::{AccessToken, IdentityProvider, IdpError};
use crate::log::Log;
use crate::settings::config::{Config, TokenConfig};
use crate::timestamp;

/// A call spends no more requests than this, whatever the reason for each.
pub(crate) const MAX_REQUESTS: u32 = 12;

/// A single request; the whole call has a deadline of its own.
const LIMITS: Limits = Limits { connect: Duration::from_secs(5), total: Duration::from_secs(10), max_body: 256 * 1024 };

/// Reads certificates and sets up TLS; opens no connection.
pub(crate) fn http_client(config: &Config) -> Result<HttpClient, Error> {
    client(&config.extra_ca, &config.proxy)
}

fn client(extra_ca: &[PathBuf], proxy: &Proxy) -> Result<HttpClient, Error> {
    Ok(HttpClient::with_proxy(Roots::System, extra_ca, proxy, LIMITS)?)
}

/// Fetches credentials until `deadline`.
///
/// # Errors
/// The last failure, once it is final or nothing is left of the call's time and requests.
pub(crate) fn credentials(
    config: &Config,
    cache: Option<&Cache>,
    log: Log,
    deadline: Instant,
) -> Result<Credentials, Error> {
    let mut call = Call::new(&config.idp, http_client(config)?, cache, log, deadline);
    call.token = cache.and_then(|cache| cache.token().unwrap_or_default()).map(|token| (token, Origin::Cache));
    block_on(call.persevere(async |call| call.credentials(&config.exchange).await))
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
) -> Result<AccessToken, Error> {
    let call = Call::new(&config.idp, client(&config.extra_ca, &config.proxy)?, cache, log, deadline);
    block_on(call.persevere(async |call| Ok(call.usable_token().await?.0)))
}

/// Runs network requests on this thread.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Runtime)?;
    let outcome = runtime.block_on(work);
    // A name server that hangs must not keep the process beyond its deadline: resolver threads are left behind.
    runtime.shutdown_background();
    outcome
}

struct Call<'a> {
    idp: &'a IdentityProvider,
    cache: Option<&'a Cache>,
    log: Log,
    http: HttpClient,
    budget: Budget,
    token: Option<(AccessToken, Origin)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Cache,
    ThisCall,
}

impl<'a> Call<'a> {
    fn new(idp: &'a IdentityProvider, http: HttpClient, cache: Option<&'a Cache>, log: Log, deadline: Instant) -> Self {
        let now = Instant::now();
        let budget = Budget::new(now, deadline.saturating_duration_since(now), MAX_REQUESTS);
        Self { idp, cache, log, http, budget, token: None }
    }

    /// Tries until it succeeds, or until trying makes no more sense.
    async fn persevere<T>(mut self, attempt: impl AsyncFn(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        let mut last_failure = None;
        loop {
            let failure = match attempt(&mut self).await {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            };
            let consequence = failure.consequence();
            if is_spent(&failure) {
                return Err(last_failure.unwrap_or(failure));
            }
            if consequence.is_final {
                return Err(failure);
            }
            match self.budget.delay(Instant::now(), consequence.retry_after, fastrand::f64()) {
                Err(Spent) => return Err(failure),
                Ok(delay) => {
                    self.log.info(format_args!("{failure}; next try in {} ms", delay.as_millis()));
                    last_failure = Some(failure);
                    tokio::time::sleep(delay).await;
                }
            }
        }
    }

    async fn credentials(&mut self, exchange: &Exchange) -> Result<Credentials, Error> {
        let (token, origin) = self.usable_token().await?;
        match self.exchange(exchange, &token).await {
            // The issuer's keys, or its rules, may have changed since the token was cached.
            Err(Error::Exchange(error)) if error.is_token_refused() && origin == Origin::Cache => {
                self.log.info(format_args!("{error}; fetching a new token"));
                self.token = None;
                let (token, _) = self.usable_token().await?;
                self.exchange(exchange, &token).await
            }
            other => other,
        }
    }

    /// The token at hand, or a new one where it has expired between two tries.
    async fn usable_token(&mut self) -> Result<(AccessToken, Origin), Error> {
        if let Some((token, origin)) = &self.token
            && token.is_usable(timestamp::now())
        {
            self.log.debug("using the token at hand");
            return Ok((token.clone(), *origin));
        }
        let idp = self.idp;
        self.log.debug(format_args!("asking {idp} for a token"));
        let token = idp.token(&self.http, &mut self.budget, self.cache, self.log).await?;
        // The next call shall find this one, even if the exchange fails now.
        if let Some(cache) = self.cache
            && idp.has_billed_tokens()
            && let Err(error) = cache.store_token(&token)
        {
            self.log.warn(format_args!("the token is not cached: {error}"));
        }
        // A file is read for every exchange: whoever writes it may have been there since.
        if !matches!(idp, IdentityProvider::File(_)) {
            self.token = Some((token.clone(), Origin::ThisCall));
        }
        Ok((token, Origin::ThisCall))
    }

    async fn exchange(&mut self, exchange: &Exchange, token: &AccessToken) -> Result<Credentials, Error> {
        self.log.debug(format_args!("asking {} for credentials", exchange.endpoint()));
        let credentials = exchange.credentials(token, &self.http, &mut self.budget).await?;
        self.log.debug("credentials are there");
        Ok(credentials)
    }
}

/// No request was made for lack of budget; what failed before says more.
fn is_spent(failure: &Error) -> bool {
    matches!(failure, Error::Idp(IdpError::Spent(_)) | Error::Exchange(ExchangeError::Spent(_)))
}
