//! A page of a result: read from Athena, cut to what a response may have, and written as JSON row by row.

use std::collections::{HashMap, HashSet};

use aws_sdk_athena::operation::get_query_results::GetQueryResultsOutput;
use aws_sdk_athena::types::{ColumnInfo, ResultSet, ResultSetMetadata, Row};
use serde::Serialize;

use crate::athena::{AthenaError, Session};
use crate::error::QueryError;
use crate::page::Page;
use crate::request::Format;
use crate::values::{Cell, write_text};

/// The largest body of a response, as it is sent: a Lambda's is a string inside of JSON. Lambda takes 6 MB.
pub(crate) const MAX_SENT: usize = 4 << 20;
/// After a response that was too large to be read, so much less is asked for.
const SHRINK: usize = 8;

/// A page, ready to be sent.
pub(crate) struct Rows {
    /// An array.
    pub(crate) json: String,
    /// Rows without a header row.
    pub(crate) count: usize,
    pub(crate) columns: Vec<Column>,
    /// How many rows the next page is likely to have room for.
    pub(crate) likely_next: usize,
    /// Athena's own token of what follows.
    pub(crate) next: Option<String>,
}

/// A column as the caller sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Column {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
}

/// What is asked for.
pub(crate) struct Wanted<'a> {
    pub(crate) query_id: &'a str,
    pub(crate) page: &'a Page,
    pub(crate) format: Format,
    /// `SHOW` and `DESCRIBE` have no header row, and list names: one of them may be that of the column.
    pub(crate) is_list: bool,
    /// Bytes that the rest of the response leaves for columns and rows, as sent.
    pub(crate) room: usize,
}

/// How a body grows where it becomes a string inside of JSON: quotes and backslashes are escaped, and JSON text has no
/// control characters.
pub(crate) fn sent_size(json: &str) -> usize {
    json.len() + json.bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count()
}

impl Wanted<'_> {
    /// Reads the page. Athena knows no page by size in bytes: where the rows do not fit, as many as do are asked for
    /// again, so that Athena's token says where the next page begins.
    pub(crate) async fn read(&self, session: &Session) -> Result<Rows, QueryError> {
        let header = usize::from(self.is_first() && !self.is_list);
        let mut size = self.page.size(header);
        loop {
            let output = match session.results(self.query_id, self.page.token.as_deref(), size).await {
                Err(AthenaError::TooLarge) if size > 1 + header => {
                    size = (size / SHRINK).max(1 + header);
                    continue;
                }
                output => output?,
            };
            let part = Part::of(&output);
            if part.rows.len() > size {
                return Err(AthenaError::Unavailable { problem: "more rows than were asked for".to_owned() }.into());
            }
            let skipped = usize::from(self.is_first() && self.has_header(&part));
            let (json, count, is_cut) = self.write(&part, skipped);
            match (is_cut, count) {
                (false, _) => {
                    let next = output.next_token().map(str::to_owned);
                    // Rows that follow may be narrower.
                    let likely_next = if json.len() < self.room / 4 { 2 * count } else { count };
                    return Ok(Rows { json, count, columns: part.columns(self.format), likely_next, next });
                }
                (true, 0) => return Err(QueryError::RowTooLarge),
                (true, _) => size = count + skipped,
            }
        }
    }

    fn is_first(&self) -> bool {
        self.page.is_first()
    }

    /// Whether the first row is the columns' names. It is for whatever Trino selects, and for nothing that Hive lists.
    fn has_header(&self, part: &Part<'_>) -> bool {
        let Some(first) = part.rows.first().filter(|_| !self.is_list) else { return false };
        let names = part.columns.iter().map(|column| Some(column.name()));
        !part.columns.is_empty() && first.data().iter().map(|datum| datum.var_char_value()).eq(names)
    }

    /// The rows behind the first `skipped` as JSON, how many there are, and whether there was no room for more.
    fn write(&self, part: &Part<'_>, skipped: usize) -> (String, usize, bool) {
        let columns = part.columns(self.format);
        let mut writer = Writer::new(self.format, &columns);
        if self.format == Format::Rows && self.is_first() && !columns.is_empty() {
            writer.names(&columns);
        }
        let columns_size = sent_size(&serde_json::to_string(&columns).unwrap_or_default());
        let (mut count, mut used) = (0, columns_size + sent_size(&writer.json) + 1);
        for row in &part.rows[skipped..] {
            let before = writer.json.len();
            writer.row(row);
            used += sent_size(&writer.json[before..]);
            if used > self.room || count == self.page.max_rows {
                return (String::new(), count, true);
            }
            count += 1;
        }
        writer.json.push(']');
        (writer.json, count, false)
    }
}

/// What Athena sent.
struct Part<'a> {
    columns: &'a [ColumnInfo],
    rows: &'a [Row],
}

impl<'a> Part<'a> {
    fn of(output: &'a GetQueryResultsOutput) -> Self {
        let set = output.result_set();
        let metadata = set.and_then(|set| set.result_set_metadata());
        Self {
            columns: metadata.map(ResultSetMetadata::column_info).unwrap_or_default(),
            rows: set.map(ResultSet::rows).unwrap_or_default(),
        }
    }

    /// Among objects no name may be there twice.
    fn columns(&self, format: Format) -> Vec<Column> {
        let names: Vec<_> = self.columns.iter().map(ColumnInfo::name).collect();
        let names = match format {
            Format::Rows => names.into_iter().map(str::to_owned).collect(),
            Format::Objects => numbered(&names),
        };
        let kinds = self.columns.iter().map(|column| column.r#type().to_owned());
        names.into_iter().zip(kinds).map(|(name, kind)| Column { name, kind }).collect()
    }
}

/// `a`, `a_2`, `a_3`: no number makes a name that another column has.
fn numbered(names: &[&str]) -> Vec<String> {
    let given: HashSet<&str> = names.iter().copied().collect();
    let mut used: HashSet<String> = HashSet::with_capacity(names.len());
    let mut next: HashMap<&str, usize> = HashMap::new();
    let mut numbered = Vec::with_capacity(names.len());
    for name in names {
        let mut candidate = (*name).to_owned();
        // The first column of a name has it; a number that was tried for one is not tried again for the next.
        while (candidate != **name && given.contains(candidate.as_str())) || !used.insert(candidate.clone()) {
            let number = next.entry(name).or_insert(2);
            candidate = format!("{name}_{number}");
            *number += 1;
        }
        numbered.push(candidate);
    }
    numbered
}

/// An array of rows as it grows.
struct Writer {
    json: String,
    cells: Vec<Cell>,
    /// What stands before each cell of an object: its name and a colon.
    keys: Option<Vec<String>>,
}

impl Writer {
    fn new(format: Format, columns: &[Column]) -> Self {
        let key = |column: &Column| {
            let mut key = String::new();
            write_text(&column.name, &mut key);
            key.push(':');
            key
        };
        Self {
            json: "[".to_owned(),
            cells: columns.iter().map(|column| Cell::of(format, &column.kind)).collect(),
            keys: (format == Format::Objects).then(|| columns.iter().map(key).collect()),
        }
    }

    fn names(&mut self, columns: &[Column]) {
        self.array(columns.iter().map(|column| Some(column.name.as_str())));
    }

    fn row(&mut self, row: &Row) {
        let mut values = row.data().iter().map(|datum| datum.var_char_value());
        let Some(keys) = &self.keys else {
            self.array(values);
            return;
        };
        self.json.push_str(if self.json.len() > 1 { ",{" } else { "{" });
        for (index, (key, cell)) in keys.iter().zip(&self.cells).enumerate() {
            if index > 0 {
                self.json.push(',');
            }
            self.json.push_str(key);
            cell.write(values.next().flatten(), &mut self.json);
        }
        self.json.push('}');
    }

    fn array<'a>(&mut self, values: impl Iterator<Item = Option<&'a str>>) {
        self.json.push_str(if self.json.len() > 1 { ",[" } else { "[" });
        for (index, value) in values.enumerate() {
            if index > 0 {
                self.json.push(',');
            }
            Cell::Text.write(value, &mut self.json);
        }
        self.json.push(']');
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_athena::types::Datum;
    use serde_json::{Value, json};

    use super::*;

    fn output(columns: &[(&str, &str)], rows: &[&[Option<&str>]]) -> GetQueryResultsOutput {
        let column = |(name, kind): &(&str, &str)| ColumnInfo::builder().name(*name).r#type(*kind).build().unwrap();
        let datum = |value: Option<&str>| Datum::builder().set_var_char_value(value.map(str::to_owned)).build();
        let row =
            |row: &&[Option<&str>]| Row::builder().set_data(Some(row.iter().copied().map(datum).collect())).build();
        let metadata = ResultSetMetadata::builder().set_column_info(Some(columns.iter().map(column).collect())).build();
        let set = ResultSet::builder().set_rows(Some(rows.iter().map(row).collect())).result_set_metadata(metadata);
        GetQueryResultsOutput::builder().result_set(set.build()).build()
    }

    fn written(wanted: &Wanted<'_>, output: &GetQueryResultsOutput) -> (Value, usize, bool) {
        let part = Part::of(output);
        let skipped = usize::from(wanted.is_first() && wanted.has_header(&part));
        let (json, count, is_cut) = wanted.write(&part, skipped);
        (serde_json::from_str(&json).unwrap_or_default(), count, is_cut)
    }

    fn wanted(page: &Page, format: Format, is_list: bool) -> Wanted<'_> {
        Wanted { query_id: "id", page, format, is_list, room: MAX_SENT }
    }

    #[test]
    fn there_is_one_header_row_and_no_row_is_lost() {
        let (first, later) = (Page::first(10), Page::parse("10.10.dA").unwrap());
        let x: &[Option<&str>] = &[Some("x")];
        let y: &[Option<&str>] = &[Some("y")];
        for (page, is_list, rows, data) in [
            (&first, false, &[x, x, y][..], json!([["x"], ["x"], ["y"]])),
            (&first, false, &[x][..], json!([["x"]])),
            (&first, false, &[y][..], json!([["x"], ["y"]])),
            (&first, true, &[x, y][..], json!([["x"], ["x"], ["y"]])),
            (&first, true, &[][..], json!([["x"]])),
            (&later, false, &[x, y][..], json!([["x"], ["y"]])),
        ] {
            let found = written(&wanted(page, Format::Rows, is_list), &output(&[("x", "varchar")], rows));
            assert_eq!(found.0, data, "{is_list} {rows:?}");
        }
        let nothing = written(&wanted(&first, Format::Rows, false), &output(&[], &[]));
        assert_eq!(nothing, (json!([]), 0, false));
        let narrow = output(&[("a", "string"), ("b", "string")], &[&[Some("one")]]);
        assert_eq!(written(&wanted(&first, Format::Rows, true), &narrow).0, json!([["a", "b"], ["one"]]));
        assert_eq!(written(&wanted(&first, Format::Objects, true), &narrow).0, json!([{"a": "one", "b": null}]));
    }

    #[test]
    fn a_page_ends_where_there_is_no_room() {
        let page = Page::first(2);
        let rows: [&[Option<&str>]; 4] = [&[Some("x")], &[Some("\"\"")], &[Some("b")], &[Some("c")]];
        let output = output(&[("x", "varchar")], &rows);
        let mut wanted = wanted(&page, Format::Rows, false);
        assert_eq!(written(&wanted, &output), (Value::Null, 2, true), "more rows than are wanted");
        let columns = sent_size(r#"[{"name":"x","type":"varchar"}]"#);
        let exact = columns + sent_size(r#"[["x"],["\"\""]]"#);
        wanted.room = exact;
        assert_eq!(written(&wanted, &output).1, 1);
        wanted.room = exact - 1;
        assert_eq!(written(&wanted, &output).1, 0);
    }

    #[test]
    fn names_are_numbered() {
        assert_eq!(numbered(&["a", "a", "b", "a"]), ["a", "a_2", "b", "a_3"]);
        assert_eq!(numbered(&["a", "a", "a_2"]), ["a", "a_3", "a_2"]);
        assert_eq!(numbered(&["a_2", "a", "a", "a_2"]), ["a_2", "a", "a_3", "a_2_2"]);
    }

    #[test]
    fn the_size_as_sent_is_that_of_the_escaped_text() {
        for text in ["", "plain", "\"quoted\"", "back\\slash\n", "\u{e9}\u{1f600}\u{7f}"] {
            let json = serde_json::to_string(text).unwrap();
            let escaped = serde_json::to_string(&json).unwrap();
            assert_eq!(sent_size(&json), escaped.len() - 2, "{text:?}");
        }
    }
}
