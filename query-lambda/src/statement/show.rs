//! `SHOW` and `DESCRIBE`: what the catalog says.

use sqlparser::tokenizer::Token;

use super::clauses::partition;
use super::error::StatementError;
use super::grammar::of;
use super::tokens::Tokens;
use super::{Checked, Kind, query};

/// Where the catalog stands in a name: before a database, or before a database and a table.
const DATABASE: usize = 1;
const TABLE: usize = 2;

/// `SHOW …`
pub(super) fn show(tokens: &mut Tokens) -> Result<Checked, StatementError> {
    tokens.expect("SHOW")?;
    let mut checked = of(Kind::Show);
    if tokens.take("STATS FOR") {
        return stats(tokens);
    } else if tokens.take("COLUMNS") {
        in_or_from(tokens)?;
        name(&mut checked, tokens, TABLE)?;
        if in_or_from(tokens).is_ok() {
            name(&mut checked, tokens, DATABASE)?;
        }
        pattern(tokens)?;
    } else if tokens.take("CREATE TABLE") || tokens.take("CREATE VIEW") || tokens.take("PARTITIONS") {
        name(&mut checked, tokens, TABLE)?;
        if tokens.take("PARTITION") {
            partition(tokens)?;
        }
    } else if tokens.take("TBLPROPERTIES") {
        name(&mut checked, tokens, TABLE)?;
        if tokens.peek() == Some(&Token::LParen) {
            tokens.list(Tokens::string)?;
        }
    } else if tokens.take("TABLES") || tokens.take("VIEWS") {
        if in_or_from(tokens).is_ok() {
            name(&mut checked, tokens, DATABASE)?;
        }
        pattern(tokens)?;
    } else if tokens.take("DATABASES") || tokens.take("SCHEMAS") {
        if in_or_from(tokens).is_ok() {
            name(&mut checked, tokens, 0)?;
        }
        pattern(tokens)?;
    } else if tokens.take("CREATE DATABASE") || tokens.take("CREATE SCHEMA") {
        name(&mut checked, tokens, DATABASE)?;
    } else if tokens.take("CATALOGS") || tokens.take("FUNCTIONS") {
        pattern(tokens)?;
    } else {
        return tokens.refuse();
    }
    tokens.end()?;
    Ok(checked)
}

/// `SHOW STATS FOR table` or `SHOW STATS FOR (query)`
fn stats(tokens: &mut Tokens) -> Result<Checked, StatementError> {
    let mut checked = of(Kind::Show);
    if tokens.peek() == Some(&Token::LParen) {
        let inner = query::query(tokens.rest().to_vec())?;
        return match inner.kind {
            Kind::Select => Ok(Checked { kind: Kind::Show, ..inner }),
            _ => tokens.refuse(),
        };
    }
    name(&mut checked, tokens, TABLE)?;
    tokens.end()?;
    Ok(checked)
}

fn in_or_from(tokens: &mut Tokens) -> Result<(), StatementError> {
    if tokens.take("IN") || tokens.take("FROM") { Ok(()) } else { tokens.refuse() }
}

fn name(checked: &mut Checked, tokens: &mut Tokens, own_parts: usize) -> Result<(), StatementError> {
    let name = tokens.name()?;
    query::raise_for_catalog(checked, &name, own_parts);
    Ok(())
}

/// `[LIKE] 'pattern' [ESCAPE '!']`, where there is one.
fn pattern(tokens: &mut Tokens) -> Result<(), StatementError> {
    if tokens.take("LIKE") || tokens.is_string() {
        tokens.string()?;
        if tokens.take("ESCAPE") {
            tokens.string()?;
        }
    }
    Ok(())
}

/// `DESCRIBE [EXTENDED | FORMATTED] [db.]table [PARTITION (…)] [column[.field …]]`, `DESCRIBE VIEW [db.]view`
pub(super) fn describe(tokens: &mut Tokens) -> Result<Checked, StatementError> {
    let _ = tokens.take("DESCRIBE") || tokens.take("DESC");
    let mut checked = of(Kind::Describe);
    // A table may have one of these names: then nothing follows.
    if tokens.rest().len() > 1 {
        let _ = tokens.take("EXTENDED") || tokens.take("FORMATTED") || tokens.take("VIEW");
    }
    name(&mut checked, tokens, TABLE)?;
    if tokens.take("PARTITION") {
        partition(tokens)?;
    }
    if !tokens.rest().is_empty() {
        tokens.identifier()?;
        while tokens.take_token(&Token::Period) {
            // `'$elem$'`, `'$key$'`, `'$value$'` of arrays and maps
            if tokens.is_string() {
                tokens.string()?;
            } else {
                tokens.identifier()?;
            }
        }
    }
    tokens.end()?;
    Ok(checked)
}
