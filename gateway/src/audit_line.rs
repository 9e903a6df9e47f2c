//! The line of a decision on its way out. Nothing reaches the upstream before its line is queued.

use std::time::Duration;

use environment::Log;
use environment::stdout::{self, StdoutError};

/// How long a reader of the lines may stand still before requests fail.
const DEADLINE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(5);

/// Queues an audit line.
///
/// # Errors
/// When nobody reads standard output, and when the last line could not be written, until one can.
pub(crate) async fn write(mut line: String, log: Log) -> Result<(), StdoutError> {
    line.push('\n');
    match stdout::enqueue(&mut line) {
        Ok(()) => Ok(()),
        Err(StdoutError::Full) => wait_for_room(line).await,
        Err(error @ (StdoutError::Failed(_) | StdoutError::Late)) => {
            // A line of the log tries the disk again, so that the next request finds out.
            log.error(format_args!("{error}; this line tries again"));
            stdout::flush(DEADLINE).await?;
            stdout::enqueue(&mut line)
        }
    }
}

async fn wait_for_room(mut line: String) -> Result<(), StdoutError> {
    let waited = tokio::time::timeout(DEADLINE, async {
        loop {
            tokio::time::sleep(PAUSE).await;
            match stdout::enqueue(&mut line) {
                Err(StdoutError::Full) => {}
                queued => return queued,
            }
        }
    });
    waited.await.unwrap_or(Err(StdoutError::Full))
}
