//! Cuts a query into tokens where Trino, Hive and this check agree on each cut, and refuses it where they need not.
//!
//! Trino's rules are those of `SqlBase.g4`, Hive's those of `HiveLexer.g`. A token that one of them ends elsewhere would
//! let text that is a literal for the check be a statement for Athena. So sqlparser's own tokenizer, which is neither, is
//! not used: its parser gets these tokens. Outside literals and comments only ASCII passes (Trino folds case before it
//! reads, so that `ſ` would become an `S`), and no `#`, `@`, `&`, `~`, `\`, `::`, `$$` or prefixed literal does.

use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan};

use super::error::{Position, StatementError};

/// Whether `\` escapes the next character of a string (Hive) or is a character like any other (Trino).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Backslash {
    Plain,
    Escapes,
}

/// A tree takes up to 2 KiB for each token of a query that is made for it: with 256 KiB of such, that would be 250 MiB.
const MAX_TOKENS: usize = 50_000;

/// Whose tokens they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// Trino's, and Hive's as well unless the text is none for Hive.
    Trino,
    /// Hive's; the text is none for Trino.
    HiveAlone,
}

/// The only words that may touch the quote after them: those that no reader takes for the prefix of a special literal,
/// and `X`, which all of them take for one.
const BEFORE_QUOTE: [&str; 12] =
    ["X", "DATE", "TIME", "TIMESTAMP", "DECIMAL", "INTERVAL", "LIKE", "ESCAPE", "THEN", "ELSE", "WHEN", "AS"];

/// The tokens of `text`, without comments and blanks.
pub(super) fn read(text: &str) -> Result<(Vec<TokenWithSpan>, Reading), StatementError> {
    if text.contains('\0') {
        return Err(StatementError::Invalid("holds a NUL character"));
    }
    let trino = Lexer::new(text, Backslash::Plain).run();
    if !text.contains("\\'") && !text.contains("\\\"") {
        return trino.map(|tokens| (tokens, Reading::Trino));
    }
    // A backslash before a quote: where a string ends depends on the reader.
    match (trino, Lexer::new(text, Backslash::Escapes).run()) {
        (Ok(trino), Ok(hive)) if same(&trino, &hive) => Ok((trino, Reading::Trino)),
        (Ok(_), Ok(_)) => Err(StatementError::Invalid(
            "has a backslash before a quotation mark, and Trino and Hive end that string at different places: \
             write `''` for a quotation mark, or chr(92) for the backslash",
        )),
        (Ok(tokens), Err(_)) => Ok((tokens, Reading::Trino)),
        (Err(_), Ok(tokens)) => Ok((tokens, Reading::HiveAlone)),
        (Err(error), Err(_)) => Err(error),
    }
}

/// The first word behind blanks and comments, if a word is first.
pub(super) fn first_word(text: &str) -> Option<&str> {
    let mut lexer = Lexer::new(text, Backslash::Plain);
    lexer.skip().ok()?;
    let from = lexer.at;
    let word = text.get(from..)?;
    word.get(..word.bytes().take_while(|&byte| is_word_part(byte)).count()).filter(|word| !word.is_empty())
}

fn same(some: &[TokenWithSpan], others: &[TokenWithSpan]) -> bool {
    some.len() == others.len() && some.iter().zip(others).all(|(one, other)| one.span == other.span)
}

struct Lexer<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    line: u64,
    line_start: usize,
    backslash: Backslash,
    tokens: Vec<TokenWithSpan>,
}

impl<'a> Lexer<'a> {
    fn new(text: &'a str, backslash: Backslash) -> Self {
        let tokens = Vec::with_capacity(text.len() / 4);
        Self { text, bytes: text.as_bytes(), at: 0, line: 1, line_start: 0, backslash, tokens }
    }

    fn run(mut self) -> Result<Vec<TokenWithSpan>, StatementError> {
        while let Some(byte) = self.skip()? {
            self.token(byte)?;
        }
        Ok(self.tokens)
    }

    /// Goes past blanks and comments, to the byte that is returned.
    fn skip(&mut self) -> Result<Option<u8>, StatementError> {
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                b' ' | b'\t' => self.at += 1,
                b'\n' => self.end_line(),
                b'\r' => self.carriage_return()?,
                b'-' if self.peek(1) == Some(b'-') => self.line_comment()?,
                b'/' if self.peek(1) == Some(b'*') => self.block_comment()?,
                _ => return Ok(Some(byte)),
            }
        }
        Ok(None)
    }

    fn token(&mut self, byte: u8) -> Result<(), StatementError> {
        let (start, from) = (self.location(), self.at);
        let token = match byte {
            b'\'' => Token::SingleQuotedString(self.quoted(byte)?),
            b'"' | b'`' => Token::make_word(&self.quoted(byte)?, Some(char::from(byte))),
            b'0'..=b'9' => self.number()?,
            b'.' if self.peek(1).is_some_and(|next| next.is_ascii_digit()) => self.number()?,
            b'A'..=b'Z' | b'a'..=b'z' | b'_' => self.word()?,
            _ => self.punctuation(byte)?,
        };
        debug_assert!(self.at > from, "each token takes at least one byte");
        let span = Span::new(start, self.location());
        self.tokens.push(TokenWithSpan { token, span });
        if self.tokens.len() > MAX_TOKENS {
            return self.refuse("has more than 50,000 names, literals and signs");
        }
        Ok(())
    }

    fn peek(&self, distance: usize) -> Option<u8> {
        self.bytes.get(self.at + distance).copied()
    }

    fn location(&self) -> Location {
        Location { line: self.line, column: (self.at - self.line_start) as u64 + 1 }
    }

    fn end_line(&mut self) {
        self.at += 1;
        self.line += 1;
        self.line_start = self.at;
    }

    fn refuse<T>(&self, reason: &'static str) -> Result<T, StatementError> {
        let Location { line, column } = self.location();
        Err(StatementError::InvalidAt(reason, Position { line, column }))
    }

    /// Java and ANTLR end a line comment at a bare CR, others go on to the LF.
    fn carriage_return(&mut self) -> Result<(), StatementError> {
        if self.peek(1) != Some(b'\n') {
            return self.refuse("has a carriage return without a line feed outside a literal");
        }
        self.at += 1;
        Ok(())
    }

    /// One character of a comment, which no reader may take for an end of the line but `\n`.
    fn comment_character(&mut self) -> Result<(), StatementError> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        match rest.chars().next() {
            Some('\n') => self.end_line(),
            Some('\r') => self.carriage_return()?,
            Some('\t') => self.at += 1,
            Some(other) if other.is_control() || matches!(other, '\u{2028}' | '\u{2029}') => {
                return self.refuse("has a control character in a comment");
            }
            Some(other) => self.at += other.len_utf8(),
            None => return self.refuse("ends inside a comment"),
        }
        Ok(())
    }

    fn line_comment(&mut self) -> Result<(), StatementError> {
        while self.bytes.get(self.at).is_some_and(|&byte| byte != b'\n') {
            self.comment_character()?;
        }
        Ok(())
    }

    fn block_comment(&mut self) -> Result<(), StatementError> {
        match self.peek(2) {
            // MySQL runs the content of the first, Hive reads the second, and some take the third for a whole comment.
            Some(b'!' | b'+' | b'/') => return self.refuse("has a comment that begins with `/*!`, `/*+` or `/*/`"),
            _ => self.at += 2,
        }
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some(b'*'), Some(b'/')) => break,
                (Some(b'/'), Some(b'*')) => return self.refuse("opens a block comment inside a block comment"),
                _ => self.comment_character()?,
            }
        }
        self.at += 2;
        Ok(())
    }

    /// A literal or quoted identifier with its quotes doubled inside; returns what it says.
    fn quoted(&mut self, quote: u8) -> Result<String, StatementError> {
        let (from, line, line_start) = (self.at, self.line, self.line_start);
        let mut value = String::new();
        self.at += 1;
        let mut piece = self.at;
        loop {
            match self.peek(0) {
                Some(byte) if byte == quote => {
                    value.push_str(self.text.get(piece..self.at).unwrap_or_default());
                    if self.peek(1) != Some(quote) {
                        break;
                    }
                    value.push(char::from(quote));
                    self.at += 2;
                    piece = self.at;
                }
                Some(b'\\') if self.backslash == Backslash::Escapes && quote != b'`' => {
                    self.at += 1;
                    match self.peek(0) {
                        Some(b'\n') => self.end_line(),
                        _ => self.at += 1,
                    }
                }
                Some(b'\n') => self.end_line(),
                Some(_) => self.at += 1,
                None => {
                    (self.at, self.line, self.line_start) = (from, line, line_start);
                    return self.refuse("has a quotation mark that is not closed");
                }
            }
        }
        self.at += 1;
        Ok(value)
    }

    fn number(&mut self) -> Result<Token, StatementError> {
        let from = self.at;
        let touches = from.checked_sub(1).and_then(|before| self.bytes.get(before)).copied();
        if touches.is_some_and(|byte| is_word_part(byte) || matches!(byte, b'"' | b'`' | b'\'' | b'.' | b')' | b']')) {
            return self.refuse("has a number that touches what is before it");
        }
        self.digits();
        if self.peek(0) == Some(b'.') {
            self.at += 1;
            self.digits();
        }
        if matches!(self.peek(0), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(self.peek(1), Some(b'+' | b'-')));
            if self.peek(1 + sign).is_some_and(|byte| byte.is_ascii_digit()) {
                self.at += 1 + sign;
                self.digits();
            }
        }
        // `1a` is a number and a word for Trino, a word for Hive; `1L` and `0x1` are numbers for some.
        if self.peek(0).is_some_and(|byte| is_word_part(byte) || matches!(byte, b'\'' | b'"' | b'`' | b'.')) {
            return self.refuse("has a number that touches what is after it");
        }
        Ok(Token::Number(self.text.get(from..self.at).unwrap_or_default().to_owned(), false))
    }

    fn digits(&mut self) {
        while self.peek(0).is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
    }

    fn word(&mut self) -> Result<Token, StatementError> {
        let from = self.at;
        while self.peek(0).is_some_and(is_word_part) {
            self.at += 1;
        }
        let word = self.text.get(from..self.at).unwrap_or_default();
        match self.peek(0) {
            Some(b'\'') if BEFORE_QUOTE.iter().any(|known| known.eq_ignore_ascii_case(word)) => {}
            Some(b'\'' | b'"' | b'`' | b'$') => {
                return self.refuse("has a word that touches a quotation mark or `$`: put a space between them");
            }
            _ => {}
        }
        if self.peek(0) == Some(b'\'') && word.eq_ignore_ascii_case("X") {
            let digits = self.quoted(b'\'')?;
            if !digits.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b' ') {
                return self.refuse("has a binary literal with a character that is not a hexadecimal digit");
            }
            return Ok(Token::HexStringLiteral(digits));
        }
        Ok(Token::make_word(word, None))
    }

    fn punctuation(&mut self, byte: u8) -> Result<Token, StatementError> {
        let (token, length) = match (byte, self.peek(1)) {
            (b'<', Some(b'=')) => (Token::LtEq, 2),
            (b'>', Some(b'=')) => (Token::GtEq, 2),
            (b'<', Some(b'>')) | (b'!', Some(b'=')) => (Token::Neq, 2),
            (b'|', Some(b'|')) => (Token::StringConcat, 2),
            (b'-', Some(b'>')) => (Token::Arrow, 2),
            (b'=', Some(b'>')) => (Token::RArrow, 2),
            (b':', Some(b':')) => return self.refuse("has `::`: write CAST(… AS …)"),
            (b'(', _) => (Token::LParen, 1),
            (b')', _) => (Token::RParen, 1),
            (b'[', _) => (Token::LBracket, 1),
            (b']', _) => (Token::RBracket, 1),
            (b'{', _) => (Token::LBrace, 1),
            (b'}', _) => (Token::RBrace, 1),
            (b',', _) => (Token::Comma, 1),
            (b';', _) => (Token::SemiColon, 1),
            (b'.', _) => (Token::Period, 1),
            (b'+', _) => (Token::Plus, 1),
            (b'-', _) => (Token::Minus, 1),
            (b'*', _) => (Token::Mul, 1),
            (b'/', _) => (Token::Div, 1),
            (b'%', _) => (Token::Mod, 1),
            (b'=', _) => (Token::Eq, 1),
            (b'<', _) => (Token::Lt, 1),
            (b'>', _) => (Token::Gt, 1),
            (b':', _) => (Token::Colon, 1),
            (b'|', _) => (Token::Pipe, 1),
            (b'^', _) => (Token::Caret, 1),
            (b'?', _) => (Token::Placeholder("?".to_owned()), 1),
            // The end of a partition in a row pattern, and nothing else: `$$`, `$1` and `$a$` open strings for some.
            (b'$', Some(b' ' | b'\t' | b'\n' | b'\r' | b')')) => (Token::Placeholder("$".to_owned()), 1),
            _ => return self.refuse("has a character that is not allowed outside literals and comments"),
        };
        self.at += length;
        Ok(token)
    }
}

const fn is_word_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}
