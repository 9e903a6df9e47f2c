//! `deploy/grafana/`: what the generator makes.

use std::collections::HashSet;
use std::process::Command;

use serde_json::Value;
use tests::process::repository;

use super::{collect, dashboards};
use crate::machine::run;

#[tokio::test]
async fn the_files_are_what_the_generator_makes() {
    let program = repository().join(".tools/observability/bin/python");
    assert!(program.exists(), "{} is missing: run scripts/setup --observability", program.display());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new(program);
    command.arg(repository().join("deploy/grafana/generator")).arg(folder.path()).env("PYTHONDONTWRITEBYTECODE", "1");
    let ran = run(command).await;
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    let names: Vec<_> = dashboards().into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        ["credvend-serve.json", "gateway.json", "oauth2-proxy.json", "vending-api.json", "who-calls-what.json"]
    );
    assert_eq!(std::fs::read_dir(folder.path()).expect("it was just made").count(), names.len());
    for name in names {
        let read = |path| std::fs::read_to_string(path).expect("a readable file");
        assert!(
            read(folder.path().join(&name)) == read(repository().join("deploy/grafana").join(&name)),
            "deploy/grafana/{name} is not what the generator makes: run .tools/observability/bin/python deploy/grafana/generator"
        );
    }
}

/// A panel or query without a data source of the dashboard's own variables would ask the default one of an installation.
#[test]
fn every_query_names_its_data_source_and_every_dashboard_asks_for_it() {
    for (name, dashboard) in dashboards() {
        let mut offered = HashSet::new();
        for variable in dashboard["templating"]["list"].as_array().expect("variables") {
            if variable["type"] == "datasource" {
                offered.insert(format!("${{{}}}", variable["name"].as_str().expect("a name")));
            }
        }
        let mut targets = Vec::new();
        collect(
            &dashboard,
            &|object| object.contains_key("refId").then(|| object["datasource"]["uid"].clone()),
            &mut targets,
        );
        assert!(targets.len() > 5, "{name}");
        for source in targets {
            assert!(source.as_str().is_some_and(|source| offered.contains(source)), "{name}: {source}");
        }
        let panels: Vec<_> = dashboard["panels"].as_array().expect("panels").iter().collect();
        let titles: Vec<_> = panels.iter().map(|panel| &panel["title"]).collect();
        assert!(titles.iter().all(|title| title.as_str().is_some_and(|title| !title.is_empty())), "{name}");
        assert_eq!(dashboard["uid"].as_str().map(|uid| format!("{uid}.json")), Some(name));
        assert_eq!(dashboard["id"], Value::Null, "an id is one installation's");
    }
}
