//! The rows of a query: as a table for eyes, as CSV (RFC 4180), or as JSON.

use std::io::{self, Write};

use clap::ValueEnum;
use environment::visible;
use serde_json::value::RawValue;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RowFormat {
    /// Columns for eyes; control characters are shown as `\u{…}`
    Table,
    /// RFC 4180, with the columns' names first
    Csv,
    /// One array of objects
    Json,
    /// An object a line
    Ndjson,
}

impl RowFormat {
    /// What the query API calls the rows that this is made of.
    pub(crate) const fn wire(self) -> &'static str {
        match self {
            Self::Table | Self::Csv => "rows",
            Self::Json | Self::Ndjson => "objects",
        }
    }
}

/// Writes pages of rows, one after the other.
pub(crate) struct RowWriter<W> {
    out: W,
    format: RowFormat,
    /// Of the table's columns, as the first page has them. Longer values of later pages stand out.
    widths: Vec<usize>,
    has_header: bool,
    written: u64,
}

impl<W: Write> RowWriter<W> {
    pub(crate) const fn new(out: W, format: RowFormat) -> Self {
        Self { out, format, widths: Vec::new(), has_header: false, written: 0 }
    }

    pub(crate) const fn format(&self) -> RowFormat {
        self.format
    }

    /// Rows so far, without the header.
    pub(crate) const fn written(&self) -> u64 {
        self.written
    }

    /// Writes a page, and no more rows than are `left`.
    ///
    /// # Errors
    /// `InvalidData` when the page is not what [`RowFormat::wire`] asks for.
    pub(crate) fn page(&mut self, rows: &[Box<RawValue>], left: &mut Option<u64>) -> io::Result<()> {
        match self.format {
            RowFormat::Json | RowFormat::Ndjson => self.objects(rows, left),
            RowFormat::Table | RowFormat::Csv => self.cells(rows, left),
        }
    }

    /// Writes what stands behind the last row.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        match self.format {
            RowFormat::Json if self.written == 0 => self.out.write_all(b"[]\n")?,
            RowFormat::Json => self.out.write_all(b"\n]\n")?,
            RowFormat::Table => {
                writeln!(self.out, "({} {})", self.written, if self.written == 1 { "row" } else { "rows" })?;
            }
            RowFormat::Csv | RowFormat::Ndjson => {}
        }
        self.out.flush()
    }

    fn objects(&mut self, rows: &[Box<RawValue>], left: &mut Option<u64>) -> io::Result<()> {
        for row in rows {
            if !take(left) {
                break;
            }
            // As it came, with its columns in their order. A line break can only stand between members.
            let row = row.get().replace(['\n', '\r'], " ");
            if !row.starts_with('{') {
                return Err(io::ErrorKind::InvalidData.into());
            }
            if self.format == RowFormat::Json {
                self.out.write_all(if self.written == 0 { b"[\n" } else { b",\n" })?;
            }
            self.out.write_all(row.as_bytes())?;
            if self.format == RowFormat::Ndjson {
                self.out.write_all(b"\n")?;
            }
            self.written += 1;
        }
        Ok(())
    }

    fn cells(&mut self, rows: &[Box<RawValue>], left: &mut Option<u64>) -> io::Result<()> {
        let mut cells: Vec<Vec<String>> = rows
            .iter()
            .map(|row| serde_json::from_str(row.get()))
            .collect::<Result<_, _>>()
            .map_err(|_| io::ErrorKind::InvalidData)?;
        if self.format == RowFormat::Table {
            cells.iter_mut().flatten().for_each(|cell| *cell = visible(cell));
            if self.widths.is_empty() {
                self.widths = widths(&cells);
            }
        }
        for row in cells {
            let is_header = !std::mem::replace(&mut self.has_header, true);
            if !is_header && !take(left) {
                break;
            }
            match self.format {
                RowFormat::Table => self.table_row(&row)?,
                _ => self.csv_row(&row)?,
            }
            match is_header {
                true if self.format == RowFormat::Table => self.table_rule()?,
                true => {}
                false => self.written += 1,
            }
        }
        Ok(())
    }

    fn table_row(&mut self, row: &[String]) -> io::Result<()> {
        let mut line = String::new();
        for (index, cell) in row.iter().enumerate() {
            let width = self.widths.get(index).copied().unwrap_or_default();
            line.push_str(if index == 0 { " " } else { " | " });
            line.push_str(cell);
            let blanks = width.saturating_sub(cell.chars().count());
            line.extend(std::iter::repeat_n(' ', blanks));
        }
        writeln!(self.out, "{}", line.trim_end())
    }

    fn table_rule(&mut self) -> io::Result<()> {
        let rules: Vec<_> = self.widths.iter().map(|width| "-".repeat(width + 2)).collect();
        writeln!(self.out, "{}", rules.join("+"))
    }

    /// RFC 4180: lines end with CRLF, and a field with a quotation mark, a comma or a line break stands in quotes.
    fn csv_row(&mut self, row: &[String]) -> io::Result<()> {
        for (index, cell) in row.iter().enumerate() {
            if index > 0 {
                self.out.write_all(b",")?;
            }
            // A row of one empty field would be an empty line, which some readers skip.
            if cell.contains(['"', ',', '\r', '\n']) || cell.is_empty() && row.len() == 1 {
                write!(self.out, "\"{}\"", cell.replace('"', "\"\""))?;
            } else {
                self.out.write_all(cell.as_bytes())?;
            }
        }
        self.out.write_all(b"\r\n")
    }
}

/// Whether one more row is wanted.
fn take(left: &mut Option<u64>) -> bool {
    match left {
        None => true,
        Some(0) => false,
        Some(left) => {
            *left -= 1;
            true
        }
    }
}

fn widths(rows: &[Vec<String>]) -> Vec<usize> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    (0..columns).map(|column| width(column).unwrap_or_default()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(values: &[serde_json::Value]) -> Vec<Box<RawValue>> {
        values.iter().map(|value| RawValue::from_string(value.to_string()).unwrap()).collect()
    }

    fn written(format: RowFormat, pages: &[&[serde_json::Value]], max_rows: Option<u64>) -> String {
        let mut writer = RowWriter::new(Vec::new(), format);
        let mut left = max_rows;
        for page in pages {
            writer.page(&rows(page), &mut left).unwrap();
        }
        writer.finish().unwrap();
        String::from_utf8(writer.out).unwrap()
    }

    #[test]
    fn csv_is_rfc_4180() {
        let pages: [&[_]; 2] = [
            &[serde_json::json!(["a", "b,c"]), serde_json::json!(["it \"is\"", "x\ny"])],
            &[serde_json::json!(["", " z "])],
        ];
        assert_eq!(written(RowFormat::Csv, &pages, None), "a,\"b,c\"\r\n\"it \"\"is\"\"\",\"x\ny\"\r\n, z \r\n");
        assert_eq!(written(RowFormat::Csv, &pages, Some(1)), "a,\"b,c\"\r\n\"it \"\"is\"\"\",\"x\ny\"\r\n");
        assert_eq!(
            written(RowFormat::Csv, &[&[serde_json::json!(["a"]), serde_json::json!([""])]], None),
            "a\r\n\"\"\r\n"
        );
    }

    #[test]
    fn a_terminal_gets_no_commands() {
        let page: [&[_]; 1] = [&[
            serde_json::json!(["name", "n"]),
            serde_json::json!(["\u{1b}]0;x\u{7}", "1"]),
            serde_json::json!(["a\nb\u{202e}c\u{9b}", "22"]),
        ]];
        let table = written(RowFormat::Table, &page, None);
        assert!(table.chars().all(|c| c == '\n' || !c.is_control() && c != '\u{202e}'), "{table:?}");
        assert!(table.contains("\\u{1b}]0;x\\u{7}") && table.contains("a\\nb\\u{202e}c\\u{9b} | 22"), "{table}");
        assert!(table.starts_with(" name ") && table.ends_with("(2 rows)\n"), "{table}");
    }

    #[test]
    fn json_keeps_types_and_the_order_of_columns() {
        let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
        for (format, expected) in [
            (RowFormat::Ndjson, "{\"z\": null, \"a\":\"\"}\n{\"z\":1}\n"),
            (RowFormat::Json, "[\n{\"z\": null, \"a\":\"\"},\n{\"z\":1}\n]\n"),
        ] {
            let mut writer = RowWriter::new(Vec::new(), format);
            writer.page(&[raw("{\"z\":\nnull, \"a\":\"\"}")], &mut None).unwrap();
            writer.page(&[raw("{\"z\":1}")], &mut None).unwrap();
            writer.finish().unwrap();
            assert_eq!(String::from_utf8(writer.out).unwrap(), expected);
        }
        assert_eq!(written(RowFormat::Json, &[], None), "[]\n");
        let mut writer = RowWriter::new(Vec::new(), RowFormat::Json);
        assert!(writer.page(&[raw("[1]")], &mut None).is_err());
    }
}
