//! "What does this statement do?" — one SQL text becomes its kind and the access that it needs, or is refused.
//!
//! Athena hands queries to Trino and table definitions to Hive, and neither is at hand here: so the text is read by
//! rules that hold for both. `lexer` takes only what Trino, Hive and this check cut into the same tokens. `nesting`
//! bounds how deep a tree can become. `grammar` knows the forms of Athena's statements; whatever is a query,
//! `UPDATE`, `DELETE` or `MERGE` is parsed by `sqlparser`, and `query` walks the whole tree. What one of them does not
//! understand is refused and never passed on: `docs/query-statements.md` lists what that costs.
//!
//! Nothing here has a clock, a socket or a log, and no error repeats a part of the query.

#[cfg(test)]
mod cases;
mod clauses;
mod definition;
mod dialect;
mod error;
mod grammar;
mod json;
mod kind;
mod lexer;
mod nesting;
mod query;
mod show;
mod tokens;
mod write;

use tokio::sync::{Semaphore, oneshot};

pub use error::{Position, StatementError};
pub use kind::{Access, Kind};

/// As much as Athena takes (`QueryString` has at most 262,144 bytes).
pub const MAX_QUERY_BYTES: usize = 256 * 1024;

/// What a statement was found to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    /// Its name for the audit line and the metrics.
    pub kind: Kind,
    /// What a client's scopes must allow.
    pub access: Access,
    /// Why a statement that reads needs more than [`Access::Read`].
    pub reason: Option<&'static str>,
}

/// Reads one statement.
///
/// # Errors
/// When the text is not exactly one statement that is understood to its end, or is one that nobody may run.
pub fn check(query: &str) -> Result<Checked, StatementError> {
    if query.len() > MAX_QUERY_BYTES {
        return Err(StatementError::TooLarge);
    }
    let (tokens, reading) = lexer::read(query)?;
    let statement = tokens::single_statement(tokens)?;
    nesting::check(&statement)?;
    let reason = query::reason_in_tokens(&statement);
    let mut checked = with_stack(statement.len(), || grammar::check(statement))?;
    if let Some(reason) = reason {
        query::raise(&mut checked, reason);
    }
    // Hive reads definitions alone: a query that only Hive would cut into these tokens is none for Trino.
    if reading == lexer::Reading::HiveAlone && checked.access < Access::Admin {
        return Err(StatementError::Invalid("has a string that is not closed: a backslash escapes nothing in it"));
    }
    Ok(checked)
}

/// Whether a statement that was checked before is a `SHOW` or a `DESCRIBE`: its first word tells.
pub(crate) fn is_list(query: &str) -> bool {
    let lists = ["SHOW", "DESCRIBE", "DESC"];
    lexer::first_word(query).is_some_and(|word| lists.iter().any(|list| word.eq_ignore_ascii_case(list)))
}

/// A text of this size is checked in less than a millisecond.
const SHORT_BYTES: usize = 8 * 1024;

/// Long texts are checked one after the other: the tree of each may take 100 MiB.
static LONG_TEXTS: Semaphore = Semaphore::const_new(1);

/// As [`check`], but no other request of this process waits for a text that takes long.
pub(crate) async fn check_beside(query: &str) -> Result<Checked, StatementError> {
    if query.len() <= SHORT_BYTES || query.len() > MAX_QUERY_BYTES {
        return check(query);
    }
    // Nobody closes it. The permit goes with the check, which goes on when its request has been given up.
    let permit = LONG_TEXTS.acquire().await;
    let (text, (report, checked)) = (query.to_owned(), oneshot::channel());
    let spawned = std::thread::Builder::new().spawn(move || {
        let _ = report.send(check(&text));
        drop(permit);
    });
    match spawned {
        Ok(_) => checked.await.unwrap_or(Err(StatementError::NotChecked)),
        Err(_) => Err(StatementError::NotChecked),
    }
}

/// So many tokens are a statement that a person may have written.
const FEW_TOKENS: usize = 2_000;

/// The bounds of [`nesting`] and of the parser's recursion keep optimised code within 1 MiB of stack. A stack that ends
/// nevertheless would end the whole process, so a long statement is checked on a stack that no text of this length can
/// fill. Without optimisation frames are ten times as large, so a build for tests always does that.
fn with_stack<T: Send>(
    tokens: usize,
    check: impl FnOnce() -> Result<T, StatementError> + Send,
) -> Result<T, StatementError> {
    if tokens <= FEW_TOKENS && !cfg!(debug_assertions) {
        return check();
    }
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(64 * 1024 * 1024);
        let checked = thread.spawn_scoped(scope, check).map(std::thread::ScopedJoinHandle::join);
        match checked {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(_) => Err(StatementError::NotChecked),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn access(query: &str) -> Access {
        check(query).unwrap_or_else(|error| panic!("{query}: {error}")).access
    }

    #[test]
    fn comments_and_one_semicolon_do_not_count() {
        assert_eq!(access("-- a\nSELECT 1 /* b; c */ ; -- d"), Access::Read);
        assert!(check("SELECT 1;;").is_err());
        assert!(check("SELECT 1; SELECT 2").is_err());
        assert!(check(" -- nothing\n").is_err());
        assert!(check("").is_err());
        assert!(check(";").is_err());
    }

    #[test]
    fn a_list_is_known_by_its_first_word() {
        for (query, expected) in [
            ("SHOW TABLES", true),
            ("-- a\n/* b */ desc t", true),
            ("Describe t", true),
            ("\r\n\tSHOW\nTABLES", true),
            ("SELECT 'SHOW'", false),
            ("(SELECT 1)", false),
            ("EXPLAIN SELECT 1", false),
            ("SHOWN", false),
            ("\"SHOW\"", false),
            ("/* open", false),
            ("", false),
        ] {
            assert_eq!(is_list(query), expected, "{query}");
            if let Ok(checked) = check(query) {
                assert_eq!(matches!(checked.kind, Kind::Show | Kind::Describe), expected, "{query}");
            }
        }
    }

    #[test]
    fn size_is_bounded() {
        let fits = format!("SELECT '{}'", "a".repeat(MAX_QUERY_BYTES - 9));
        assert_eq!(access(&fits), Access::Read);
        assert_eq!(check(&format!("{fits} ")), Err(StatementError::TooLarge));
        assert_eq!(access(&format!("SELECT {}1", "1,".repeat(24_999))), Access::Read);
        assert!(check(&format!("SELECT {}1", "1,".repeat(25_000))).is_err());
    }

    /// Long texts of one word each, and none is read once for each of its words. No machine takes minutes for what is
    /// linear, and what is quadratic takes them on each.
    #[test]
    fn time_is_bounded_by_length() {
        let words = [
            "TABLE.", "TABLE ", "TABLE(", "TABLE(a.", "on+", "then+", "a,", "a.", "(", "CASE ", "x->", "\"", "'',",
            "-", "/**/",
        ];
        let texts: Vec<_> =
            words.iter().map(|word| format!("SELECT {}a", word.repeat((MAX_QUERY_BYTES - 8) / word.len()))).collect();
        let (done, ended) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for text in &texts {
                let _ = check(text);
            }
            let _ = done.send(());
        });
        assert!(ended.recv_timeout(std::time::Duration::from_secs(120)).is_ok(), "a check takes minutes");
    }
}
