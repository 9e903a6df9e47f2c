//! Which configuration files a shipper's command line leads to.

use std::collections::HashSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use super::start::Start;
use super::{Shipper, text_file, unit};

/// A longer one is not a configuration that a person wrote.
const MAX_FILES: usize = 1000;
const EXTENSIONS: [&str; 5] = ["yaml", "yml", "toml", "json", "conf"];

/// The files that are read, in the order in which the shipper is told of them. A file that is not there is among them
/// where it is named, and not where a pattern or a folder is.
pub(super) fn files(shipper: Shipper, start: &Start) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for path in named(shipper, start) {
        files.extend(expanded(&start.directory.join(path)));
    }
    if shipper == Shipper::FluentBit { with_includes(files) } else { files }
}

/// Fluent Bit's files, each followed by those that it includes.
pub(super) fn with_includes(files: Vec<PathBuf>) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = Vec::new();
    let mut known = HashSet::new();
    let mut waiting = files;
    waiting.reverse();
    while let Some(path) = waiting.pop() {
        if all.len() == MAX_FILES || !known.insert(path.canonicalize().unwrap_or_else(|_| path.clone())) {
            continue;
        }
        let folder = path.parent().unwrap_or(Path::new("/")).to_owned();
        let text = text_file::read(&path).unwrap_or_default();
        let included = includes(&text).into_iter().rev().flat_map(|name| expanded(&folder.join(name)));
        waiting.extend(included);
        all.push(path);
    }
    all
}

fn named(shipper: Shipper, start: &Start) -> Vec<String> {
    // `sh -c 'exec vector --config …'`
    let is_shell = start.words.first().is_some_and(|word| word.ends_with("sh"));
    let words = match start.words.iter().position(|word| word == "-c").filter(|_| is_shell) {
        Some(at) => start.words.get(at + 1).map(|line| unit::words(line)).unwrap_or_default(),
        None => start.words.clone(),
    };
    let variable = |name: &str| start.variables.get(name).filter(|value| !value.is_empty());
    match shipper {
        Shipper::Vector => {
            let options = ["--config", "-c", "--config-yaml", "--config-toml", "--config-json", "--config-dir", "-C"];
            let mut named = values(&words, &options);
            for name in ["", "_YAML", "_TOML", "_JSON", "_DIR"] {
                named.extend(variable(&format!("VECTOR_CONFIG{name}")).cloned());
            }
            let named: Vec<String> = named.iter().flat_map(|value| value.split(',')).map(str::to_owned).collect();
            if named.is_empty() { vec!["/etc/vector/vector.yaml".to_owned()] } else { named }
        }
        // Without this option the pipeline is in the command line.
        Shipper::FluentBit => values(&words, &["--config", "-c"]),
        Shipper::Logstash => {
            let named = values(&words, &["--path.config", "-f"]);
            if !named.is_empty() {
                return named;
            }
            let settings = values(&words, &["--path.settings"]).pop().unwrap_or_else(|| "/etc/logstash".to_owned());
            pipelines(&start.directory.join(settings))
        }
    }
}

/// Of options that take a value: `--option value`, `--option=value`; of one letter also `-xvalue`.
fn values(words: &[String], options: &[&str]) -> Vec<String> {
    let mut values = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if options.contains(&word.as_str()) {
            values.extend(words.next().cloned());
        } else if let Some((name, value)) = word.split_once('=').filter(|(name, _)| name.starts_with("--")) {
            values.extend(options.contains(&name).then(|| value.to_owned()));
        } else if !word.starts_with("--") {
            values.extend(
                options
                    .iter()
                    .filter(|name| name.len() == 2)
                    .find_map(|name| word.strip_prefix(name))
                    .map(str::to_owned),
            );
        }
    }
    values
}

/// Logstash's `pipelines.yml`, or else `logstash.yml`, says where its pipelines are.
fn pipelines(settings: &Path) -> Vec<String> {
    let of = |name: &str| {
        let text = text_file::read(&settings.join(name)).unwrap_or_default();
        let lines = text.lines().map(|line| line.trim_start().trim_start_matches("- "));
        let paths = lines.filter_map(|line| line.strip_prefix("path.config:"));
        paths.map(|path| path.trim().trim_matches(['"', '\'']).to_owned()).collect::<Vec<_>>()
    };
    let found = ["pipelines.yml", "logstash.yml"].iter().map(|name| of(name)).find(|paths| !paths.is_empty());
    found.unwrap_or_else(|| vec!["/etc/logstash/conf.d/*.conf".to_owned()])
}

/// `@INCLUDE path` of the classic format, and YAML's list `includes`.
fn includes(text: &str) -> Vec<String> {
    let unquoted = |path: &str| path.trim().trim_matches(['"', '\'']).to_owned();
    let mut found = Vec::new();
    let mut is_list = false;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (first, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        if first.eq_ignore_ascii_case("@include") {
            found.push(unquoted(rest));
        } else if let Some(entry) = line.strip_prefix('-').filter(|_| is_list) {
            found.push(unquoted(entry));
        } else {
            is_list = first == "includes:";
            let inline = rest.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
            found.extend(inline.filter(|_| is_list).into_iter().flat_map(|list| list.split(',')).map(unquoted));
        }
    }
    found
}

/// The files of a path with `*` and `?` in it, or of a folder and the folders in it.
fn expanded(pattern: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    let mut has_wildcard = false;
    for component in pattern.components() {
        let name = component.as_os_str().to_string_lossy().into_owned();
        if matches!(component, Component::Normal(_)) && name.contains(['*', '?']) {
            has_wildcard = true;
            found = found.iter().flat_map(|folder| entries(folder)).filter(|path| matches(&name, path)).collect();
        } else {
            for path in &mut found {
                path.push(component);
            }
        }
        found.truncate(MAX_FILES);
    }
    let files = found.into_iter().flat_map(|path| if path.is_dir() { configurations(&path) } else { vec![path] });
    files.filter(|path| !has_wildcard || path.exists()).collect()
}

/// Vector's `--config-dir` has folders for sources, transforms and sinks.
fn configurations(folder: &Path) -> Vec<PathBuf> {
    let all = entries(folder).into_iter().flat_map(|path| if path.is_dir() { entries(&path) } else { vec![path] });
    let is_configuration = |path: &PathBuf| {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        EXTENSIONS.contains(&extension)
    };
    all.filter(is_configuration).take(MAX_FILES).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// glob(7): `*` and `?`, neither of which matches a dot at the beginning.
fn matches(pattern: &str, path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return false };
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    if name.first() == Some(&'.') && pattern.first() != Some(&'.') {
        return false;
    }
    // One row of the table "do these beginnings match?" a letter of the pattern, so that no pattern takes long.
    let mut row: Vec<bool> = std::iter::once(true).chain(name.iter().map(|_| false)).collect();
    for letter in pattern {
        let before = row.clone();
        row[0] = before[0] && letter == '*';
        for at in 1..row.len() {
            row[at] = match letter {
                '*' => before[at] || row[at - 1],
                '?' => before[at - 1],
                _ => before[at - 1] && name[at - 1] == letter,
            };
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn start(directory: &Path, line: &str, variables: &[(&str, &str)]) -> Start {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Start {
            name: "x.service".to_owned(),
            words: unit::words(line),
            variables: variables.collect::<HashMap<_, _>>(),
            user: "root".to_owned(),
            groups: Vec::new(),
            directory: directory.to_owned(),
        }
    }

    #[test]
    fn what_each_command_line_names() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("main.conf", "[SERVICE]\n    flush 1\n@INCLUDE more/*.conf\n@include  ./gone.conf\n");
        write("more/a.conf", "@INCLUDE ../main.conf\n");
        write("more/.hidden.conf", "");
        write("more/b.txt", "");
        write(
            "main.yaml",
            "includes:\n  - \"more/a.conf\"\n  - 'more/c.yaml'\npipeline:\n  outputs:\n    - name: s3\n",
        );
        write("inline.yaml", "includes: [more/c.yaml]\n");
        write("dir/sinks/s3.yaml", "");
        write("dir/vector.toml", "");
        write("settings/pipelines.yml", "# - path.config: no\n- pipeline.id: main\n  path.config: \"SET/*.conf\"\n");
        write("plain/logstash.yml", "path.config: /p/one.conf\n");
        let (v, f, l) = (Shipper::Vector, Shipper::FluentBit, Shipper::Logstash);
        for (shipper, line, variables, expected) in [
            (v, "/usr/bin/vector", &[][..], &["/etc/vector/vector.yaml"][..]),
            (v, "vector -c a.yaml --config=b.yaml --config-toml /c.toml -w", &[], &["a.yaml", "b.yaml", "/c.toml"]),
            (v, "vector --config-dir dir", &[], &["dir/sinks/s3.yaml", "dir/vector.toml"]),
            (v, "vector -C dir -ca.yaml", &[], &["dir/sinks/s3.yaml", "dir/vector.toml", "a.yaml"]),
            (v, "vector", &[("VECTOR_CONFIG", "/a.yaml,/b.yaml")], &["/a.yaml", "/b.yaml"]),
            (v, "/bin/sh -c 'exec vector --config /x.yaml'", &[], &["/x.yaml"]),
            (f, "/opt/fluent-bit/bin/fluent-bit -c main.conf", &[], &["main.conf", "more/a.conf", "gone.conf"]),
            (
                f,
                "fluent-bit --config=main.yaml",
                &[],
                &["main.yaml", "more/a.conf", "main.conf", "more/../gone.conf", "more/c.yaml"],
            ),
            (f, "fluent-bit -c inline.yaml", &[], &["inline.yaml", "more/c.yaml"]),
            (f, "fluent-bit -i cpu -o s3", &[], &[]),
            (l, "logstash \"--path.settings\" \"plain\"", &[], &["/p/one.conf"]),
            (l, "java -cp x org.logstash.Logstash -f more/*.conf", &[], &["more/a.conf"]),
            (l, "logstash --path.settings /nonexistent --path.config=main.c?nf", &[], &["main.conf"]),
        ] {
            let found = files(shipper, &start(folder.path(), line, variables));
            let found: Vec<PathBuf> = found.iter().map(|path| path.canonicalize().unwrap_or(path.clone())).collect();
            let expected: Vec<PathBuf> = expected.iter().map(|path| folder.path().join(path)).collect();
            assert_eq!(found, expected, "{line}");
        }
    }

    #[test]
    fn wildcards() {
        for (pattern, name, expected) in [
            ("*.conf", "a.conf", true),
            ("*.conf", ".conf", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*b*", "xxaxxbxx", true),
            ("**********x", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
            ("", "", false),
        ] {
            assert_eq!(matches(pattern, &Path::new("/d").join(name)), expected, "{pattern} {name}");
        }
    }
}
