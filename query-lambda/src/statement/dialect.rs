//! What sqlparser must take for granted about Athena's SQL, which is Trino's.
//!
//! Its tokenizer is not used (see [`super::lexer`]), so the rules for characters do not matter here. The flags are those
//! of Trino's grammar; a form that Trino lacks stays off, so that nothing is read in a way that Athena would not.

use std::cell::Cell;

use super::json;
use sqlparser::ast::{DataType, Expr, Ident, ObjectName, TypeModifier};
use sqlparser::dialect::Dialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, Word};

/// How often a parser may begin an expression or a type for each token: a linear parser needs one or two.
const WORK_PER_TOKEN: usize = 16;

/// Athena's SQL, and how much work is left for one statement.
#[derive(Debug)]
pub(super) struct Athena {
    work: Cell<usize>,
}

impl Athena {
    pub(super) fn for_tokens(count: usize) -> Self {
        Self { work: Cell::new(count.saturating_mul(WORK_PER_TOKEN).saturating_add(256)) }
    }

    /// sqlparser tries some forms and goes back, and goes back again inside of what it tries. It remembers failures, so
    /// that this should never end a statement; where it does not, time would grow with 2^depth.
    fn is_spent(&self) -> bool {
        let left = self.work.get();
        self.work.set(left.saturating_sub(1));
        left == 0
    }
}

impl Dialect for Athena {
    fn is_identifier_start(&self, ch: char) -> bool {
        ch.is_ascii_alphabetic() || ch == '_'
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        ch.is_ascii_alphanumeric() || ch == '_'
    }

    fn parse_prefix(&self, parser: &mut Parser) -> Option<Result<Expr, ParserError>> {
        if self.is_spent() {
            // The one error that sqlparser never takes for a hint to try something else.
            return Some(Err(ParserError::RecursionLimitExceeded));
        }
        // Literals and plain names first: sqlparser tries each as a type, and formats an error when it is none.
        let [first, second, third] = parser.peek_tokens_ref();
        match (&first.token, &second.token) {
            (first, second) if json::begins(first, second) => Some(json::call(parser)),
            // FINAL LAST(a.b) in the measures of MATCH_RECOGNIZE
            (Token::Word(first), Token::Word(_)) if is_semantics(first) && third.token == Token::LParen => {
                parser.advance_token();
                Some(parser.parse_prefix())
            }
            (Token::Number(..) | Token::SingleQuotedString(_), _) => Some(parser.parse_value().map(Expr::Value)),
            (Token::Word(Word { keyword: Keyword::NoKeyword, .. }), Token::LParen) => {
                let name = parser.parse_identifier();
                Some(name.and_then(|name| parser.parse_function(ObjectName::from(vec![name]))))
            }
            (Token::Word(Word { keyword: Keyword::NoKeyword, .. }), next) if ends_name(next) => {
                Some(parser.parse_identifier().map(Expr::Identifier))
            }
            _ => None,
        }
    }

    fn parse_data_type(&self, parser: &mut Parser) -> Option<Result<DataType, ParserError>> {
        if self.is_spent() {
            return Some(Err(ParserError::RecursionLimitExceeded));
        }
        let [name, open] = parser.peek_tokens_ref();
        match (&name.token, &open.token) {
            (Token::Word(Word { keyword: Keyword::ROW, .. }), Token::LParen) => Some(row_type(parser)),
            (Token::Word(Word { keyword: Keyword::ARRAY | Keyword::MAP, .. }), Token::Lt) => Some(angle_type(parser)),
            _ => None,
        }
    }

    fn get_next_precedence(&self, parser: &Parser) -> Option<Result<u8, ParserError>> {
        // `json_object('a' : b)`: elsewhere a colon reads a member of a JSON value.
        (parser.peek_token_ref().token == Token::Colon).then_some(Ok(0))
    }

    fn supports_named_fn_args_with_colon_operator(&self) -> bool {
        true
    }

    fn supports_named_fn_args_with_expr_name(&self) -> bool {
        true
    }

    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }

    fn supports_group_by_expr(&self) -> bool {
        true
    }

    fn supports_window_clause_named_window_reference(&self) -> bool {
        true
    }

    fn supports_match_recognize(&self) -> bool {
        true
    }

    fn supports_lambda_functions(&self) -> bool {
        true
    }

    fn supports_table_versioning(&self) -> bool {
        true
    }

    fn supports_parens_around_table_factor(&self) -> bool {
        true
    }

    fn supports_map_typedef_with_parentheses(&self) -> bool {
        true
    }

    fn supports_array_typedef_with_parentheses(&self) -> bool {
        true
    }

    fn supports_select_expr_star(&self) -> bool {
        true
    }
}

/// Whether a name is all that stands before this token: no type of a literal, and no parameter of a lambda.
const fn ends_name(token: &Token) -> bool {
    matches!(
        token,
        Token::Period
            | Token::Comma
            | Token::RParen
            | Token::RBracket
            | Token::Eq
            | Token::Neq
            | Token::Lt
            | Token::LtEq
            | Token::Gt
            | Token::GtEq
            | Token::Plus
            | Token::Minus
            | Token::Mul
            | Token::Div
            | Token::EOF
    )
}

fn is_semantics(word: &Word) -> bool {
    word.quote_style.is_none() && ["FINAL", "RUNNING"].iter().any(|known| word.value.eq_ignore_ascii_case(known))
}

/// `ARRAY<type>`, `MAP<type, type>`
fn angle_type(parser: &mut Parser) -> Result<DataType, ParserError> {
    parser.advance_token();
    parser.expect_token(&Token::Lt)?;
    parser.parse_comma_separated(Parser::parse_data_type)?;
    parser.expect_token(&Token::Gt)?;
    Ok(nested("ARRAY"))
}

/// A type whose inner types do not matter here.
fn nested(name: &str) -> DataType {
    DataType::Custom(ObjectName::from(vec![Ident::new(name)]), vec![TypeModifier::String("…".to_owned())])
}

/// `ROW(a bigint, b varchar)`, with names or without.
fn row_type(parser: &mut Parser) -> Result<DataType, ParserError> {
    parser.next_token();
    parser.expect_token(&Token::LParen)?;
    parser.parse_comma_separated(|parser| {
        let names_a_field = match parser.peek_tokens_ref() {
            [name, next] => {
                matches!(name.token, Token::Word(_))
                    && matches!(next.token, Token::Word(_))
                    && !is_two_words(&name.token, &next.token)
            }
        };
        if names_a_field {
            parser.parse_identifier()?;
        }
        parser.parse_data_type()
    })?;
    parser.expect_token(&Token::RParen)?;
    Ok(nested("ROW"))
}

/// The types of two words, which begin with no field's name.
fn is_two_words(first: &Token, second: &Token) -> bool {
    matches!(
        (first, second),
        (Token::Word(first), Token::Word(second)) if matches!(
            (first.keyword, second.keyword),
            (Keyword::DOUBLE, Keyword::PRECISION) | (Keyword::TIMESTAMP | Keyword::TIME, Keyword::WITH | Keyword::WITHOUT)
        )
    )
}
