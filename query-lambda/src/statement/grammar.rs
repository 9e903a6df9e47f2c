//! The forms of Athena's statements: the first words choose one, and its rule must hold to the last token.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::error::StatementError;
use super::tokens::Tokens;
use super::{Access, Checked, Kind, definition, query, show, write};

/// First words that name a statement which no scope allows, so that the refusal can say so.
const NEVER: [&str; 24] = [
    "PREPARE",
    "EXECUTE",
    "DEALLOCATE",
    "CALL",
    "SET",
    "RESET",
    "USE",
    "GRANT",
    "REVOKE",
    "DENY",
    "START",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "LOCK",
    "UNLOCK",
    "LOAD",
    "IMPORT",
    "EXPORT",
    "REFRESH",
    "TRUNCATE",
    "COMMENT",
    "KILL",
    "COPY",
];

/// Reads `statement` to its end.
pub(super) fn check(statement: Vec<TokenWithSpan>) -> Result<Checked, StatementError> {
    if statement.first().is_some_and(|first| begins_query(&first.token)) {
        return query::query(statement);
    }
    let mut tokens = Tokens::new(&statement);
    let explained = tokens.is_word("EXPLAIN");
    if !explained {
        return statement_without_explain(&mut tokens);
    }
    tokens.expect("EXPLAIN")?;
    let analyze = tokens.take("ANALYZE");
    if analyze {
        tokens.take("VERBOSE");
    }
    // Options stand in parentheses, and so may the query.
    if matches!(tokens.rest(), [open, option, ..] if open.token == Token::LParen && is_option(&option.token)) {
        tokens.list(explain_option)?;
    }
    let inner = statement_without_explain(&mut tokens)?;
    let kind = if analyze { Kind::ExplainAnalyze } else { Kind::Explain };
    let reason = match (inner.access, inner.reason) {
        (Access::Read, _) if analyze => Some("`EXPLAIN ANALYZE` runs the statement"),
        (_, reason) => reason,
    };
    Ok(Checked { kind, access: inner.access.max(kind.access()), reason })
}

fn is_option(token: &Token) -> bool {
    matches!(token, Token::Word(word) if word.quote_style.is_none()
        && (word.value.eq_ignore_ascii_case("FORMAT") || word.value.eq_ignore_ascii_case("TYPE")))
}

fn explain_option(tokens: &mut Tokens) -> Result<(), StatementError> {
    const VALUES: [&str; 8] = [
        "FORMAT TEXT",
        "FORMAT GRAPHVIZ",
        "FORMAT JSON",
        "TYPE LOGICAL",
        "TYPE DISTRIBUTED",
        "TYPE VALIDATE",
        "TYPE IO",
        "TYPE TEXT",
    ];
    if VALUES.iter().any(|value| tokens.take(value)) { Ok(()) } else { tokens.refuse() }
}

fn statement_without_explain(tokens: &mut Tokens) -> Result<Checked, StatementError> {
    match tokens.peek() {
        Some(first) if begins_query(first) => query::query(tokens.rest().to_vec()),
        Some(Token::Word(word)) if word.quote_style.is_none() => {
            by_first_word(&word.value.to_ascii_uppercase(), tokens)
        }
        _ => tokens.refuse(),
    }
}

fn by_first_word(word: &str, tokens: &mut Tokens) -> Result<Checked, StatementError> {
    match word {
        "UPDATE" | "DELETE" | "MERGE" => query::change(tokens.rest().to_vec()),
        "SHOW" => show::show(tokens),
        "DESCRIBE" | "DESC" => show::describe(tokens),
        "INSERT" => write::insert(tokens),
        "UNLOAD" => write::unload(tokens),
        "USING" => write::using_functions(tokens),
        "CREATE" => definition::create(tokens),
        "ALTER" => definition::alter(tokens),
        "DROP" => definition::drop(tokens),
        "MSCK" | "OPTIMIZE" | "VACUUM" | "ANALYZE" => definition::upkeep(tokens),
        _ => match NEVER.iter().find(|never| **never == word) {
            Some(never) => Err(StatementError::NeverAllowed(never)),
            None => tokens.refuse(),
        },
    }
}

/// Whether a query may begin with this token.
pub(super) fn begins_query(token: &Token) -> bool {
    const WORDS: [Keyword; 4] = [Keyword::SELECT, Keyword::WITH, Keyword::VALUES, Keyword::TABLE];
    match token {
        Token::LParen => true,
        Token::Word(word) => WORDS.contains(&word.keyword),
        _ => false,
    }
}

/// What a kind needs by itself.
pub(super) fn of(kind: Kind) -> Checked {
    Checked { kind, access: kind.access(), reason: None }
}
