//! One cell of a result as JSON: text as Athena has it, or a value of its type.

use crate::request::Format;

/// JSON's numbers are exact up to here in every reader (RFC 8259 §6).
const MAX_EXACT: i64 = 1 << 53;

/// How the cells of a column are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cell {
    /// As text, NULL as `""` (**kept**).
    Text,
    /// As the value of a type, NULL as `null`.
    Typed(Type),
}

/// What a type of Athena is in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    Whole,
    Floating,
    Boolean,
    /// Everything else. `decimal` too: a reader's floating-point number would not be the same.
    Text,
}

impl Cell {
    pub(crate) fn of(format: Format, kind: &str) -> Self {
        match format {
            Format::Rows => Self::Text,
            Format::Objects => Self::Typed(Type::of(kind)),
        }
    }

    /// Appends the cell as JSON.
    pub(crate) fn write(self, value: Option<&str>, json: &mut String) {
        match (self, value) {
            (Self::Text, value) => write_text(value.unwrap_or_default(), json),
            (Self::Typed(_), None) => json.push_str("null"),
            (Self::Typed(kind), Some(text)) => kind.write(text, json),
        }
    }
}

impl Type {
    fn of(kind: &str) -> Self {
        match kind.to_ascii_lowercase().as_str() {
            "tinyint" | "smallint" | "integer" | "int" | "bigint" => Self::Whole,
            "real" | "float" | "double" => Self::Floating,
            "boolean" => Self::Boolean,
            _ => Self::Text,
        }
    }

    /// A text that is no value of the type, or that JSON's numbers cannot hold, stays text.
    fn write(self, text: &str, json: &mut String) {
        match self {
            Self::Whole => match text.parse::<i64>() {
                Ok(number) if (-MAX_EXACT..=MAX_EXACT).contains(&number) => json.push_str(&number.to_string()),
                _ => write_text(text, json),
            },
            // JSON has neither NaN nor infinities.
            Self::Floating => match text.parse::<f64>().ok().and_then(serde_json::Number::from_f64) {
                Some(number) => json.push_str(&number.to_string()),
                None => write_text(text, json),
            },
            Self::Boolean if matches!(text, "true" | "false") => json.push_str(text),
            Self::Boolean | Self::Text => write_text(text, json),
        }
    }
}

/// A JSON string.
pub(crate) fn write_text(text: &str, json: &mut String) {
    // Text always serializes.
    json.push_str(&serde_json::to_string(text).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells() {
        let written = |format, kind: &str, value: Option<&str>| {
            let mut json = String::new();
            Cell::of(format, kind).write(value, &mut json);
            json
        };
        for (kind, value, rows, objects) in [
            ("tinyint", Some("-1"), r#""-1""#, "-1"),
            ("smallint", Some("007"), r#""007""#, "7"),
            ("integer", Some(""), r#""""#, r#""""#),
            ("bigint", Some("9007199254740992"), r#""9007199254740992""#, "9007199254740992"),
            ("bigint", Some("9007199254740993"), r#""9007199254740993""#, r#""9007199254740993""#),
            ("bigint", Some("-9007199254740993"), r#""-9007199254740993""#, r#""-9007199254740993""#),
            ("bigint", Some("99999999999999999999"), r#""99999999999999999999""#, r#""99999999999999999999""#),
            ("float", Some("1.5"), r#""1.5""#, "1.5"),
            ("real", Some("2"), r#""2""#, "2.0"),
            ("double", Some("1.0E20"), r#""1.0E20""#, "1e+20"),
            ("double", Some("NaN"), r#""NaN""#, r#""NaN""#),
            ("double", Some("-Infinity"), r#""-Infinity""#, r#""-Infinity""#),
            ("boolean", Some("true"), r#""true""#, "true"),
            ("boolean", Some("TRUE"), r#""TRUE""#, r#""TRUE""#),
            ("decimal(10,2)", Some("12.30"), r#""12.30""#, r#""12.30""#),
            ("varchar", Some("a\"\n"), r#""a\"\n""#, r#""a\"\n""#),
            ("varchar", Some(""), r#""""#, r#""""#),
            ("varchar", None, r#""""#, "null"),
            ("integer", None, r#""""#, "null"),
            ("array", Some("[1, 2]"), r#""[1, 2]""#, r#""[1, 2]""#),
        ] {
            assert_eq!(written(Format::Rows, kind, value), rows, "{kind} {value:?}");
            assert_eq!(written(Format::Objects, kind, value), objects, "{kind} {value:?}");
        }
    }
}
