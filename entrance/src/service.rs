//! What a program is to its entrances.

use std::future::Future;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use authenticate::TrustedIssuers;
use environment::Log;
use futures_util::FutureExt as _;

use crate::events::EventError;
use crate::request::{ApiRequest, RequestError};
use crate::response::ApiResponse;

/// An API behind its entrances.
pub trait Service: Send + Sync + 'static {
    /// The largest body that is read.
    const MAX_BODY_BYTES: usize;
    /// The path of the `POST` whose body is the event of a direct invocation.
    const DIRECT_PATH: &'static str;
    /// How long requests under way may take to finish once the process is to end.
    const GRACE: Duration;

    /// Diagnostic lines.
    fn log(&self) -> Log;

    /// Whose tokens are accepted: their keys are kept fresh.
    fn issuers(&self) -> &TrustedIssuers;

    /// What else is done before the first request, beside the first fetch of keys.
    ///
    /// # Errors
    /// When the service can never serve: its start fails.
    fn prepare(&self) -> impl Future<Output = anyhow::Result<()>> + Send {
        std::future::ready(Ok(()))
    }

    /// Responds to a request, whatever happens.
    fn handle(&self, request: ApiRequest) -> impl Future<Output = ApiResponse> + Send;

    /// Refuses an event that is no request.
    fn refuse_event(
        &self,
        error: EventError,
        request_id: &str,
        source_ip: Option<IpAddr>,
    ) -> impl Future<Output = ApiResponse> + Send;

    /// Refuses what does not become a request.
    fn refuse(error: RequestError, request_id: &str) -> ApiResponse;
}

/// Waits for the work on a request, and makes a panic the error [`RequestError::Panicked`]: each lock of ours is held for a
/// few assignments only, so a panic leaves no state half-changed.
///
/// # Errors
/// The work's own, or the panic.
pub async fn caught<T, E: From<RequestError>>(
    log: Log,
    request_id: &str,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|_| {
        log.error(format_args!("request {request_id} panicked"));
        Err(RequestError::Panicked.into())
    })
}
