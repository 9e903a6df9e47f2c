//! The query API's verdicts beside sqlglot's, which nobody here wrote: what the API takes for a read is no write for it.

use std::path::Path;
use std::process::{Command, Stdio};

use query_lambda::statement::{Access, check};
use tests::process::repository;

/// Enough to splice each case with some others; the check refuses nine of ten.
const MUTATIONS: usize = 20_000;

/// The queries of `tests/cases/query-statement`.
fn cases() -> Vec<String> {
    let folder = repository().join("tests/cases/query-statement");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "sql"));
    files.sort();
    files.iter().flat_map(|path| cases_of(path)).collect()
}

fn cases_of(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    text.split("### ").skip(1).map(|case| case.split_once('\n').unwrap().1.trim().to_owned()).collect()
}

/// The same numbers in each run, so that a difference can be looked into.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// Words, blanks and signs, so that a mutation is often a query again.
fn pieces(query: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = query;
    while let Some(first) = rest.chars().next() {
        let is_word = |character: char| character.is_alphanumeric() || character == '_';
        let length =
            if is_word(first) { rest.find(|next| !is_word(next)).unwrap_or(rest.len()) } else { first.len_utf8() };
        let (piece, after) = rest.split_at(length);
        pieces.push(piece);
        rest = after;
    }
    pieces
}

fn mutations(cases: &[String]) -> Vec<String> {
    const INSERTED: [&str; 24] = [
        "INSERT", "INTO", "DELETE", "FROM", "UPDATE", "DROP", "TABLE", ";", "--", "/*", "*/", "(", ")", "WITH", "AS",
        "EXPLAIN", "ANALYZE", "MERGE", "SET", "\"", "'", "\\", "SELECT", "CREATE",
    ];
    let mut numbers = Numbers(7);
    let pieces: Vec<_> = cases.iter().map(|case| pieces(case)).filter(|pieces| !pieces.is_empty()).collect();
    let mutate = |_| {
        let mut one = numbers.one_of(&pieces).clone();
        let other = numbers.one_of(&pieces);
        let at = numbers.below(one.len());
        match numbers.below(4) {
            0 => drop(one.remove(at)),
            1 => drop(one.splice(at..at, [" ", *numbers.one_of(&INSERTED), " "])),
            2 => drop(one.splice(at.., other[numbers.below(other.len())..].iter().copied())),
            _ => drop(one.splice(at..at, other.iter().copied())),
        }
        one.concat()
    };
    (0..MUTATIONS).map(mutate).collect()
}

#[test]
fn nothing_that_reads_is_a_write_for_sqlglot() {
    let python = repository().join(".tools/sqlglot/bin/python");
    assert!(python.exists(), "{} is missing: run scripts/setup --sqlglot", python.display());
    let cases = cases();
    let mutations = mutations(&cases);
    let reads: Vec<_> = cases
        .iter()
        .chain(&mutations)
        .filter(|query| check(query).is_ok_and(|checked| checked.access == Access::Read))
        .map(|query| serde_json::to_string(query).unwrap())
        .collect();
    assert!(reads.len() > 1_000, "only {} reads", reads.len());
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("reads.jsonl");
    std::fs::write(&input, reads.join("\n")).unwrap();
    let output = Command::new(python)
        .arg(repository().join("tests/query-statement/second_opinion.py"))
        .stdin(Stdio::from(std::fs::File::open(&input).unwrap()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "sqlglot takes these for more than reads");
    assert!(String::from_utf8_lossy(&output.stderr).contains(&format!("{} queries", reads.len())));
}
