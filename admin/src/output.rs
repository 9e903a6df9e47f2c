//! What is printed. Text of the table is text: nothing of it moves the cursor or looks like another line.

use std::io::{self, BufWriter, IsTerminal as _, Write};

use environment::{Lookup, visible};
use serde_json::Value;

use crate::error::Error;
use crate::rows::Rows;

/// Bytes, whole.
pub(crate) fn print(bytes: &[u8]) -> Result<(), Error> {
    print_with(|out| out.write_all(bytes))
}

/// What `write` writes. A reader that has gone away is no error: `… | head` is in order.
pub(crate) fn print_with(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Error> {
    let mut stdout = BufWriter::with_capacity(64 * 1024, io::stdout().lock());
    match write(&mut stdout).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::Output(error)),
        Err(_) => {
            // Nobody reads: what is left is not tried again at the end.
            let _ = stdout.into_parts();
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

pub(crate) fn print_json(value: &Value) -> Result<(), Error> {
    print(format!("{value:#}\n").as_bytes())
}

/// Columns under their headings, two blanks apart.
pub(crate) fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> String {
    let mut table = Rows::new(headings);
    for row in rows {
        table.push(row);
    }
    let mut text = Vec::new();
    // Writing into memory cannot fail.
    let _ = table.write(&mut text);
    String::from_utf8(text).unwrap_or_default()
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
