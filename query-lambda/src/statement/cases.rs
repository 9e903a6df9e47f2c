//! `tests/cases/query-statement`, and what must hold for every case there.

use std::path::{Path, PathBuf};

use super::{StatementError, check};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/cases/query-statement")
}

/// Query and verdict of each case in the `.sql` files.
fn cases() -> Vec<(String, String)> {
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "sql") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for case in text.split("### ").skip(1) {
            let (verdict, query) = case.split_once('\n').unwrap();
            let verdict = verdict.split('#').next().unwrap().trim();
            cases.push((query.to_owned(), verdict.to_owned()));
        }
    }
    assert!(cases.len() > 250, "only {} cases", cases.len());
    cases
}

fn verdict(query: &str) -> String {
    match check(query) {
        Ok(checked) => format!("{} {}", checked.access.name(), checked.kind.name()),
        Err(StatementError::NeverAllowed(_)) => "never".to_owned(),
        Err(_) => "invalid".to_owned(),
    }
}

#[test]
fn every_case_has_its_verdict() {
    let wrong: Vec<_> = cases()
        .into_iter()
        .map(|(query, expected)| (verdict(&query), query, expected))
        .filter(|(found, _, expected)| found != expected)
        .map(|(found, query, expected)| format!("{expected} was expected, {found} found: {query}{:?}", check(&query)))
        .collect();
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn blanks_and_comments_change_nothing() {
    for (query, expected) in cases() {
        if expected == "invalid" {
            continue;
        }
        for variant in [
            format!("{query} -- ,"),
            format!("/* , */ {query}"),
            format!("{query}/**/"),
            format!("\r\n\t{query}"),
            query.replace(' ', "\n"),
            query.to_ascii_lowercase(),
        ] {
            // What stands in literals and comments may change with blanks and case, but never what the statement is.
            assert!([expected.as_str(), "invalid"].contains(&verdict(&variant).as_str()), "{variant}");
        }
        for tail in ["; SELECT 1", "; DROP TABLE t", " DROP TABLE t", ")", "'", " /* ", "\0"] {
            let text = format!("{}\n{tail}", query.trim_end());
            let found = verdict(&text);
            // `SHOW CREATE TABLE t` takes no more words; an alias may be called anything.
            assert!(found == "invalid" || found == "never" && expected == "never", "{found}: {text}");
        }
    }
}

#[test]
fn odd_characters() {
    let text = std::fs::read_to_string(folder().join("odd-characters.json")).unwrap();
    let cases: Vec<(String, String)> = serde_json::from_str(&text).unwrap();
    for (query, expected) in cases {
        assert_eq!(verdict(&query), expected, "{query:?}: {:?}", check(&query));
    }
}

/// Every prefix of every case, and every case with one token gone: no panic, and never more than one statement.
#[test]
fn pieces_of_cases_never_panic() {
    for (query, _) in cases() {
        for (index, _) in query.char_indices().step_by(3) {
            let (before, after) = query.split_at(index);
            let _ = (check(before), check(after));
        }
    }
}
