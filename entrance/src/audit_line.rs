//! The line of a decision on its way out. Nothing is given out without one.

use std::time::Duration;

use environment::Log;
use environment::stdout::{self, StdoutError};
use thiserror::Error;

/// How long a reader of the lines may stand still before a decision fails. Far below API Gateway's 29 s.
const DEADLINE: Duration = Duration::from_secs(2);

/// Why a decision is not on record.
#[derive(Debug, Error)]
pub enum AuditError {
    /// See [`StdoutError`].
    #[error(transparent)]
    Stdout(#[from] StdoutError),
}

/// Writes an audit line: it is in the hands of the system when this returns. `corrected` makes the line of a decision that
/// failed because this one was late.
///
/// # Errors
/// When it was not written in time.
pub async fn write(line: &str, corrected: impl FnOnce(AuditError) -> String) -> Result<(), AuditError> {
    Ok(stdout::write_line(line, DEADLINE, || corrected(StdoutError::Late.into())).await?)
}

/// Waits for everything that was logged: Lambda stops a process once it has the response, and standard output is lost
/// with the end of any process.
///
/// # Errors
/// When it was not written in time.
pub async fn flush() -> Result<(), AuditError> {
    Ok(stdout::flush(DEADLINE).await?)
}

/// Whether the next line can be written.
///
/// # Errors
/// When the last line could not be written, nor the one that this tries: who is not ready is asked for no decision,
/// whose line would show that the disk has room again.
pub async fn check(log: Log) -> Result<(), AuditError> {
    match flush().await {
        Err(AuditError::Stdout(error @ StdoutError::Failed(_))) => {
            log.error(format_args!("{error}; this line tries again"));
            flush().await
        }
        other => other,
    }
}
