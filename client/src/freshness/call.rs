//! One call to the services, as all its steps share it: its connections, its budget, the cache and the log.

use std::time::{Duration, Instant};

use http_client::{Budget, HttpClient, Request, RequestError, Response, Spent};

use crate::consequence::{Consequence, Kind};
use crate::freshness::cache::Cache;
use environment::Log;

/// A call spends no more requests than this, whatever the reason for each.
const MAX_REQUESTS: u32 = 12;

/// What the requests of one call have in common.
pub(crate) struct Call<'a> {
    http: HttpClient,
    budget: Budget,
    /// `None` where nothing is cached.
    pub(crate) cache: Option<&'a Cache>,
    pub(crate) log: Log,
}

/// A request without a response.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error(transparent)]
    Request(#[from] RequestError),
    /// No request was made.
    #[error(transparent)]
    Spent(#[from] Spent),
}

impl<'a> Call<'a> {
    pub(crate) fn new(http: HttpClient, cache: Option<&'a Cache>, log: Log, deadline: Instant) -> Self {
        let now = Instant::now();
        let budget = Budget::new(now, deadline.saturating_duration_since(now), MAX_REQUESTS);
        Self { http, budget, cache, log }
    }

    /// Sends a request that lasts no longer than the call may.
    pub(crate) async fn send(&mut self, request: Request) -> Result<Response, CallError> {
        let time_left = self.budget.take(Instant::now())?;
        Ok(self.http.send(request.timeout(time_left)).await?)
    }

    /// How long to wait after a failure before the next request.
    ///
    /// # Errors
    /// When the wait would outlast the call.
    pub(crate) fn delay(&mut self, retry_after: Option<Duration>) -> Result<Duration, Spent> {
        self.budget.delay(Instant::now(), retry_after, fastrand::f64())
    }
}

impl CallError {
    pub(crate) fn consequence(&self) -> Consequence {
        match self {
            // Directories lock an account after a few tries with one wrong password.
            Self::Request(RequestError::ProxyAuthentication { .. }) => Consequence::last(Kind::Refused),
            Self::Request(_) => Consequence::retry(Kind::Unavailable, None),
            Self::Spent(_) => Consequence::last(Kind::Unavailable),
        }
    }
}
