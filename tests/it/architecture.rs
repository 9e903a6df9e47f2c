//! ARCHITECTURE.md as a test: who may depend on whom, how large a room may be, and what must be absent.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use tests::process::repository;

/// Package → those of ours that it may depend on. What is not listed here does not exist.
const EDGES: [(&str, &[&str]); 22] = [
    ("jwt", &[]),
    ("environment", &[]),
    ("roots", &[]),
    ("vending-api", &[]),
    ("aws-transport", &["environment", "roots"]),
    ("aws-calls", &["environment", "roots", "aws-transport"]),
    ("http-client", &["environment", "roots"]),
    ("http-server", &["environment"]),
    ("runtime-api", &["environment"]),
    ("audit", &["jwt"]),
    ("authenticate", &["jwt", "http-client", "environment"]),
    ("grant", &["jwt", "environment", "aws-calls", "vending-api"]),
    ("entrance", &["authenticate", "grant", "http-server", "runtime-api", "environment"]),
    ("vending-lambda", &["authenticate", "grant", "audit", "entrance", "vending-api", "environment", "aws-calls"]),
    ("query-lambda", &["authenticate", "grant", "audit", "entrance", "vending-api", "environment", "aws-calls"]),
    ("pypi-rotation", &["runtime-api", "http-client", "environment", "aws-calls"]),
    ("gateway", &["authenticate", "audit", "http-server", "http-client", "vending-api", "environment"]),
    ("manual-page", &[]),
    (
        "admin",
        &[
            "jwt",
            "authenticate",
            "grant",
            "audit",
            "vending-lambda",
            "http-client",
            "environment",
            "vending-api",
            "aws-transport",
            "roots",
            "manual-page",
        ],
    ),
    ("client", &["manual-page", "http-client", "http-server", "vending-api", "environment"]),
    ("s3", &["environment", "roots", "aws-transport"]),
    ("tests", &["jwt", "authenticate", "http-server", "vending-api", "query-lambda"]),
];

const MAX_FILE_LINES: usize = 400;
const MAX_FUNCTION_LINES: usize = 60;
/// More files than this that import each other in a circle cannot be understood one after the other.
const MAX_CIRCLE: usize = 8;

#[test]
fn every_package_is_known() {
    let manifest = std::fs::read_to_string(repository().join("Cargo.toml")).unwrap();
    let members = manifest.lines().find_map(|line| line.strip_prefix("members = [")).unwrap();
    let mut members: Vec<_> = members.split('"').skip(1).step_by(2).collect();
    let mut known: Vec<_> = EDGES.iter().map(|(package, _)| *package).collect();
    members.sort_unstable();
    known.sort_unstable();
    assert_eq!(members, known, "each package of the workspace has its edges in EDGES");
}

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
    for (path, text) in sources(&packages()) {
        let lines = code(&text).lines().count();
        assert!(lines <= MAX_FILE_LINES, "{} has {lines} lines before its tests", path.display());
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let vague = ["utils", "util", "helpers", "helper", "common", "types", "constants", "misc"];
        assert!(!vague.contains(&stem), "{} says nothing about what it holds", path.display());
    }
}

#[test]
fn functions_are_small() {
    for (path, text) in sources(&packages()) {
        for (name, lines) in function_lines(code(&text)) {
            assert!(lines <= MAX_FUNCTION_LINES, "{}: the function {name} has {lines} lines", path.display());
        }
    }
}

#[test]
fn no_import_circle_is_large() {
    for package in packages() {
        for circle in circles(&imports(package)) {
            assert!(circle.len() <= MAX_CIRCLE, "{package}: these modules import each other: {}", circle.join(", "));
        }
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
                "entrance/src/start.rs",
                "vending-lambda/src/handler.rs",
                "query-lambda/src/handler.rs",
                "pypi-rotation/src/main.rs",
                "admin/src/main.rs",
                "gateway/src/gateway.rs",
                "gateway/src/status.rs",
                "gateway/src/server.rs",
                "authenticate/src/trusted_issuers.rs",
                "environment/src/log.rs",
                "s3/src/response.rs",
                "client/src/timestamp.rs",
            ],
        ),
        ("env::var", &["environment/src/variables.rs"]),
        ("TcpStream::connect", &["gateway/src/upstream.rs"]),
        ("aws_smithy_http_client", &["aws-transport/src/client.rs"]),
        (
            "println!",
            &[
                "vending-lambda/src/main.rs",
                "query-lambda/src/main.rs",
                "pypi-rotation/src/main.rs",
                "gateway/src/main.rs",
            ],
        ),
        ("unsafe ", &[]),
        // A reader of variables notes what it finds through a shared reference.
        ("&mut Variables", &[]),
        ("todo!", &[]),
        ("unimplemented!", &[]),
    ]);
    for (path, text) in sources(&packages()) {
        let code = code(&text).lines().map(strip_comment).collect::<Vec<_>>().join("\n");
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
        let code = code(&text);
        for word in ["std::net", "std::fs", "std::env", "std::process", "tokio", "Instant", "async fn", "println!"] {
            assert!(!code.contains(word), "{} must not hold `{word}`", path.display());
        }
    }
}

/// All packages but `tests`, which holds what the rules below do not ask of production code.
fn packages() -> Vec<&'static str> {
    EDGES.iter().map(|(package, _)| *package).filter(|package| *package != "tests").collect()
}

/// What stands before a file's own tests.
fn code(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests").next().unwrap()
}

/// Name and length of each function, by rustfmt's layout: it ends with a brace as far to the right as it began.
fn function_lines(code: &str) -> Vec<(String, usize)> {
    let lines: Vec<_> = code.lines().collect();
    let mut found = Vec::new();
    for (first, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let indent = &line[..line.len() - line.trim_start().len()];
        let end = format!("{indent}}}");
        let length = lines[first..].iter().position(|line| *line == end).map_or(1, |last| last + 1);
        // `fn name() {}` and a function without a body end on a line of their own.
        let ends_here = line.ends_with('}') || line.ends_with(';');
        found.push((name.to_owned(), if ends_here { 1 } else { length }));
    }
    found
}

fn function_name(line: &str) -> Option<&str> {
    let mut rest = line.trim_start();
    for modifier in ["pub(crate) ", "pub(super) ", "pub ", "const ", "async ", "extern \"C\" "] {
        rest = rest.strip_prefix(modifier).unwrap_or(rest);
    }
    let name = rest.strip_prefix("fn ")?;
    Some(&name[..name.find(['(', '<']).unwrap_or(name.len())])
}

/// Module → the modules of the same package that its file names.
fn imports(package: &str) -> BTreeMap<String, BTreeSet<String>> {
    let files: BTreeMap<String, String> = sources(&[package])
        .into_iter()
        .map(|(path, text)| {
            let path = path.strip_prefix(Path::new(package).join("src")).unwrap().with_extension("");
            let mut parts: Vec<_> = path.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
            parts.pop_if(|last| ["mod", "lib", "main"].contains(&last.as_str()));
            (parts.join("::"), code(&text).lines().map(strip_comment).collect::<Vec<_>>().join("\n"))
        })
        .collect();
    let named = |module: &String, text: &String| {
        let paths = paths(module, text);
        paths.iter().filter_map(|path| file_of(path, &files)).filter(|other| other != module).collect()
    };
    files.iter().map(|(module, text)| (module.clone(), named(module, text))).collect()
}

/// The paths below `crate`, `super` and `self` that a module names, from the package's root.
fn paths(module: &str, text: &str) -> Vec<Vec<String>> {
    let words = text.split(|letter: char| !(letter.is_alphanumeric() || letter == '_' || letter == ':'));
    words
        .filter(|word| word.contains("::"))
        .filter_map(|word| {
            let mut base: Vec<String> = module.split("::").map(str::to_owned).collect();
            let mut parts = word.split("::").peekable();
            match parts.next()? {
                "crate" => base.clear(),
                "self" => {}
                "super" => {
                    base.pop();
                    while parts.next_if_eq(&"super").is_some() {
                        base.pop();
                    }
                }
                _ => return None,
            }
            base.extend(parts.map(str::to_owned));
            Some(base)
        })
        .collect()
}

/// The longest beginning of a path that is a file.
fn file_of(path: &[String], files: &BTreeMap<String, String>) -> Option<String> {
    (1..=path.len()).rev().map(|length| path[..length].join("::")).find(|module| files.contains_key(module))
}

/// Modules that reach each other.
fn circles(imports: &BTreeMap<String, BTreeSet<String>>) -> Vec<Vec<String>> {
    let reach: BTreeMap<&String, BTreeSet<&String>> =
        imports.keys().map(|module| (module, reached(module, imports))).collect();
    let mut circles: Vec<Vec<String>> = Vec::new();
    for module in imports.keys() {
        if circles.iter().flatten().any(|known| known == module) {
            continue;
        }
        let circle: Vec<_> = reach[module]
            .iter()
            .filter(|other| reach[**other].contains(module))
            .map(|other| (*other).clone())
            .collect();
        if circle.len() > 1 {
            circles.push(circle);
        }
    }
    circles
}

fn reached<'a>(from: &'a String, imports: &'a BTreeMap<String, BTreeSet<String>>) -> BTreeSet<&'a String> {
    let mut reached = BTreeSet::new();
    let mut next = vec![from];
    while let Some(module) = next.pop() {
        for other in &imports[module] {
            if reached.insert(other) {
                next.push(other);
            }
        }
    }
    reached
}

/// The rules above must be able to fail.
#[test]
fn long_functions_and_circles_are_found() {
    let long = format!(
        "impl X {{\n    pub(crate) async fn long<T>(\n        a: T,\n    ) {{\n{}    }}\n}}\nfn short() {{}}\n",
        "        a();\n".repeat(60)
    );
    assert_eq!(function_lines(&long), [("long".to_owned(), 64), ("short".to_owned(), 1)]);
    let text = "use super::b::B;\nuse crate::c;\nfn f() { self::d::e::g(); std::fs::read(p); }";
    let expected = [vec!["a", "b", "B"], vec!["c"], vec!["a", "x", "d", "e", "g"]];
    assert_eq!(paths("a::x", text), expected);
    let edges = [("a", vec!["b"]), ("b", vec!["c"]), ("c", vec!["a", "d"]), ("d", vec![])];
    let imports = edges.map(|(from, to)| (from.to_owned(), to.into_iter().map(str::to_owned).collect()));
    assert_eq!(circles(&BTreeMap::from(imports)), [["a", "b", "c"]]);
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
