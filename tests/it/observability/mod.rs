//! Rules and dashboards: judged by promtool, by Grafana's own types, and by a Prometheus that scrapes the real programs.

mod cloudwatch;
mod dashboards;
mod gateway;
mod live;
mod prometheus;
mod rules;

use std::path::PathBuf;

use serde_json::Value;
use tests::process::repository;

/// The files of a folder of the repository, sorted.
fn files(folder: &str, suffix: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(repository().join(folder)).expect("the folder is there");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    files.retain(|path| path.to_string_lossy().ends_with(suffix));
    files.sort();
    files
}

/// A dashboard's file name and content.
fn dashboards() -> Vec<(String, Value)> {
    let read = |path: PathBuf| {
        let text = std::fs::read(&path).expect("a readable file");
        let name = path.file_name().expect("it was listed by its name").to_string_lossy().into_owned();
        (name, serde_json::from_slice(&text).expect("JSON"))
    };
    files("deploy/grafana", ".json").into_iter().map(read).collect()
}

/// Every object inside of a value for which `find` has something, in the order of the file.
fn collect<T>(value: &Value, find: &dyn Fn(&serde_json::Map<String, Value>) -> Option<T>, found: &mut Vec<T>) {
    match value {
        Value::Object(object) => {
            found.extend(find(object));
            object.values().for_each(|value| collect(value, find, found));
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, find, found)),
        _ => {}
    }
}
