//! The pieces of definitions: types, columns, properties, partitions.

use sqlparser::tokenizer::{Token, Word};

use super::error::StatementError;
use super::tokens::Tokens;

/// `<` is not counted by [`super::nesting`], since it is an operator elsewhere.
const MAX_TYPE_DEPTH: usize = 32;

/// A type, as Hive (`struct<a:int>`) or Trino (`row(a int)`) spells it.
pub(super) fn data_type(tokens: &mut Tokens) -> Result<(), StatementError> {
    nested_type(tokens, MAX_TYPE_DEPTH)
}

fn nested_type(tokens: &mut Tokens, depth: usize) -> Result<(), StatementError> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(StatementError::Invalid("has a type that is nested too deep"));
    };
    let name = tokens.identifier()?;
    if tokens.take_token(&Token::Lt) {
        let is_struct = name.eq_ignore_ascii_case("struct");
        loop {
            if is_struct {
                tokens.identifier()?;
                tokens.expect_token(&Token::Colon)?;
            }
            nested_type(tokens, depth)?;
            comment(tokens)?;
            if !tokens.take_token(&Token::Comma) {
                return tokens.expect_token(&Token::Gt);
            }
        }
    }
    if tokens.peek() == Some(&Token::LParen) {
        tokens.list(|tokens| type_argument(tokens, depth))?;
    }
    if name.eq_ignore_ascii_case("double") {
        tokens.take("PRECISION");
    }
    if name.eq_ignore_ascii_case("timestamp") || name.eq_ignore_ascii_case("time") {
        let _ = tokens.take("WITH TIME ZONE") || tokens.take("WITHOUT TIME ZONE");
    }
    Ok(())
}

/// A length, a type, or a field's name and type.
fn type_argument(tokens: &mut Tokens, depth: usize) -> Result<(), StatementError> {
    if matches!(tokens.peek(), Some(Token::Number(..))) {
        return tokens.number();
    }
    if matches!(tokens.rest(), [_, next, ..] if matches!(next.token, Token::Word(_))) {
        tokens.identifier()?;
    }
    nested_type(tokens, depth)
}

/// `COMMENT 'text'`, where there is one.
pub(super) fn comment(tokens: &mut Tokens) -> Result<(), StatementError> {
    if tokens.take("COMMENT") { tokens.string() } else { Ok(()) }
}

/// `name type [COMMENT 'text']`
pub(super) fn column(tokens: &mut Tokens) -> Result<(), StatementError> {
    tokens.identifier()?;
    data_type(tokens)?;
    if tokens.take("NOT") {
        tokens.expect("NULL")?;
    }
    comment(tokens)
}

/// A column of `PARTITIONED BY`: with a type (Hive), alone, or as a transform (`day(ts)`, `bucket(16, id)`; Iceberg).
pub(super) fn partition_column(tokens: &mut Tokens) -> Result<(), StatementError> {
    match tokens.rest() {
        [_, next, ..] if next.token == Token::LParen => {
            tokens.identifier()?;
            tokens.list(|tokens| match tokens.peek() {
                Some(Token::Number(..)) => tokens.number(),
                _ => tokens.identifier().map(|_| ()),
            })
        }
        [_, next, ..] if matches!(next.token, Token::Comma | Token::RParen) => tokens.identifier().map(|_| ()),
        _ => column(tokens),
    }
}

/// `(a, b)`
pub(super) fn column_names(tokens: &mut Tokens) -> Result<(), StatementError> {
    tokens.list(|tokens| tokens.identifier().map(|_| ()))
}

/// `(key = value, …)`
pub(super) fn properties(tokens: &mut Tokens) -> Result<(), StatementError> {
    tokens.list(|tokens| {
        if tokens.is_string() {
            tokens.string()?;
        } else {
            tokens.name()?;
        }
        tokens.expect_token(&Token::Eq)?;
        value(tokens)
    })
}

/// A literal, or an array of them.
fn value(tokens: &mut Tokens) -> Result<(), StatementError> {
    if tokens.take("ARRAY") {
        tokens.expect_token(&Token::LBracket)?;
        loop {
            literal(tokens)?;
            if !tokens.take_token(&Token::Comma) {
                return tokens.expect_token(&Token::RBracket);
            }
        }
    }
    literal(tokens)
}

fn literal(tokens: &mut Tokens) -> Result<(), StatementError> {
    let _ = tokens.take_token(&Token::Minus);
    match tokens.peek() {
        Some(Token::Number(..)) => tokens.number(),
        Some(Token::Word(Word { quote_style: None, .. })) => {
            if ["TRUE", "FALSE", "NULL"].iter().any(|word| tokens.take(word)) {
                return Ok(());
            }
            // DATE '2026-01-01'
            if ["DATE", "TIMESTAMP"].iter().any(|word| tokens.take(word)) { tokens.string() } else { tokens.refuse() }
        }
        _ => tokens.string(),
    }
}

/// `(key = 'value', …)` of `PARTITION`; `DROP` compares in other ways, too.
pub(super) fn partition(tokens: &mut Tokens) -> Result<(), StatementError> {
    tokens.list(|tokens| {
        tokens.identifier()?;
        match tokens.next() {
            Some(Token::Eq | Token::Neq | Token::Lt | Token::LtEq | Token::Gt | Token::GtEq) => literal(tokens),
            _ => tokens.refuse(),
        }
    })
}
