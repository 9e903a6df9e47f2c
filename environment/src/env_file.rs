//! Files of variables, in both dialects that are in use: a shell's (`export NAME="value"`) and systemd's
//! (`NAME=value`, `EnvironmentFile=`). Nothing is executed and nothing expanded.

/// Why a file's text is not a list of variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvFileSyntaxError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong there, and what to do.
    pub problem: &'static str,
}

/// Reads the variables of a file in order; the last of a name counts.
///
/// # Errors
/// Names the first line that is no assignment or means different things to a shell and to systemd.
pub fn parse_env_file(text: &str) -> Result<Vec<(String, String)>, EnvFileSyntaxError> {
    let mut reader = Reader { rest: text.strip_prefix('\u{feff}').unwrap_or(text), line: 1 };
    let mut pairs = Vec::new();
    while reader.skip_to_assignment() {
        pairs.extend(reader.assignment()?);
    }
    Ok(pairs)
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
}

impl Reader<'_> {
    /// Past blank lines and comments (`#`, and systemd's `;`); false at the end of the text.
    fn skip_to_assignment(&mut self) -> bool {
        loop {
            match self.peek() {
                None => return false,
                Some('#' | ';') => self.skip_line(),
                Some(other) if other.is_whitespace() => {
                    self.next();
                }
                Some(_) => return true,
            }
        }
    }

    /// `[export ]NAME=value`; a bare `export NAME` assigns nothing.
    fn assignment(&mut self) -> Result<Option<(String, String)>, EnvFileSyntaxError> {
        let mut name = self.name();
        let exported = name == "export" && self.peek().is_some_and(is_blank);
        if exported {
            self.skip_blanks();
            name = self.name();
        }
        if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) {
            return Err(self.error("NAME=value or export NAME=value is expected"));
        }
        if self.peek() != Some('=') {
            let at_end = self.ends_line();
            return if exported && at_end { Ok(None) } else { Err(self.error("`=` is expected right after the name")) };
        }
        self.next();
        let value = self.value()?;
        if !self.ends_line() {
            return Err(self.error("more follows after the value: put a value with spaces into quotes"));
        }
        Ok(Some((name, value)))
    }

    fn name(&mut self) -> String {
        let end = self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        name.to_owned()
    }

    /// Quoted and bare pieces up to blank space, as a shell joins them.
    fn value(&mut self) -> Result<String, EnvFileSyntaxError> {
        let mut value = String::new();
        if self.peek() == Some('~') {
            return Err(
                self.error("`~` is a folder to a shell and a letter to systemd: write the path in full, or quote it")
            );
        }
        while let Some(next) = self.peek() {
            match next {
                _ if next.is_whitespace() => break,
                '\'' => self.single_quoted(&mut value)?,
                '"' => self.double_quoted(&mut value)?,
                '\\' => {
                    self.next();
                    self.after_backslash(&mut value, |_| true)?;
                }
                _ => {
                    self.refuse_expansion()?;
                    if matches!(next, '|' | '&' | '<' | '>' | '(' | ')') || next == ';' {
                        return Err(self.error("a value with shell characters belongs in single quotes"));
                    }
                    value.extend(self.next());
                }
            }
        }
        Ok(value)
    }

    fn single_quoted(&mut self, value: &mut String) -> Result<(), EnvFileSyntaxError> {
        let unclosed = self.error("a single quote is not closed");
        self.next();
        loop {
            match self.next() {
                None => return Err(unclosed),
                Some('\'') => return Ok(()),
                Some(other) => value.push(other),
            }
        }
    }

    fn double_quoted(&mut self, value: &mut String) -> Result<(), EnvFileSyntaxError> {
        let unclosed = self.error("a double quote is not closed");
        self.next();
        loop {
            self.refuse_expansion()?;
            match self.next() {
                None => return Err(unclosed),
                Some('"') => return Ok(()),
                // POSIX Shell Command Language, 2.2.3: only these lose their backslash.
                Some('\\') => self.after_backslash(value, |c| matches!(c, '$' | '`' | '"' | '\\'))?,
                Some(other) => value.push(other),
            }
        }
    }

    fn after_backslash(&mut self, value: &mut String, escapes: fn(char) -> bool) -> Result<(), EnvFileSyntaxError> {
        match self.next() {
            None => return Err(self.error("nothing follows the backslash")),
            // A backslash at the end of a line joins it with the next.
            Some('\n') => {}
            Some(other) if escapes(other) => value.push(other),
            Some(other) => value.extend(['\\', other]),
        }
        Ok(())
    }

    /// A shell would replace it and systemd would not: guessing would send a wrong secret.
    fn refuse_expansion(&self) -> Result<(), EnvFileSyntaxError> {
        let mut ahead = self.rest.chars();
        let expands = match ahead.next() {
            Some('`') => true,
            Some('$') => ahead.next().is_some_and(|c| c.is_ascii_alphanumeric() || "_{(@*#?$!-'\"".contains(c)),
            _ => false,
        };
        if expands {
            return Err(self.error("`$` and backquotes mean something to a shell: put the value into single quotes"));
        }
        Ok(())
    }

    /// Past the end of the line, where only blanks and a comment stand before it; false where more does.
    fn ends_line(&mut self) -> bool {
        let is_separated = self.peek().is_some_and(is_blank);
        self.skip_blanks();
        let is_end = self.rest.is_empty()
            || self.rest.starts_with(['\n'])
            || self.rest.starts_with("\r\n")
            || (is_separated && self.rest.starts_with('#'));
        if is_end {
            self.skip_line();
        }
        is_end
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches(is_blank);
    }

    fn skip_line(&mut self) {
        self.rest = &self.rest[self.rest.find('\n').unwrap_or(self.rest.len())..];
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.rest = &self.rest[next.len_utf8()..];
        self.line += usize::from(next == '\n');
        Some(next)
    }

    fn error(&self, problem: &'static str) -> EnvFileSyntaxError {
        EnvFileSyntaxError { line: self.line, problem }
    }
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> String {
        let pairs = parse_env_file(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        assert_eq!(pairs.len(), 1, "{text}");
        assert_eq!(pairs[0].0, "A", "{text}");
        pairs[0].1.clone()
    }

    #[test]
    fn both_dialects_say_the_same() {
        let shell = "#!/bin/bash\n\n# the pool\nexport A=one # why\nexport\tB=\"two words\"\nexport A\n";
        let systemd = "; the pool\r\nA=one\r\n  B='two words'\r\n";
        let expected = [("A".to_owned(), "one".to_owned()), ("B".to_owned(), "two words".to_owned())];
        assert_eq!(parse_env_file(shell).unwrap(), expected);
        assert_eq!(parse_env_file(systemd).unwrap(), expected);
        assert_eq!(parse_env_file("\u{feff}A=one").unwrap(), expected[..1]);
    }

    #[test]
    fn quotes_and_escapes_are_a_shells() {
        assert_eq!(value("A="), "");
        assert_eq!(value("A=''"), "");
        assert_eq!(value(r"A=a\ b\$c"), "a b$c");
        assert_eq!(value(r#"A="a\"b\\c\$d\e""#), r#"a"b\c$d\e"#);
        assert_eq!(value(r"A='a\b$c`d'"), r"a\b$c`d");
        assert_eq!(value(r#"A=a'b c'"d"e"#), "ab cde");
        assert_eq!(value("A='two\nlines'"), "two\nlines");
        assert_eq!(value("A=joi\\\nned"), "joined");
        assert_eq!(value("A=x#y"), "x#y");
        assert_eq!(value("A=price$"), "price$");
        assert_eq!(value("A=a=b=="), "a=b==");
    }

    #[test]
    fn what_is_not_an_assignment_is_refused_with_its_line() {
        let refused = |text: &str| parse_env_file(text).expect_err(text);
        for text in ["A", "A =x", "A= x", "A=x y", "1A=x", "=x", "set -a", "export", "source /x", "A=x;B=y", "A=$(id)"]
        {
            assert_eq!(refused(text).line, 1, "{text}");
        }
        for text in ["A=$B", "A=\"${B}\"", "A=`id`", "A=x&", "A='x", "A=\"x", "A=x\\", "export A B"] {
            assert_eq!(refused(&format!("B=1\n{text}")).line, 2, "{text}");
        }
    }
}
