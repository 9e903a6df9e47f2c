//! A table as text. Its rows lie close together: a hundred thousand of them take little more than their text.

use std::io::Write;

use environment::visible;

/// Longest cell, in characters; `--json` has the whole of each. One column is as wide as its longest cell in every line.
const LONGEST_CELL: usize = 200;

/// Columns under their headings, two blanks apart.
pub(crate) struct Rows<'a, const N: usize> {
    headings: [&'a str; N],
    widths: [usize; N],
    /// The cells of all rows, without anything between them.
    text: String,
    lines: Vec<Line<N>>,
}

struct Line<const N: usize> {
    begin: usize,
    lengths: [u32; N],
}

impl<'a, const N: usize> Rows<'a, N> {
    pub(crate) fn new(headings: [&'a str; N]) -> Self {
        Self {
            headings,
            widths: headings.map(|heading| heading.chars().count()),
            text: String::new(),
            lines: Vec::new(),
        }
    }

    /// Text of the table is text: nothing of it moves the cursor or looks like another line.
    pub(crate) fn push(&mut self, cells: &[String; N]) {
        let begin = self.text.len();
        let mut lengths = [0; N];
        for ((cell, length), width) in cells.iter().zip(&mut lengths).zip(&mut self.widths) {
            let shown = cut(&visible(cell));
            self.text += &shown;
            *length = u32::try_from(shown.len()).unwrap_or(u32::MAX);
            *width = (*width).max(shown.chars().count());
        }
        self.lines.push(Line { begin, lengths });
    }

    /// By the first column.
    pub(crate) fn sort(&mut self) {
        let Self { text, lines, .. } = self;
        lines.sort_unstable_by(|a, b| a.cells(text).next().cmp(&b.cells(text).next()));
    }

    /// # Errors
    /// Those of `out`.
    pub(crate) fn write(&self, out: &mut impl Write) -> std::io::Result<()> {
        self.write_line(self.headings.into_iter(), out)?;
        self.lines.iter().try_for_each(|line| self.write_line(line.cells(&self.text), out))
    }

    fn write_line<'b>(&self, cells: impl Iterator<Item = &'b str>, out: &mut impl Write) -> std::io::Result<()> {
        let padded: Vec<_> = cells.zip(self.widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        writeln!(out, "{}", padded.join("  ").trim_end())
    }
}

fn cut(cell: &str) -> String {
    if cell.chars().nth(LONGEST_CELL).is_none() {
        return cell.to_owned();
    }
    cell.chars().take(LONGEST_CELL - 1).chain(['…']).collect()
}

impl<const N: usize> Line<N> {
    fn cells<'a>(&self, text: &'a str) -> impl Iterator<Item = &'a str> {
        let mut begin = self.begin;
        self.lengths.into_iter().map(move |length| {
            let end = begin.saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
            let cell = text.get(begin..end).unwrap_or_default();
            begin = end;
            cell
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_aligned_and_in_order() {
        let mut rows = Rows::new(["A", "BB", "C"]);
        for cells in [["b", "1", ""], ["aaaa", "", "x"], ["\u{fc}", "22222", "yy"]] {
            rows.push(&cells.map(str::to_owned));
        }
        rows.sort();
        let mut written = Vec::new();
        rows.write(&mut written).unwrap();
        let lines = ["A     BB     C", "aaaa         x", "b     1", "\u{fc}     22222  yy", ""];
        assert_eq!(String::from_utf8(written).unwrap(), lines.join("\n"));
    }

    #[test]
    fn a_long_cell_is_cut() {
        for (count, shown) in [(199, 199), (200, 200), (201, 200), (65_536, 200), (70_000, 200)] {
            for character in ["x", "\u{fc}", "\u{1f600}"] {
                let mut rows = Rows::new(["A", "B"]);
                rows.push(&[character.repeat(count), "end".to_owned()]);
                let mut written = Vec::new();
                rows.write(&mut written).unwrap();
                let written = String::from_utf8(written).unwrap();
                let (cell, rest) = written.lines().last().unwrap().split_once("  ").unwrap();
                assert_eq!((cell.chars().count(), rest), (shown, "end"), "{character} {count}");
                assert_eq!(cell.ends_with('…'), count > 200, "{character} {count}");
            }
        }
    }
}
