//! What is printed. Text of the table is text: nothing of it moves the cursor or looks like another line.

use std::io::{self, IsTerminal as _, Write as _};

use environment::{Lookup, visible};
use serde_json::Value;

use crate::error::Error;

/// Bytes, whole. A reader that has gone away is no error: `… | head` is in order.
pub(crate) fn print(bytes: &[u8]) -> Result<(), Error> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::Output(error)),
        _ => Ok(()),
    }
}

pub(crate) fn print_json(value: &Value) -> Result<(), Error> {
    print(format!("{value:#}\n").as_bytes())
}

/// Columns under their headings, two blanks apart.
pub(crate) fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> String {
    let rows: Vec<[String; N]> = rows.iter().map(|row| row.each_ref().map(|cell| visible(cell))).collect();
    let mut widths = headings.map(|heading| heading.chars().count());
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: [&str; N]| {
        let padded: Vec<_> = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("{}\n", padded.join("  ").trim_end())
    };
    let mut text = line(headings);
    text.extend(rows.iter().map(|row| line(row.each_ref().map(String::as_str))));
    text
}

/// Colours, on a terminal alone and where `NO_COLOR` does not forbid them (no-color.org).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    is_coloured: bool,
}

impl Style {
    /// Of standard output.
    pub(crate) fn new(lookup: Lookup<'_>) -> Self {
        let is_forbidden = lookup("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { is_coloured: io::stdout().is_terminal() && !is_forbidden }
    }

    pub(crate) fn good(self, text: &str) -> String {
        self.painted(text, "32")
    }

    pub(crate) fn doubtful(self, text: &str) -> String {
        self.painted(text, "33")
    }

    pub(crate) fn bad(self, text: &str) -> String {
        self.painted(text, "31")
    }

    fn painted(self, text: &str, colour: &str) -> String {
        if self.is_coloured { format!("\x1b[1;{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// How far a long scan has come, on a terminal.
pub(crate) struct Progress {
    is_shown: bool,
    shown: usize,
}

/// So many more items are one more line.
const STEP: usize = 1000;

impl Progress {
    pub(crate) fn new() -> Self {
        Self { is_shown: io::stderr().is_terminal(), shown: 0 }
    }

    pub(crate) fn at(&mut self, items: usize) {
        if self.is_shown && items >= self.shown + STEP {
            self.shown = items;
            eprint!("\r{items} items …");
        }
    }

    pub(crate) fn end(&self) {
        if self.shown > 0 {
            eprint!("\r\x1b[K");
        }
    }
}

/// Asks on the terminal, unless `yes` was said.
pub(crate) fn confirm(action: &'static str, question: &str, yes: bool) -> Result<(), Error> {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Error::NoTerminal { action });
    }
    eprint!("{} [y/N] ", visible(question));
    let mut answer = String::new();
    let read = io::stdin().read_line(&mut answer);
    match answer.trim() {
        "y" | "Y" | "yes" if read.is_ok() => Ok(()),
        _ => Err(Error::NotConfirmed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_stay_on_their_line() {
        let rows = [["a\u{1b}[2Jb".to_owned(), "x".to_owned()], ["\r\nroot\u{202e}".to_owned(), "yy".to_owned()]];
        let text = table(["CLIENT", "N"], &rows);
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(!text.contains(['\u{1b}', '\r', '\u{202e}']), "{text}");
    }
}
