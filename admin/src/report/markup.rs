//! Text of others between our tags: it stays text.

use environment::visible;

/// As content of an element and as the value of a quoted attribute. What would steer a reader's eye is shown as what it is.
pub(super) fn text(raw: &str) -> String {
    let mut escaped = String::with_capacity(raw.len());
    for character in visible(raw).chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// The beginning of a long text, escaped.
pub(super) fn short(raw: &str, most: usize) -> String {
    if raw.chars().count() <= most {
        return text(raw);
    }
    let cut: String = raw.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", text(&cut))
}

/// 12345 as 12,345.
pub(super) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_it_is_markup() {
        assert_eq!(text(r#"<b a="1" c='2'>&"#), "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;");
        assert!(!text("a\u{202e}b\u{0}\u{1b}").contains(['\u{202e}', '\u{0}', '\u{1b}']));
        // Cut before it is escaped: no half entity is left.
        assert_eq!(short("<<<<<", 3), "&lt;&lt;…");
        assert_eq!([number(0), number(999), number(1000), number(1_234_567)], ["0", "999", "1,000", "1,234,567"]);
    }
}
