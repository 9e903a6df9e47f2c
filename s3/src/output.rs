//! What a run prints: on stdout the results, on stderr what goes wrong.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};

use serde::Serialize;

/// Results that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("standard output cannot be written: {0}")]
pub(crate) struct OutputError(io::Error);

/// How results look.
#[derive(Clone, Copy)]
pub(crate) struct Output {
    json: bool,
    to_terminal: bool,
}

/// One result: a line of text, or of JSON.
pub(crate) trait Line: Serialize {
    fn text(&self) -> String;
}

/// What became of one object.
#[derive(Serialize)]
pub(crate) struct Transfer<'a> {
    pub(crate) action: &'static str,
    pub(crate) bucket: &'a str,
    pub(crate) key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) checksum: Option<Verified>,
    pub(crate) dry_run: bool,
}

/// A checksum that both sides agree on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Verified {
    pub(crate) algorithm: &'static str,
    pub(crate) value: String,
}

impl Line for Transfer<'_> {
    fn text(&self) -> String {
        let object = uri(self.bucket, self.key);
        let dry_run = if self.dry_run { "dry run: " } else { "" };
        match (&self.path, self.action) {
            (Some(path), "download") => format!("{dry_run}{path}"),
            _ => format!("{dry_run}{object}"),
        }
    }
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json, to_terminal: io::stdout().is_terminal() }
    }

    /// Writes lines in one go. A reader that has gone (`… | head -1`) is no failure.
    pub(crate) fn print<'a, L: Line + 'a>(self, lines: impl IntoIterator<Item = &'a L>) -> Result<(), OutputError> {
        self.print_while_read(lines).map(drop)
    }

    /// The same where there is more to come: says whether the reader is still there.
    pub(crate) fn print_while_read<'a, L: Line + 'a>(
        self,
        lines: impl IntoIterator<Item = &'a L>,
    ) -> Result<bool, OutputError> {
        let mut text = String::new();
        for line in lines {
            if self.json {
                // Strings and numbers: serializing them cannot fail.
                text.push_str(&serde_json::to_string(line).unwrap_or_default());
            } else if self.to_terminal {
                // A key is whatever its writer made it, escape sequences included.
                text.extend(line.text().chars().map(|letter| if letter.is_control() { '?' } else { letter }));
            } else {
                text.push_str(&line.text());
            }
            text.push('\n');
        }
        let mut stdout = io::stdout().lock();
        match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            written => written.map(|()| true).map_err(OutputError),
        }
    }
}

/// An object's name among all of AWS.
pub(crate) fn uri(bucket: &str, key: &str) -> String {
    format!("s3://{bucket}/{key}")
}

pub(crate) fn error(message: impl Display) {
    write("error", message);
}

pub(crate) fn warn(message: impl Display) {
    write("warning", message);
}

fn write(level: &str, message: impl Display) {
    let message = message.to_string().replace(|letter: char| letter.is_control(), "?");
    // One write a line, so that lines of several processes on one pipe stay whole. A failure cannot be reported anywhere.
    let _ = io::stderr().write_all(format!("credvend-s3: {level}: {message}\n").as_bytes());
}
