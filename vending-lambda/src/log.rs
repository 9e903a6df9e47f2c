//! Diagnostic lines: one JSON object a line on standard output, where Lambda and container runtimes collect them.

use std::time::{SystemTime, UNIX_EPOCH};

use audit::write_line;
use serde::Serialize;

/// `LOG_LEVEL`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
}

/// Writes lines of at least its level. What is logged never includes a token, a secret or a key.
#[derive(Clone, Copy)]
pub struct Log {
    level: LogLevel,
}

impl Log {
    /// A log that drops what is less severe than `level`.
    #[must_use]
    pub fn new(level: LogLevel) -> Self {
        Self { level }
    }

    /// Something does not work, and somebody has to do something about it.
    pub fn error(self, message: &str) {
        self.write(LogLevel::Error, "error", message);
    }

    /// Something does not work at the moment and is tried again.
    pub fn warn(self, message: &str) {
        self.write(LogLevel::Warn, "warn", message);
    }

    /// A milestone.
    pub fn info(self, message: &str) {
        self.write(LogLevel::Info, "info", message);
    }

    /// Where a request went.
    pub fn debug(self, message: &str) {
        self.write(LogLevel::Debug, "debug", message);
    }

    fn write(self, level: LogLevel, name: &str, message: &str) {
        if level <= self.level {
            let line = Line { time: epoch_millis(), level: name, message };
            // A struct of strings and numbers always serializes.
            write_line(&serde_json::to_string(&line).unwrap_or_default());
        }
    }
}

#[derive(Serialize)]
struct Line<'a> {
    /// Milliseconds since the epoch, as in audit lines.
    time: u64,
    level: &'a str,
    message: &'a str,
}

#[allow(clippy::disallowed_methods)] // A log line's own time.
fn epoch_millis() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}
