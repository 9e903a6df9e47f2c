//! Files of variables, in both dialects that are in use: a shell's (`export NAME="value"`) and systemd's
//! (`NAME=value`, `EnvironmentFile=`). Nothing is executed and nothing expanded.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::files::input_file::{self, InputError};
use crate::settings::known_variables;

const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// The variables of a file; they win over the process's own, as they would after `source FILE`. No `Debug`: they hold
/// secrets.
#[derive(Default)]
pub(crate) struct Overlay(BTreeMap<String, String>);

/// A file that cannot be used. Never shows a value.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EnvFileError {
    #[error("the file `{}` (--env-file) {cause}", path.display())]
    Unreadable { path: PathBuf, cause: InputError },
    #[error("the file `{}` (--env-file) can be written by every user, who could send your secrets elsewhere: `chmod o-w` it", path.display())]
    Writable { path: PathBuf },
    #[error("`{}` (--env-file), line {}: {}", path.display(), error.line, error.problem)]
    Syntax { path: PathBuf, error: SyntaxError },
}

/// Why a file's text is not a list of variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong there, and what to do.
    pub problem: &'static str,
}

impl Overlay {
    pub(crate) fn new(variables: BTreeMap<String, String>) -> Self {
        Self(variables)
    }

    #[cfg(test)]
    pub(crate) fn into_pairs(self) -> Vec<(String, String)> {
        self.0.into_iter().collect()
    }

    pub(crate) fn read(path: &Path) -> Result<Self, EnvFileError> {
        let unreadable = |cause| EnvFileError::Unreadable { path: path.to_owned(), cause };
        let (text, file) = input_file::read(path, MAX_FILE_BYTES).map_err(unreadable)?;
        let metadata = file.metadata().map_err(|cause| unreadable(InputError::Unreadable(cause)))?;
        // The mode of a pipe, `<(…)`, means nothing: no other user can reach it.
        if metadata.is_file() && metadata.mode() & 0o002 != 0 {
            return Err(EnvFileError::Writable { path: path.to_owned() });
        }
        let pairs = parse(&text).map_err(|error| EnvFileError::Syntax { path: path.to_owned(), error })?;
        Ok(Self::new(pairs.into_iter().collect()))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The file says the same thing in another spelling, so that the process's own variable of this name is overruled.
    pub(crate) fn overrules(&self, name: &str) -> bool {
        let Some(fact) = known_variables::fact(name) else { return false };
        self.0.iter().any(|(other, value)| !value.is_empty() && known_variables::fact(other) == Some(fact))
    }
}

/// Reads the variables of a file in order; the last of a name counts.
///
/// # Errors
/// Names the first line that is no assignment or means different things to a shell and to systemd.
pub fn parse(text: &str) -> Result<Vec<(String, String)>, SyntaxError> {
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
    fn assignment(&mut self) -> Result<Option<(String, String)>, SyntaxError> {
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
    fn value(&mut self) -> Result<String, SyntaxError> {
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

    fn single_quoted(&mut self, value: &mut String) -> Result<(), SyntaxError> {
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

    fn double_quoted(&mut self, value: &mut String) -> Result<(), SyntaxError> {
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

    fn after_backslash(&mut self, value: &mut String, escapes: fn(char) -> bool) -> Result<(), SyntaxError> {
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
    fn refuse_expansion(&self) -> Result<(), SyntaxError> {
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

    fn error(&self, problem: &'static str) -> SyntaxError {
        SyntaxError { line: self.line, problem }
    }
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> String {
        let pairs = parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        assert_eq!(pairs.len(), 1, "{text}");
        assert_eq!(pairs[0].0, "A", "{text}");
        pairs[0].1.clone()
    }

    #[test]
    fn both_dialects_say_the_same() {
        let shell = "#!/bin/bash\n\n# the pool\nexport A=one # why\nexport\tB=\"two words\"\nexport A\n";
        let systemd = "; the pool\r\nA=one\r\n  B='two words'\r\n";
        let expected = [("A".to_owned(), "one".to_owned()), ("B".to_owned(), "two words".to_owned())];
        assert_eq!(parse(shell).unwrap(), expected);
        assert_eq!(parse(systemd).unwrap(), expected);
        assert_eq!(parse("\u{feff}A=one").unwrap(), expected[..1]);
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
    fn the_last_of_a_name_counts() {
        let overlay = Overlay(parse("A=1\nA=2").unwrap().into_iter().collect());
        assert_eq!(overlay.get("A"), Some("2"));
        assert_eq!(overlay.get("B"), None);
    }

    #[test]
    fn what_is_not_an_assignment_is_refused_with_its_line() {
        let refused = |text: &str| parse(text).expect_err(text);
        for text in ["A", "A =x", "A= x", "A=x y", "1A=x", "=x", "set -a", "export", "source /x", "A=x;B=y", "A=$(id)"]
        {
            assert_eq!(refused(text).line, 1, "{text}");
        }
        for text in ["A=$B", "A=\"${B}\"", "A=`id`", "A=x&", "A='x", "A=\"x", "A=x\\", "export A B"] {
            assert_eq!(refused(&format!("B=1\n{text}")).line, 2, "{text}");
        }
    }

    #[test]
    fn what_the_file_says_overrules_other_spellings() {
        let overlay = |text: &str| Overlay(parse(text).unwrap().into_iter().collect());
        let key = overlay("AUTH0_PRIVATE_KEY_FILE=/key\nCREDENTIAL_API_URL=https://a.example\nOIDC_ISSUER=");
        for name in ["AUTH0_CLIENT_SECRET", "AUTH0_CLIENT_SECRET_FILE", "AUTH0_PRIVATE_KEY", "AWS_ROLE_ARN"] {
            assert!(key.overrules(name), "{name}");
        }
        let proxy = overlay("HTTPS_PROXY=http://proxy.example:3128\nNO_PROXY=a.example");
        for name in ["https_proxy", "all_proxy", "ALL_PROXY", "no_proxy"] {
            assert!(proxy.overrules(name), "{name}");
        }
        for name in ["AUTH0_CLIENT_SECRET_NEXT", "ENTRA_CLIENT_SECRET", "OIDC_TOKEN_ENDPOINT", "AWS_REGION"] {
            assert!(!key.overrules(name), "{name}");
        }
    }
}
