//! Text of others on a terminal.

/// The text on one line, with nothing in it that a terminal obeys or that nobody sees: no escape sequences, no change of
/// direction, no character without a width.
#[must_use]
pub fn visible(text: &str) -> String {
    let is_hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    if !text.contains(is_hidden) {
        return text.to_owned();
    }
    let shown = |c: char| match c {
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        c if is_hidden(c) => c.escape_unicode().to_string(),
        c => c.to_string(),
    };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown() {
        for (text, shown) in [
            ("web-01 ü", "web-01 ü"),
            ("a\u{1b}[2J", "a\\u{1b}[2J"),
            ("a\r\n\tb", "a\\r\\n\\tb"),
            ("a\u{202e}b\u{200b}\u{2066}\u{feff}", "a\\u{202e}b\\u{200b}\\u{2066}\\u{feff}"),
            ("\u{9b}", "\\u{9b}"),
        ] {
            assert_eq!(visible(text), shown);
        }
    }
}
