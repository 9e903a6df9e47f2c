//! Bounds the depth of the tree that a parser can build from some tokens, before one does.
//!
//! Parsing, walking and dropping a tree all take stack by its depth. Parentheses and `CASE` nest it, and so does each
//! operator of a chain: `1 + 1 + 1` is a sum of a sum. A comma ends a chain, for the items of a list are side by side.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::error::StatementError;

/// How many groups may lie in each other.
const MAX_GROUPS: usize = 64;
/// How long the chains of operators on one way from the root to a leaf may be, together.
const MAX_DEPTH: usize = 512;

/// How tight operators bind. A run of one strength is a chain that grows to the left; a weaker operator ends it, since
/// what stands on its two sides lies side by side. The last class never ends: prefixes nest to the right.
const CLASSES: usize = 7;
const PREFIX: usize = CLASSES - 1;

#[derive(Default)]
struct Group {
    closed_by: Option<Closer>,
    /// Of each class: the operators since a weaker one, and the longest run since the last comma. Class 0 outlives commas:
    /// `SELECT a, b UNION SELECT a, b` is a chain of unions, and no list of them.
    runs: [usize; CLASSES],
    longest: [usize; CLASSES],
    /// The deepest group since the last comma.
    inner: usize,
    /// The deepest item so far.
    deepest: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Closer {
    Parenthesis,
    Bracket,
    Brace,
    End,
}

impl Group {
    fn depth(&self) -> usize {
        self.longest.iter().sum::<usize>() + self.inner
    }

    fn end_item(&mut self) {
        self.deepest = self.deepest.max(self.depth());
        let unions = self.runs.first().copied().unwrap_or_default();
        (self.runs, self.longest, self.inner) = ([0; CLASSES], [0; CLASSES], 0);
        for counts in [&mut self.runs, &mut self.longest] {
            if let Some(first) = counts.first_mut() {
                *first = unions;
            }
        }
    }

    fn operator(&mut self, class: usize) {
        if let (Some(run), Some(longest)) = (self.runs.get_mut(class), self.longest.get_mut(class)) {
            *run += 1;
            *longest = (*longest).max(*run);
        }
        self.end_runs(class + 1);
    }

    fn end_runs(&mut self, from: usize) {
        if let Some(tighter) = self.runs.get_mut(from..PREFIX) {
            tighter.fill(0);
        }
    }
}

/// Refuses what nests too deep, and brackets that do not match.
pub(super) fn check(tokens: &[TokenWithSpan]) -> Result<(), StatementError> {
    const UNBALANCED: StatementError = StatementError::Invalid("has brackets that do not match");
    const TOO_DEEP: StatementError =
        StatementError::Invalid("is nested too deep: use fewer parentheses, `IN (…)`, or `WITH` for parts of it");
    let mut groups = vec![Group::default()];
    for (index, token) in tokens.iter().enumerate() {
        if let Some(closer) = closer(&token.token) {
            groups.push(Group { closed_by: Some(closer), ..Group::default() });
            if groups.len() > MAX_GROUPS {
                return Err(TOO_DEEP);
            }
            continue;
        }
        let is_nested = groups.len() > 1;
        let Some(group) = groups.last_mut() else { return Err(UNBALANCED) };
        match closed(&token.token) {
            // A column may be called `end` where Hive reads.
            Some(Closer::End) if group.closed_by != Some(Closer::End) => {}
            Some(closer) if group.closed_by == Some(closer) && is_nested => {
                group.end_item();
                let deepest = group.deepest;
                groups.pop();
                if let Some(outer) = groups.last_mut() {
                    outer.inner = outer.inner.max(deepest + 1);
                }
            }
            Some(_) => return Err(UNBALANCED),
            None if token.token == Token::Comma => group.end_item(),
            // Unions of queries are a chain across their clauses.
            None if begins_clause(tokens, index) => group.end_runs(1),
            None => {
                if let Some(class) = class(&token.token) {
                    group.operator(class);
                }
            }
        }
        if groups.last().is_some_and(|group| group.depth() > MAX_DEPTH) {
            return Err(TOO_DEEP);
        }
    }
    if groups.len() == 1 { Ok(()) } else { Err(UNBALANCED) }
}

fn closer(token: &Token) -> Option<Closer> {
    match token {
        Token::LParen => Some(Closer::Parenthesis),
        Token::LBracket => Some(Closer::Bracket),
        Token::LBrace => Some(Closer::Brace),
        Token::Word(word) if word.keyword == Keyword::CASE => Some(Closer::End),
        _ => None,
    }
}

fn closed(token: &Token) -> Option<Closer> {
    match token {
        Token::RParen => Some(Closer::Parenthesis),
        Token::RBracket => Some(Closer::Bracket),
        Token::RBrace => Some(Closer::Brace),
        Token::Word(word) if word.keyword == Keyword::END => Some(Closer::End),
        _ => None,
    }
}

/// Clauses lie side by side, whatever stands in them. The parser takes their words for names where an operand must stand
/// (`on + on`, `t.then`), and some of them are part of an operator: those begin nothing.
fn begins_clause(tokens: &[TokenWithSpan], index: usize) -> bool {
    let at = |index: Option<usize>| index.and_then(|index| tokens.get(index)).map(|token| &token.token);
    let keyword = |token: Option<&Token>| match token {
        Some(Token::Word(word)) => word.keyword,
        _ => Keyword::NoKeyword,
    };
    let (before, after) = (at(index.checked_sub(1)), at(Some(index + 1)));
    if before.is_some_and(|token| *token == Token::Period || class(token).is_some_and(|class| class > 0)) {
        return false;
    }
    match keyword(at(Some(index))) {
        // `WITHIN GROUP (ORDER BY …)` is a part of a call.
        Keyword::GROUP | Keyword::ORDER => keyword(after) == Keyword::BY,
        // `IS DISTINCT FROM` is an operator.
        Keyword::FROM => keyword(before) != Keyword::DISTINCT,
        Keyword::SELECT
        | Keyword::WHERE
        | Keyword::HAVING
        | Keyword::JOIN
        | Keyword::ON
        | Keyword::WHEN
        | Keyword::THEN
        | Keyword::ELSE => true,
        _ => false,
    }
}

/// The strength of an operator. What is not known to leave the depth alone counts as a prefix: names, literals and dots
/// do leave it, and so do the words that only connect clauses.
fn class(token: &Token) -> Option<usize> {
    match token {
        Token::Word(word) => match word.keyword {
            Keyword::UNION | Keyword::INTERSECT | Keyword::EXCEPT | Keyword::MINUS => Some(0),
            Keyword::OR | Keyword::XOR => Some(1),
            Keyword::AND => Some(2),
            Keyword::IS | Keyword::IN | Keyword::LIKE | Keyword::BETWEEN => Some(3),
            Keyword::NOT
            | Keyword::ILIKE
            | Keyword::RLIKE
            | Keyword::REGEXP
            | Keyword::SIMILAR
            | Keyword::MATCH
            | Keyword::MEMBER
            | Keyword::GLOB
            | Keyword::DIV
            | Keyword::OVERLAPS
            | Keyword::OPERATOR
            | Keyword::AT
            | Keyword::COLLATE
            | Keyword::INTERVAL
            | Keyword::PRIOR
            | Keyword::PIVOT
            | Keyword::UNPIVOT
            | Keyword::MATCH_RECOGNIZE => Some(PREFIX),
            _ => None,
        },
        Token::Eq | Token::Neq | Token::Lt | Token::LtEq | Token::Gt | Token::GtEq => Some(3),
        Token::Plus | Token::Minus | Token::StringConcat => Some(4),
        Token::Mul | Token::Div | Token::Mod => Some(5),
        Token::Number(..)
        | Token::SingleQuotedString(_)
        | Token::HexStringLiteral(_)
        | Token::Period
        | Token::Colon
        | Token::Comma
        | Token::SemiColon => None,
        _ => Some(PREFIX),
    }
}

#[cfg(test)]
mod tests {
    use super::super::check;

    #[test]
    fn lists_and_conditions_that_people_write_pass() {
        let ids = (0..10_000).map(|id| id.to_string()).collect::<Vec<_>>().join(", ");
        let conditions = (0..400).map(|id| format!("a = {id} AND b > {id}")).collect::<Vec<_>>().join(" OR ");
        let columns = (0..1_000).map(|id| format!("a + {id} AS c{id}")).collect::<Vec<_>>().join(", ");
        let joins =
            (0..200).map(|id| format!("JOIN t{id} ON t{id}.a = t.a AND t{id}.b = 1")).collect::<Vec<_>>().join(" ");
        let unions = vec!["SELECT a, b FROM t WHERE a = 1"; 300].join(" UNION ALL ");
        let bare_unions = vec!["SELECT a, b + 1 FROM t"; 300].join(" UNION ");
        let cases = format!(
            "SELECT {} FROM t",
            vec!["CASE WHEN a + b > 1 THEN -a + b WHEN a IS DISTINCT FROM b THEN 2 ELSE a * b END"; 300].join(", ")
        );
        let groups = vec!["SELECT a + b, sum(c) FROM t WHERE a > -1 GROUP BY a + b HAVING sum(c) > 1"; 200];
        let groups = format!("{} ORDER BY 1", groups.join(" UNION ALL "));
        for query in [
            format!("SELECT a FROM t WHERE a IN ({ids})"),
            format!("SELECT a FROM t WHERE {conditions}"),
            format!("SELECT {columns} FROM t"),
            format!("SELECT a FROM t {joins}"),
            unions,
            bare_unions,
            cases,
            groups,
        ] {
            assert!(check(&query).is_ok(), "{}", &query[..80]);
        }
    }

    #[test]
    fn whatever_nests_deeper_is_refused_and_no_stack_overflows() {
        let deep = 10_000;
        let chains = ["+", "-", "*", "||", "AND", "OR", "=", "IS NULL AND", "BETWEEN 1 AND", "LIKE", "NOT LIKE", "->"];
        let mut queries = chains.map(|operator| format!("SELECT {}1", format!("1 {operator} ").repeat(deep))).to_vec();
        let nests = [
            ("(", ")"),
            ("-", ""),
            ("NOT ", ""),
            ("ARRAY[", "]"),
            ("f(", ")"),
            ("CASE WHEN ", " THEN 1 END"),
            ("(SELECT ", ")"),
            ("a IN (", ")"),
            ("EXISTS (SELECT ", ")"),
            ("CAST(", " AS int)"),
            ("x -> ", ""),
            ("(x, y) -> ", ""),
            ("a[", "]"),
            ("+", ""),
            ("INTERVAL ", ""),
            ("{", "}"),
            ("CASE ", ""),
            ("f(a => ", ")"),
        ];
        for (open, close) in nests {
            queries.push(format!("SELECT {}1{}", open.repeat(deep), close.repeat(deep)));
            queries.push(format!("SELECT {}", open.repeat(deep)));
        }
        for (open, close) in [("(", ")"), ("(SELECT * FROM ", ")"), ("LATERAL (", ")"), ("TABLE(", ")")] {
            queries.push(format!("SELECT * FROM {}t{}", open.repeat(deep), close.repeat(deep)));
        }
        queries.push(format!("{}SELECT 1{}", "(".repeat(deep), ")".repeat(deep)));
        queries.push(format!("{}SELECT 1{}", "WITH a AS (".repeat(deep), ") SELECT 1".repeat(deep)));
        queries.push(format!("SELECT 1{}", " UNION ALL SELECT 1".repeat(deep)));
        queries.push(format!("SELECT CAST(1 AS {}int{})", "array<".repeat(deep), ">".repeat(deep)));
        queries.push(format!("SELECT CAST(1 AS {}int{})", "row(a ".repeat(deep), ")".repeat(deep)));
        queries.push(format!("SELECT a{}", "[1]".repeat(deep)));
        queries.push(format!("SELECT a{} FROM t", " AT TIME ZONE 'UTC'".repeat(deep)));
        queries.push(format!(
            "CREATE EXTERNAL TABLE t (a {}int{}) LOCATION 's3://b/'",
            "array<".repeat(deep),
            ">".repeat(deep)
        ));
        queries.push(format!("{}SELECT 1", "EXPLAIN ".repeat(deep)));
        // Words of clauses where the parser takes them for names, and unions between the items of lists.
        for word in ["on", "then", "else", "when", "from", "where", "having", "group", "order", "join", "select"] {
            queries.push(format!("SELECT {}a", format!("{word} + ").repeat(deep)));
            queries.push(format!("SELECT {}a", format!("t.{word} + ").repeat(deep)));
            queries.push(format!("SELECT {}a", format!("{word}.a + ").repeat(deep)));
            queries.push(format!("SELECT {}a", format!("f({word}) || ").repeat(deep)));
        }
        queries.push(format!("SELECT a, a{}", " UNION SELECT a, a".repeat(deep)));
        queries.push(format!("SELECT {}1", "array_agg(a) WITHIN GROUP (ORDER BY y) + ".repeat(deep)));
        queries.push(format!("SELECT {}1", "a IS DISTINCT FROM ".repeat(deep)));
        queries.push(format!("SELECT {}1", "a + b IS NOT DISTINCT FROM ".repeat(deep)));
        // A quarter of what a test's thread has by itself, and half of what one of the Lambda's has.
        let thread = std::thread::Builder::new().stack_size(1024 * 1024);
        let checked = thread.spawn(move || {
            for query in &queries {
                let verdict = check(query);
                assert!(verdict.is_err() || query.contains("[1]"), "{}", &query[..80]);
            }
        });
        checked.unwrap().join().unwrap();
    }
}
