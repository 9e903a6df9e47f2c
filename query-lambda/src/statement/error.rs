//! Why a text is not run: told to the caller without repeating any of the text.

use std::fmt;

use thiserror::Error;

/// Where in the query, counted from 1; a column is a byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Lines end with `\n`.
    pub line: u64,
    /// Bytes from the start of the line.
    pub column: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {}, column {}", self.line, self.column)
    }
}

/// Why a query is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum StatementError {
    /// More bytes than Athena takes.
    #[error("the query is larger than 256 KiB")]
    TooLarge,
    /// Not exactly one statement that is understood.
    #[error("the query {0}")]
    Invalid(&'static str),
    /// The same, at a place that can be named.
    #[error("the query {0} ({1})")]
    InvalidAt(&'static str, Position),
    /// A statement that is well known and that no scope allows: its name, in capital letters.
    #[error("`{0}` is not allowed by any scope")]
    NeverAllowed(&'static str),
    /// The system gives no thread with the stack that a long text needs.
    #[error("the query could not be checked: the system gives this process no thread")]
    NotChecked,
}
