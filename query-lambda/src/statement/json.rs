//! The clauses of `JSON_VALUE`, `JSON_QUERY` and `JSON_EXISTS`, which sqlparser does not know.

use sqlparser::ast::Expr;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, Word};

const FUNCTIONS: [&str; 3] = ["JSON_VALUE", "JSON_QUERY", "JSON_EXISTS"];

/// Whether a call of one of them begins with these tokens.
pub(super) fn begins(first: &Token, second: &Token) -> bool {
    *second == Token::LParen && FUNCTIONS.iter().any(|function| is_word(first, function))
}

/// The call, as a tuple of every expression in it: what it means does not matter, what stands in it does.
pub(super) fn call(parser: &mut Parser) -> Result<Expr, ParserError> {
    parser.advance_token();
    parser.expect_token(&Token::LParen)?;
    let mut inside = vec![json(parser)?];
    parser.expect_token(&Token::Comma)?;
    inside.push(Expr::Value(parser.parse_value()?));
    if parser.parse_keyword(Keyword::AS) {
        parser.parse_identifier()?;
    }
    if parser.parse_keyword(Keyword::PASSING) {
        inside.extend(parser.parse_comma_separated(|parser| {
            let passed = json(parser)?;
            parser.expect_keyword(Keyword::AS)?;
            parser.parse_identifier()?;
            Ok(passed)
        })?);
    }
    if parser.parse_keyword(Keyword::RETURNING) {
        parser.parse_data_type()?;
        format(parser)?;
    }
    wrapper_and_quotes(parser)?;
    while behaviour(parser, &mut inside)? {}
    parser.expect_token(&Token::RParen)?;
    Ok(Expr::Tuple(inside))
}

fn json(parser: &mut Parser) -> Result<Expr, ParserError> {
    let value = parser.parse_expr()?;
    format(parser)?;
    Ok(value)
}

/// `FORMAT JSON [ENCODING UTF8]`, where there is one.
fn format(parser: &mut Parser) -> Result<(), ParserError> {
    if parser.parse_keyword(Keyword::FORMAT) {
        parser.expect_keyword(Keyword::JSON)?;
        if take(parser, "ENCODING") {
            parser.parse_identifier()?;
        }
    }
    Ok(())
}

fn wrapper_and_quotes(parser: &mut Parser) -> Result<(), ParserError> {
    if take(parser, "WITHOUT") || take(parser, "WITH") {
        let _ = take(parser, "CONDITIONAL") || take(parser, "UNCONDITIONAL");
        take(parser, "ARRAY");
        parser.expect_keyword(Keyword::WRAPPER)?;
    }
    if take(parser, "KEEP") || take(parser, "OMIT") {
        expect(parser, "QUOTES")?;
        if take(parser, "ON") {
            expect(parser, "SCALAR")?;
            expect(parser, "STRING")?;
        }
    }
    Ok(())
}

/// `… ON EMPTY` or `… ON ERROR`, where there is one; the expression of a `DEFAULT` goes into `inside`.
fn behaviour(parser: &mut Parser, inside: &mut Vec<Expr>) -> Result<bool, ParserError> {
    if take(parser, "DEFAULT") {
        inside.push(parser.parse_expr()?);
    } else if take(parser, "EMPTY") {
        let _ = take(parser, "ARRAY") || take(parser, "OBJECT");
    } else if !["NULL", "ERROR", "TRUE", "FALSE", "UNKNOWN"].iter().any(|word| take(parser, word)) {
        return Ok(false);
    }
    expect(parser, "ON")?;
    if !take(parser, "EMPTY") {
        expect(parser, "ERROR")?;
    }
    Ok(true)
}

fn is_word(token: &Token, expected: &str) -> bool {
    matches!(token, Token::Word(Word { value, quote_style: None, .. }) if value.eq_ignore_ascii_case(expected))
}

fn take(parser: &mut Parser, word: &str) -> bool {
    let found = is_word(&parser.peek_token_ref().token, word);
    if found {
        parser.advance_token();
    }
    found
}

fn expect(parser: &mut Parser, word: &str) -> Result<(), ParserError> {
    if take(parser, word) { Ok(()) } else { parser.expected_ref(word, parser.peek_token_ref()) }
}
