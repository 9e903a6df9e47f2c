//! How long a request may take: never longer than Lambda's own deadline and API Gateway's patience.

use std::future::Future;
use std::time::{Duration, SystemTime};

use entrance::Call;
use tokio::time::{Instant, timeout_at};

use crate::error::QueryError;

/// An HTTP API waits 30 s, a REST API 29 s.
const GATEWAY: Duration = Duration::from_secs(29);
/// Waiting for a query ends so long before the deadline: its result must still be read and sent.
const RESERVE: Duration = Duration::from_secs(3);
/// The audit line and the response themselves.
const LAST: Duration = Duration::from_millis(1500);

/// Two ends, in the order in which they come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    /// Until then a query is waited for.
    pub(crate) wait_until: Instant,
    /// Until then the response must be there.
    pub(crate) ends: Instant,
}

impl Budget {
    /// For a request that came at `now` by the wall clock, and waits for its query for so long.
    pub(crate) fn new(call: &Call, now: SystemTime, wait: Duration) -> Self {
        let arrived = Instant::from_std(call.arrived);
        let of_lambda = call.deadline.map(|deadline| deadline.duration_since(now).unwrap_or_default());
        let total = of_lambda.map_or(GATEWAY, |left| left.min(GATEWAY));
        Self {
            wait_until: arrived + wait.min(total.saturating_sub(RESERVE)),
            ends: arrived + total.saturating_sub(LAST),
        }
    }

    /// Waits for something, but not past the end. The SDK's futures are large, and so on the heap.
    pub(crate) async fn within<T, E: Into<QueryError>>(
        &self,
        effect: impl Future<Output = Result<T, E>>,
    ) -> Result<T, QueryError> {
        timeout_at(self.ends, Box::pin(effect)).await.map_err(|_| QueryError::OutOfTime)?.map_err(Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_ends_inside_of_every_deadline() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        let seconds = Duration::from_secs;
        for (left, wait, waits, ends) in [
            (None, 25, 25_000, 27_500),
            (None, 0, 0, 27_500),
            (Some(30), 25, 25_000, 27_500),
            (Some(20), 25, 17_000, 18_500),
            (Some(2), 25, 0, 500),
            (Some(0), 25, 0, 0),
        ] {
            let call = Call::now(left.map(|left| now + seconds(left)));
            let budget = Budget::new(&call, now, seconds(wait));
            let arrived = Instant::from_std(call.arrived);
            let found = [budget.wait_until, budget.ends].map(|end| (end - arrived).as_millis());
            assert_eq!(found, [waits, ends], "{left:?} {wait}");
        }
    }
}
