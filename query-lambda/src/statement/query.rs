//! Queries, and the statements that sqlparser reads whole: parsed, and every node of the tree looked at.

#![expect(clippy::redundant_closure_for_method_calls, reason = "the methods serve one lifetime of a parser, not all")]

use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, Function, ObjectName, ObjectNamePart, Query, Select, SetExpr, Statement, TableFactor, Value, ValueWithSpan,
    Visit, Visitor,
};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, TokenWithSpan, Word};

use super::dialect::Athena;
use super::error::{Position, StatementError};
use super::grammar::begins_query;
use super::{Access, Checked, Kind};

/// What sqlparser may recurse to. A level takes up to 18 KiB of stack.
const MAX_RECURSION: usize = 40;
/// The catalog that every account has, and what a data lake of its own calls its catalogs.
const OWN_CATALOG: &str = "awsdatacatalog";
const TABLE_BUCKETS: &str = "s3tablescatalog/";

const OWN_FUNCTIONS: [&str; 2] = ["sequence", "exclude_columns"];

/// Reserved in Trino: no name without quotes.
const CHANGE_WORDS: [Keyword; 8] = [
    Keyword::ALTER,
    Keyword::CREATE,
    Keyword::DELETE,
    Keyword::DROP,
    Keyword::EXECUTE,
    Keyword::INSERT,
    Keyword::INTO,
    Keyword::PREPARE,
];

pub(super) const EXTERNAL_FUNCTION: &str = "it calls an external function";
const FEDERATED: &str = "it names a catalog other than AwsDataCatalog";
const TABLE_FUNCTION: &str = "it calls a table function that may carry a query of its own";

/// A query that stands at the end of a statement, or is one.
pub(super) fn query(tokens: Vec<TokenWithSpan>) -> Result<Checked, StatementError> {
    let begins_change = tokens.iter().any(|token| CHANGE_WORDS.contains(&keyword(token)));
    let query = parse(tokens, |parser| parser.parse_query())?;
    let checked = walk(&*query)?.raise(Kind::Select);
    // sqlparser takes them for names, too: `SELECT INTO u FROM t` has a column `INTO` for it.
    if begins_change && checked.kind == Kind::Select {
        return Err(StatementError::Invalid(
            "has a word of a statement that changes something: put quotes around a name",
        ));
    }
    Ok(checked)
}

/// `UPDATE`, `DELETE` or `MERGE`.
pub(super) fn change(tokens: Vec<TokenWithSpan>) -> Result<Checked, StatementError> {
    let statement = parse(tokens, |parser| parser.parse_statement())?;
    let kind = change_kind(&statement).ok_or(StatementError::Invalid("is not understood"))?;
    let found = walk(&statement)?;
    Ok(found.raise(kind))
}

/// The condition of `OPTIMIZE … WHERE`.
pub(super) fn condition(tokens: Vec<TokenWithSpan>) -> Result<(), StatementError> {
    let expression = parse(tokens, |parser| parser.parse_expr())?;
    walk(&expression).map(|_| ())
}

/// Why a statement with such tokens does more than read, wherever they stand and however they are parsed.
pub(super) fn reason_in_tokens(tokens: &[TokenWithSpan]) -> Option<&'static str> {
    let keyword_after = |index: usize| tokens.get(index + 1).map(keyword);
    tokens.iter().enumerate().find_map(|(index, token)| match &token.token {
        Token::Word(Word { quote_style: Some(_), value, .. }) if names_a_lambda(value) => Some(FEDERATED),
        Token::Word(Word { keyword: Keyword::EXTERNAL, .. }) if keyword_after(index) == Some(Keyword::FUNCTION) => {
            Some(EXTERNAL_FUNCTION)
        }
        Token::Word(Word { keyword: Keyword::TABLE, .. }) => argument_of_table(tokens.get(index + 1..)?),
        _ => None,
    })
}

/// A name of a table or a function has at most three parts.
const MAX_NAME_TOKENS: usize = 5;

/// What stands in the parentheses after `TABLE`. A call is a table function wherever it stands, `TABLE(name.name(…))`; a
/// table as an argument, `TABLE(name.name.name)`, is one that is read, though sqlparser takes it for a column.
fn argument_of_table(tokens: &[TokenWithSpan]) -> Option<&'static str> {
    let [open, inside @ ..] = tokens else { return None };
    if open.token != Token::LParen || inside.first().is_some_and(|token| begins_query(&token.token)) {
        return None;
    }
    // Bounded, so that a long run of names is not read once for each `TABLE` in it.
    let is_name = |token: &&TokenWithSpan| matches!(token.token, Token::Word(_) | Token::Period);
    let name = inside.get(..inside.iter().take(MAX_NAME_TOKENS + 1).take_while(is_name).count())?;
    let first = name.first().and_then(|token| match &token.token {
        Token::Word(word) => Some(word),
        _ => None,
    })?;
    match inside.get(name.len()).map(|token| &token.token) {
        _ if name.len() > MAX_NAME_TOKENS => Some(TABLE_FUNCTION),
        Some(Token::LParen) => {
            let is_own = name.len() == 1
                && first.quote_style.is_none()
                && OWN_FUNCTIONS.iter().any(|own| first.value.eq_ignore_ascii_case(own));
            (!is_own).then_some(TABLE_FUNCTION)
        }
        _ => (name.len() == MAX_NAME_TOKENS && is_federated(&first.value)).then_some(FEDERATED),
    }
}

const fn keyword(token: &TokenWithSpan) -> Keyword {
    match &token.token {
        Token::Word(word) => word.keyword,
        _ => Keyword::NoKeyword,
    }
}

/// Raises a statement that reads to one that needs [`Access::Write`].
pub(super) fn raise(checked: &mut Checked, reason: &'static str) {
    if checked.access < Access::Write {
        checked.access = Access::Write;
        checked.reason = Some(reason);
    }
}

fn names_a_lambda(identifier: &str) -> bool {
    identifier.trim_start().get(..7).is_some_and(|start| start.eq_ignore_ascii_case("lambda:"))
}

/// Whether a catalog of this name is more than tables of the account: a federated one is a Lambda function that gets
/// the query, and nothing in a name tells it from a registered Glue catalog.
pub(super) fn is_federated(catalog: &str) -> bool {
    let own = catalog.eq_ignore_ascii_case(OWN_CATALOG)
        || catalog.get(..TABLE_BUCKETS.len()).is_some_and(|start| start.eq_ignore_ascii_case(TABLE_BUCKETS));
    !own
}

/// Raises `checked` when `name` has a catalog before its last `own_parts` parts, and that catalog is federated.
pub(super) fn raise_for_catalog(checked: &mut Checked, name: &[&str], own_parts: usize) {
    if name.len() > own_parts && name.first().is_some_and(|catalog| is_federated(catalog)) {
        raise(checked, FEDERATED);
    }
}

fn change_kind(statement: &Statement) -> Option<Kind> {
    match statement {
        Statement::Insert(_) => Some(Kind::Insert),
        Statement::Update(_) => Some(Kind::Update),
        Statement::Delete(_) => Some(Kind::Delete),
        Statement::Merge(_) => Some(Kind::Merge),
        _ => None,
    }
}

fn parse<T>(
    mut tokens: Vec<TokenWithSpan>,
    read: impl FnOnce(&mut Parser) -> Result<T, ParserError>,
) -> Result<T, StatementError> {
    name_versions_alike(&mut tokens);
    let dialect = Athena::for_tokens(tokens.len());
    let mut parser = Parser::new(&dialect).with_recursion_limit(MAX_RECURSION).with_tokens_with_locations(tokens);
    let tree = read(&mut parser).map_err(|error| refusal(&error))?;
    let left = parser.peek_token_ref();
    match left.token {
        Token::EOF => Ok(tree),
        _ => {
            let start = left.span.start;
            Err(StatementError::InvalidAt("is not understood", Position { line: start.line, column: start.column }))
        }
    }
}

/// Trino's `FOR TIMESTAMP AS OF` and `FOR VERSION AS OF` become what sqlparser knows, `FOR SYSTEM_TIME AS OF`.
fn name_versions_alike(tokens: &mut [TokenWithSpan]) {
    let points: Vec<_> = tokens
        .windows(4)
        .enumerate()
        .filter(|(_, window)| {
            matches!(
                window,
                [first, point, third, fourth]
                    if keyword(first) == Keyword::FOR
                        && matches!(keyword(point), Keyword::TIMESTAMP | Keyword::VERSION)
                        && keyword(third) == Keyword::AS
                        && keyword(fourth) == Keyword::OF
            )
        })
        .map(|(index, _)| index + 1)
        .collect();
    for point in points {
        if let Some(token) = tokens.get_mut(point) {
            token.token = Token::make_word("SYSTEM_TIME", None);
        }
    }
}

/// sqlparser's message quotes the token that it did not expect, which may be anybody's secret: only its place is kept.
fn refusal(error: &ParserError) -> StatementError {
    let message = match error {
        ParserError::RecursionLimitExceeded => {
            return StatementError::Invalid("is nested too deep: use `WITH` for parts of it");
        }
        ParserError::ParserError(message) | ParserError::TokenizerError(message) => message,
    };
    let position = message.rsplit_once(" at Line: ").and_then(|(_, place)| {
        let (line, column) = place.split_once(", Column: ")?;
        Some(Position { line: line.parse().ok()?, column: column.parse().ok()? })
    });
    match position {
        Some(position) if position.line > 0 => StatementError::InvalidAt("is not understood", position),
        _ => StatementError::Invalid("is not understood"),
    }
}

/// What the walk has found: the statement in a query's body, and why reading is not enough.
#[derive(Default)]
struct Found {
    body: Option<Kind>,
    reason: Option<&'static str>,
}

impl Found {
    fn raise(self, kind: Kind) -> Checked {
        let kind = self.body.unwrap_or(kind);
        let mut checked = Checked { kind, access: kind.access(), reason: None };
        if let Some(reason) = self.reason {
            raise(&mut checked, reason);
        }
        checked
    }
}

fn walk(tree: &impl Visit) -> Result<Found, StatementError> {
    let mut found = Found::default();
    match tree.visit(&mut found) {
        ControlFlow::Continue(()) => Ok(found),
        ControlFlow::Break(error) => Err(error),
    }
}

impl Visitor for Found {
    type Break = StatementError;

    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<StatementError> {
        match change_kind(statement) {
            Some(kind) => {
                self.body = self.body.or(Some(kind));
                ControlFlow::Continue(())
            }
            None => ControlFlow::Break(StatementError::Invalid("has a statement inside a query")),
        }
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<StatementError> {
        self.body = self.body.or(match *query.body {
            SetExpr::Insert(_) => Some(Kind::Insert),
            SetExpr::Update(_) => Some(Kind::Update),
            SetExpr::Delete(_) => Some(Kind::Delete),
            SetExpr::Merge(_) => Some(Kind::Merge),
            SetExpr::Select(_)
            | SetExpr::Query(_)
            | SetExpr::SetOperation { .. }
            | SetExpr::Values(_)
            | SetExpr::Table(_) => None,
        });
        if query.locks.is_empty() && query.for_clause.is_none() {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(StatementError::Invalid("has a `FOR` clause that Athena does not know"))
        }
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<StatementError> {
        if select.into.is_some() {
            return ControlFlow::Break(StatementError::NeverAllowed("SELECT INTO"));
        }
        if !select.lateral_views.is_empty() {
            return ControlFlow::Break(StatementError::Invalid("has `LATERAL VIEW`: write `CROSS JOIN UNNEST(…)`"));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<StatementError> {
        let is_function = match factor {
            TableFactor::Table { name, args, .. } => args.is_some() && !is_unnest(name),
            TableFactor::TableFunction { expr, .. } => !is_own_function(expr),
            TableFactor::Function { .. } => true,
            _ => false,
        };
        if is_function {
            self.reason = Some(TABLE_FUNCTION);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<StatementError> {
        let federated = match relation.0.as_slice() {
            [_] | [_, _] => false,
            [ObjectNamePart::Identifier(catalog), ..] => is_federated(&catalog.value),
            _ => true,
        };
        if federated {
            self.reason = Some(FEDERATED);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_value(&mut self, value: &ValueWithSpan) -> ControlFlow<StatementError> {
        match value.value {
            Value::Placeholder(_) => {
                ControlFlow::Break(StatementError::Invalid("has a `?`: parameters are not supported"))
            }
            _ => ControlFlow::Continue(()),
        }
    }
}

fn is_unnest(name: &ObjectName) -> bool {
    is_named(name, "unnest")
}

/// Trino's own table functions, which take tables and numbers.
fn is_own_function(expression: &Expr) -> bool {
    matches!(expression, Expr::Function(Function { name, .. }) if OWN_FUNCTIONS.iter().any(|own| is_named(name, own)))
}

fn is_named(name: &ObjectName, expected: &str) -> bool {
    matches!(
        name.0.as_slice(),
        [ObjectNamePart::Identifier(function)]
            if function.quote_style.is_none() && function.value.eq_ignore_ascii_case(expected)
    )
}
