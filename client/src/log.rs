//! Messages for people and for log collectors, on stderr. No caller hands over a secret: `Secret` has no `Display`.

use std::fmt::Display;
use std::io::Write as _;

use clap::ValueEnum;
use serde::Serialize;

use crate::consequence::Kind;
use crate::timestamp;

/// Where messages go, in which format, from which level on.
#[derive(Clone, Copy)]
pub(crate) struct Log {
    format: LogFormat,
    level: LogLevel,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
}

#[derive(Serialize)]
struct JsonLine<'a> {
    time: String,
    level: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
}

impl Log {
    pub(crate) fn new(format: LogFormat, level: LogLevel) -> Self {
        Self { format, level }
    }

    /// The last message of a run that fails.
    pub(crate) fn error(self, error: impl Display, kind: Kind) {
        self.write(LogLevel::Error, "error", &error, Some(kind.name()));
    }

    pub(crate) fn warn(self, message: impl Display) {
        self.write(LogLevel::Warn, "warning", &message, None);
    }

    pub(crate) fn info(self, message: impl Display) {
        self.write(LogLevel::Info, "info", &message, None);
    }

    pub(crate) fn debug(self, message: impl Display) {
        self.write(LogLevel::Debug, "debug", &message, None);
    }

    fn write(self, level: LogLevel, name: &str, message: &dyn Display, kind: Option<&str>) {
        if level > self.level {
            return;
        }
        let mut line = match self.format {
            LogFormat::Text => format!("credvend: {name}: {message}"),
            LogFormat::Json => {
                let time = timestamp::format(timestamp::now());
                let line = JsonLine { time, level: name, message: &message.to_string(), kind };
                serde_json::to_string(&line).unwrap_or_default()
            }
        };
        line.push('\n');
        // One write a line, so that lines of several processes on one pipe stay whole. Nobody is left to tell of a
        // failure.
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
}
