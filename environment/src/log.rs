//! Diagnostic messages, in one dialect for all programs. No caller hands over a token, a secret or a key.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::stdout;

/// How severe a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// A failure that an operator has to act on.
    Error,
    /// Something does not work at the moment and is tried again, or will not work for long.
    Warn,
    /// A milestone.
    Info,
    /// Where a request went.
    Debug,
}

/// How a message looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// `program: warning: message`, for people.
    Text,
    /// `{"time": RFC 3339, "level": …, "message": …}`, one object a line, for log collectors.
    Json,
}

/// Where messages go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogTarget {
    /// A service's, which Lambda and container runtimes collect.
    Stdout,
    /// A command's, whose standard output holds its result.
    Stderr,
}

/// Writes messages of at least its level. Cheap to copy.
#[derive(Debug, Clone, Copy)]
pub struct Log {
    program: &'static str,
    format: LogFormat,
    level: LogLevel,
    target: LogTarget,
}

#[derive(Serialize)]
struct JsonLine<'a> {
    time: String,
    level: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
}

impl LogLevel {
    /// The words of `LOG_LEVEL` and `--log-level`.
    pub const WORDS: [(&'static str, Self); 4] =
        [("error", Self::Error), ("warn", Self::Warn), ("info", Self::Info), ("debug", Self::Debug)];

    fn name(self, format: LogFormat) -> &'static str {
        match (self, format) {
            (Self::Error, _) => "error",
            // As GNU programs write it; log collectors know the short word.
            (Self::Warn, LogFormat::Text) => "warning",
            (Self::Warn, LogFormat::Json) => "warn",
            (Self::Info, _) => "info",
            (Self::Debug, _) => "debug",
        }
    }
}

impl Log {
    /// A command's log, on standard error.
    #[must_use]
    pub fn of_command(program: &'static str, format: LogFormat, level: LogLevel) -> Self {
        Self { program, format, level, target: LogTarget::Stderr }
    }

    /// A service's log: JSON on standard output.
    #[must_use]
    pub fn of_service(program: &'static str, level: LogLevel) -> Self {
        Self { program, format: LogFormat::Json, level, target: LogTarget::Stdout }
    }

    /// From here on a panic is a line of this log. Its message may hold what the code was working on; where it happened is
    /// enough to find it.
    pub fn report_panics(self) {
        std::panic::set_hook(Box::new(move |panic| {
            let location = panic.location().map_or("an unknown location".to_owned(), ToString::to_string);
            self.error(format_args!("panicked at {location}"));
        }));
    }

    /// A failure, with the kind that the exit code stands for where there is one.
    pub fn failure(self, message: impl Display, kind: &str) {
        self.write(LogLevel::Error, &message, Some(kind));
    }

    /// See [`LogLevel::Error`].
    pub fn error(self, message: impl Display) {
        self.write(LogLevel::Error, &message, None);
    }

    /// See [`LogLevel::Warn`].
    pub fn warn(self, message: impl Display) {
        self.write(LogLevel::Warn, &message, None);
    }

    /// See [`LogLevel::Info`].
    pub fn info(self, message: impl Display) {
        self.write(LogLevel::Info, &message, None);
    }

    /// See [`LogLevel::Debug`].
    pub fn debug(self, message: impl Display) {
        self.write(LogLevel::Debug, &message, None);
    }

    fn write(self, level: LogLevel, message: &dyn Display, kind: Option<&str>) {
        if level > self.level {
            return;
        }
        let line = self.line(level, message, kind, now());
        // One write a line, so that lines of several processes on one pipe stay whole. Nobody is left to be told of a
        // failure.
        let _ = match self.target {
            LogTarget::Stdout => {
                stdout::submit(line);
                Ok(())
            }
            LogTarget::Stderr => io::stderr().write_all(line.as_bytes()),
        };
    }

    fn line(self, level: LogLevel, message: &dyn Display, kind: Option<&str>, now: SystemTime) -> String {
        let name = level.name(self.format);
        let mut line = match self.format {
            LogFormat::Text => format!("{}: {name}: {}", self.program, one_line(&message.to_string())),
            LogFormat::Json => {
                let line = JsonLine { time: rfc3339(now), level: name, message: &message.to_string(), kind };
                // A struct of strings always serializes.
                serde_json::to_string(&line).unwrap_or_default()
            }
        };
        line.push('\n');
        line
    }
}

/// A message may quote what a server said: it makes no lines of its own and moves no cursor.
fn one_line(message: &str) -> String {
    if message.contains(|character: char| character.is_control() && character != '\n') {
        return message.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect();
    }
    message.to_owned()
}

/// Whole seconds and `Z`.
fn rfc3339(at: SystemTime) -> String {
    let whole = Duration::from_secs(at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs());
    OffsetDateTime::from(UNIX_EPOCH + whole).format(&Rfc3339).unwrap_or_default()
}

#[allow(clippy::disallowed_methods, reason = "a log line's own time")]
fn now() -> SystemTime {
    SystemTime::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_dialect() {
        let at = UNIX_EPOCH + Duration::from_secs(1_767_225_600);
        let text = Log::of_command("credvend", LogFormat::Text, LogLevel::Warn);
        assert_eq!(text.line(LogLevel::Warn, &"late", None, at), "credvend: warning: late\n");
        assert_eq!(text.line(LogLevel::Error, &"a\u{1b}[2Jb", None, at), "credvend: error: a\u{fffd}[2Jb\n");
        let json = Log::of_service("vending-lambda", LogLevel::Info);
        assert_eq!(
            json.line(LogLevel::Warn, &"a \"b\"\nc", Some("refused"), at),
            "{\"time\":\"2026-01-01T00:00:00Z\",\"level\":\"warn\",\"message\":\"a \\\"b\\\"\\nc\",\"kind\":\"refused\"}\n"
        );
    }
}
