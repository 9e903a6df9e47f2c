//! A cursor over the tokens of one statement, for the forms that are read here and not by sqlparser.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Word};

use super::error::{Position, StatementError};

const NOT_UNDERSTOOD: &str = "is not understood";

/// The one statement that `tokens` must be, without the semicolon at its end.
pub(super) fn single_statement(mut tokens: Vec<TokenWithSpan>) -> Result<Vec<TokenWithSpan>, StatementError> {
    if tokens.last().is_some_and(|last| last.token == Token::SemiColon) {
        tokens.pop();
    }
    if tokens.is_empty() {
        return Err(StatementError::Invalid("holds no statement"));
    }
    match tokens.iter().find(|token| token.token == Token::SemiColon) {
        Some(token) => Err(at("holds more than one statement", token.span.start)),
        None => Ok(tokens),
    }
}

fn at(reason: &'static str, location: Location) -> StatementError {
    StatementError::InvalidAt(reason, Position { line: location.line, column: location.column })
}

/// Words that begin something, and that no reader has to take for a name: a name like these needs quotes.
const NO_NAMES: [Keyword; 23] = [
    Keyword::ALTER,
    Keyword::ANALYZE,
    Keyword::BEGIN,
    Keyword::CALL,
    Keyword::COMMIT,
    Keyword::CREATE,
    Keyword::DELETE,
    Keyword::DROP,
    Keyword::EXECUTE,
    Keyword::EXPLAIN,
    Keyword::GRANT,
    Keyword::INSERT,
    Keyword::INTO,
    Keyword::MERGE,
    Keyword::PREPARE,
    Keyword::REVOKE,
    Keyword::ROLLBACK,
    Keyword::SELECT,
    Keyword::SET,
    Keyword::TRUNCATE,
    Keyword::UPDATE,
    Keyword::USE,
    Keyword::VALUES,
];

/// A dotted name: the text of its parts.
pub(super) type Name<'a> = Vec<&'a str>;

/// Where reading has got to.
pub(super) struct Tokens<'a> {
    rest: &'a [TokenWithSpan],
    end: Location,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(tokens: &'a [TokenWithSpan]) -> Self {
        let end = tokens.last().map_or(Location { line: 1, column: 1 }, |token| token.span.end);
        Self { rest: tokens, end }
    }

    /// The tokens that are left.
    pub(super) const fn rest(&self) -> &'a [TokenWithSpan] {
        self.rest
    }

    /// The error that names the next token's place.
    pub(super) fn not_understood(&self) -> StatementError {
        at(NOT_UNDERSTOOD, self.rest.first().map_or(self.end, |token| token.span.start))
    }

    pub(super) fn refuse<T>(&self) -> Result<T, StatementError> {
        Err(self.not_understood())
    }

    pub(super) fn peek(&self) -> Option<&'a Token> {
        self.rest.first().map(|token| &token.token)
    }

    fn peek_nth(&self, distance: usize) -> Option<&'a Token> {
        self.rest.get(distance).map(|token| &token.token)
    }

    fn advance(&mut self, count: usize) {
        self.rest = self.rest.get(count..).unwrap_or_default();
    }

    pub(super) fn next(&mut self) -> Option<&'a Token> {
        let token = self.peek();
        self.advance(1);
        token
    }

    pub(super) fn is_word(&self, word: &str) -> bool {
        self.peek().is_some_and(|token| is_word(token, word))
    }

    /// Takes these words, all or none, one after the other; `words` has a space between them.
    pub(super) fn take(&mut self, words: &str) -> bool {
        let mut count = 0;
        for word in words.split(' ') {
            if !self.peek_nth(count).is_some_and(|token| is_word(token, word)) {
                return false;
            }
            count += 1;
        }
        self.advance(count);
        true
    }

    pub(super) fn expect(&mut self, words: &str) -> Result<(), StatementError> {
        if self.take(words) { Ok(()) } else { self.refuse() }
    }

    pub(super) fn take_token(&mut self, token: &Token) -> bool {
        let found = self.peek() == Some(token);
        if found {
            self.advance(1);
        }
        found
    }

    pub(super) fn expect_token(&mut self, token: &Token) -> Result<(), StatementError> {
        if self.take_token(token) { Ok(()) } else { self.refuse() }
    }

    pub(super) fn end(&self) -> Result<(), StatementError> {
        if self.rest.is_empty() { Ok(()) } else { self.refuse() }
    }

    /// An identifier, bare or in double quotes or backticks.
    pub(super) fn identifier(&mut self) -> Result<&'a str, StatementError> {
        match self.peek() {
            Some(Token::Word(Word { value, keyword, .. })) if !value.is_empty() && !NO_NAMES.contains(keyword) => {
                self.advance(1);
                Ok(value)
            }
            _ => self.refuse(),
        }
    }

    pub(super) fn name(&mut self) -> Result<Name<'a>, StatementError> {
        let mut parts = vec![self.identifier()?];
        while self.take_token(&Token::Period) {
            parts.push(self.identifier()?);
        }
        Ok(parts)
    }

    /// A string in single quotes, or where Hive reads in double quotes.
    pub(super) fn string(&mut self) -> Result<(), StatementError> {
        match self.peek() {
            Some(Token::SingleQuotedString(_) | Token::Word(Word { quote_style: Some('"'), .. })) => {
                self.advance(1);
                Ok(())
            }
            _ => self.refuse(),
        }
    }

    pub(super) fn is_string(&self) -> bool {
        matches!(self.peek(), Some(Token::SingleQuotedString(_) | Token::Word(Word { quote_style: Some('"'), .. })))
    }

    pub(super) fn number(&mut self) -> Result<(), StatementError> {
        match self.peek() {
            Some(Token::Number(..)) => {
                self.advance(1);
                Ok(())
            }
            _ => self.refuse(),
        }
    }

    /// `( item, item, … )`
    pub(super) fn list(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<(), StatementError>,
    ) -> Result<(), StatementError> {
        self.expect_token(&Token::LParen)?;
        loop {
            item(self)?;
            if !self.take_token(&Token::Comma) {
                return self.expect_token(&Token::RParen);
            }
        }
    }

    /// What stands between the parenthesis that is next and the one that closes it, which are taken with it.
    pub(super) fn parenthesised(&mut self) -> Result<Tokens<'a>, StatementError> {
        self.expect_token(&Token::LParen)?;
        let mut depth = 1_usize;
        for (index, token) in self.rest.iter().enumerate() {
            match token.token {
                Token::LParen => depth += 1,
                Token::RParen => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                let inner = Tokens { rest: self.rest.get(..index).unwrap_or_default(), end: token.span.start };
                self.advance(index + 1);
                return Ok(inner);
            }
        }
        self.refuse()
    }
}

fn is_word(token: &Token, expected: &str) -> bool {
    matches!(token, Token::Word(Word { value, quote_style: None, .. }) if value.eq_ignore_ascii_case(expected))
}
