//! `INSERT`, `UNLOAD`, `CREATE TABLE … AS` and `USING EXTERNAL FUNCTION`: a query with words of Athena's around it.

use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::clauses::{data_type, properties};
use super::error::StatementError;
use super::grammar::{begins_query, of};
use super::tokens::Tokens;
use super::{Checked, Kind, query};

/// `INSERT INTO name [(columns)] query`
pub(super) fn insert(tokens: &mut Tokens) -> Result<Checked, StatementError> {
    tokens.expect("INSERT INTO")?;
    tokens.name()?;
    if matches!(tokens.rest(), [open, first, ..] if open.token == Token::LParen && !begins_query(&first.token)) {
        tokens.list(|tokens| tokens.identifier().map(|_| ()))?;
    }
    inner_query(tokens)?;
    Ok(of(Kind::Insert))
}

/// A query up to the end, which may be wrapped in external functions.
fn inner_query(tokens: &mut Tokens) -> Result<(), StatementError> {
    if tokens.is_word("USING") {
        function_declarations(tokens)?;
    }
    read_only(tokens)
}

/// A query that is the body of a statement is no statement itself.
fn read_only(tokens: &Tokens) -> Result<(), StatementError> {
    match query::query(tokens.rest().to_vec())?.kind {
        Kind::Select => Ok(()),
        _ => tokens.refuse(),
    }
}

/// `UNLOAD (query) TO 's3://…' WITH (…)`
pub(super) fn unload(tokens: &mut Tokens) -> Result<Checked, StatementError> {
    tokens.expect("UNLOAD")?;
    let mut inner = tokens.parenthesised()?;
    inner_query(&mut inner)?;
    tokens.expect("TO")?;
    tokens.string()?;
    if tokens.take("WITH") {
        properties(tokens)?;
    }
    tokens.end()?;
    Ok(of(Kind::Unload))
}

/// What follows `CREATE TABLE … AS`.
pub(super) fn table_from_query(tokens: &mut Tokens) -> Result<(), StatementError> {
    let rest = tokens.rest();
    let no_data = without_last_words(rest, &["WITH", "NO", "DATA"]);
    let with_data = without_last_words(rest, &["WITH", "DATA"]);
    inner_query(&mut Tokens::new(no_data.or(with_data).unwrap_or(rest)))
}

fn without_last_words<'a>(tokens: &'a [TokenWithSpan], words: &[&str]) -> Option<&'a [TokenWithSpan]> {
    let (before, last) = tokens.split_at_checked(tokens.len().checked_sub(words.len())?)?;
    let mut last = Tokens::new(last);
    words.iter().all(|word| last.take(word)).then_some(before)
}

/// `USING EXTERNAL FUNCTION f(a type, …) RETURNS type LAMBDA 'name' [, …] query`
pub(super) fn using_functions(tokens: &mut Tokens) -> Result<Checked, StatementError> {
    function_declarations(tokens)?;
    let mut checked = if tokens.is_word("INSERT") { insert(tokens)? } else { query::query(tokens.rest().to_vec())? };
    query::raise(&mut checked, query::EXTERNAL_FUNCTION);
    Ok(checked)
}

fn function_declarations(tokens: &mut Tokens) -> Result<(), StatementError> {
    tokens.expect("USING")?;
    loop {
        tokens.take("EXTERNAL");
        tokens.expect("FUNCTION")?;
        tokens.name()?;
        tokens.expect_token(&Token::LParen)?;
        if !tokens.take_token(&Token::RParen) {
            loop {
                tokens.identifier()?;
                data_type(tokens)?;
                if !tokens.take_token(&Token::Comma) {
                    break;
                }
            }
            tokens.expect_token(&Token::RParen)?;
        }
        tokens.expect("RETURNS")?;
        data_type(tokens)?;
        if tokens.take("TYPE") {
            tokens.identifier()?;
            tokens.expect("WITH")?;
            properties(tokens)?;
        } else if tokens.take("LAMBDA") || tokens.take("SAGEMAKER") {
            tokens.string()?;
        } else {
            return tokens.refuse();
        }
        if !tokens.take_token(&Token::Comma) {
            return Ok(());
        }
    }
}
