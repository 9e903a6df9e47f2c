//! ARCHITECTURE.md as a test: who may depend on whom, how large a room may be, and what must be absent.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tests::process::repository;

/// Package → those of ours that it may depend on. What is not listed here does not exist.
const EDGES: [(&str, &[&str]); 13] = [
    ("jwt", &[]),
    ("environment", &[]),
    ("roots", &[]),
    ("vending-api", &[]),
    ("http-client", &["environment", "roots"]),
    ("http-server", &["environment"]),
    ("audit", &["jwt"]),
    ("authenticate", &["jwt", "http-client", "environment"]),
    ("grant", &["jwt", "environment", "roots", "vending-api"]),
    ("vending-lambda", &["authenticate", "grant", "audit", "http-server", "vending-api", "environment"]),
    ("client", &["http-client", "http-server", "vending-api", "environment"]),
    ("s3", &["environment", "roots"]),
    ("tests", &["jwt", "authenticate", "vending-api"]),
];

/// All but `tests`.
const PACKAGES: [&str; 12] = [
    "jwt",
    "environment",
    "roots",
    "vending-api",
    "http-client",
    "http-server",
    "authenticate",
    "grant",
    "audit",
    "vending-lambda",
    "client",
    "s3",
];

const MAX_FILE_LINES: usize = 400;

#[test]
fn dependencies_between_packages() {
    for (package, allowed) in EDGES {
        let manifest = std::fs::read_to_string(repository().join(package).join("Cargo.toml")).unwrap();
        for (other, _) in EDGES {
            let depends = manifest.lines().any(|line| {
                line.strip_prefix(other).is_some_and(|rest| rest.starts_with('.') || rest.trim_start().starts_with('='))
            });
            assert!(!depends || allowed.contains(&other), "{package} must not depend on {other}");
        }
    }
}

#[test]
fn files_are_small_and_named_after_what_they_hold() {
    for (path, text) in sources(&PACKAGES) {
        let lines = text.lines().take_while(|line| *line != "#[cfg(test)]").count();
        assert!(lines <= MAX_FILE_LINES, "{} has {lines} lines before its tests", path.display());
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let vague = ["utils", "util", "helpers", "helper", "common", "types", "constants", "misc"];
        assert!(!vague.contains(&stem), "{} says nothing about what it holds", path.display());
    }
}

/// Word → the only places it may stand in.
#[test]
fn absences() {
    let only_in: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("jsonwebtoken::", &["jwt/src/signature.rs"][..]),
        ("reqwest::", &["http-client/src/"]),
        (
            "SystemTime::now()",
            &[
                "vending-lambda/src/main.rs",
                "vending-lambda/src/handler.rs",
                "authenticate/src/trusted_issuers.rs",
                "environment/src/log.rs",
                "s3/src/response.rs",
                "client/src/",
            ],
        ),
        ("env::var", &["environment/src/variables.rs"]),
        ("TcpStream::connect", &[]),
        ("println!", &["vending-lambda/src/main.rs", "client/src/"]),
        ("unsafe ", &[]),
        ("todo!", &[]),
        ("unimplemented!", &[]),
    ]);
    for (path, text) in sources(&PACKAGES) {
        let code: String =
            text.split("#[cfg(test)]").next().unwrap().lines().map(strip_comment).collect::<Vec<_>>().join("\n");
        for (word, places) in &only_in {
            let place = path.to_str().unwrap();
            let allowed = places.iter().any(|allowed| place.starts_with(allowed));
            assert!(allowed || !code.contains(word), "{place} must not hold `{word}`");
        }
    }
}

#[test]
fn jwt_is_pure() {
    for (path, text) in sources(&["jwt"]) {
        let code = text.split("#[cfg(test)]").next().unwrap();
        for word in ["std::net", "std::fs", "std::env", "std::process", "tokio", "Instant", "async fn", "println!"] {
            assert!(!code.contains(word), "{} must not hold `{word}`", path.display());
        }
    }
}

fn strip_comment(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

/// All Rust sources of these packages, by path relative to the repository.
fn sources(packages: &[&str]) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for package in packages {
        collect(&repository().join(package).join("src"), &mut found);
    }
    assert!(!found.is_empty());
    found
}

fn collect(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push((path.strip_prefix(repository()).unwrap().to_owned(), text));
        }
    }
}
