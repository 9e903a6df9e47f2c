//! `deploy/prometheus/`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use tests::process::repository;

use super::files;
use crate::machine::run;

async fn promtool(arguments: &[&str], files: Vec<PathBuf>) {
    let mut command = Command::new("promtool");
    command.args(arguments).args(files);
    let ran = run(command).await;
    assert_eq!(ran.code(), Some(0), "{}{}", ran.stdout(), ran.stderr());
}

#[tokio::test]
async fn promtool_takes_the_rules_and_every_alert_fires_when_it_must_and_only_then() {
    promtool(&["check", "rules"], files("deploy/prometheus", ".rules.yml")).await;
    promtool(&["check", "config", "--syntax-only"], vec![repository().join("deploy/prometheus/prometheus.yml")]).await;
    promtool(&["test", "rules"], files("deploy/prometheus/tests", ".test.yml")).await;
}

/// The words behind a key, wherever it stands.
fn values(files: &[PathBuf], key: &str) -> BTreeSet<String> {
    let texts = files.iter().map(|path| std::fs::read_to_string(path).expect("a readable file"));
    let all: Vec<_> = texts.collect();
    let found = all.iter().flat_map(|text| text.match_indices(key).map(|(at, _)| &text[at + key.len()..]));
    found.map(|rest| rest.trim_start().split([',', '\n', '}']).next().unwrap_or_default().trim().to_owned()).collect()
}

#[test]
fn every_alert_has_a_test_and_a_page() {
    let alerts = values(&files("deploy/prometheus", ".rules.yml"), "- alert:");
    assert!(alerts.len() > 20, "{alerts:?}");
    assert_eq!(values(&files("deploy/prometheus/tests", ".test.yml"), "alertname:"), alerts);
    let links = values(&files("deploy/prometheus", ".rules.yml"), "runbook_url:");
    let expected = alerts.iter().map(|alert| format!("docs/observability.md#{}", alert.to_lowercase()));
    assert_eq!(links, expected.collect());
    let page = std::fs::read_to_string(repository().join("docs/observability.md")).expect("a readable file");
    let headings: BTreeSet<_> = page.lines().filter_map(|line| line.strip_prefix("### ")).map(str::to_owned).collect();
    assert_eq!(headings, alerts, "a heading an alert, and no heading of an alert that is gone");
}

/// The operator names a job after the Service unless it is told which label to take: with a prefix, or a Service of another
/// name, no alert of ours would know its program.
#[test]
fn service_monitors_name_the_jobs_as_the_rules_do() {
    for (job, file) in [
        ("credvend-gateway", "deploy/kubernetes/gateway/base/service-monitor.yaml"),
        ("oauth2-proxy", "deploy/oauth2-proxy/service-monitor.yaml"),
    ] {
        let monitor = std::fs::read_to_string(repository().join(file)).expect("a readable file");
        assert!(monitor.contains("jobLabel: app.kubernetes.io/name\n"), "{file}");
        assert!(monitor.contains(&format!("app.kubernetes.io/name: {job}\n")), "{file}");
        let rules =
            std::fs::read_to_string(repository().join("deploy/prometheus/prometheus.yml")).expect("a readable file");
        assert!(rules.contains(&format!("job_name: {job}\n")), "{job}");
    }
}

/// The words of a text that could be the name of a metric.
fn names<'a>(text: &'a str, prefix: &str) -> BTreeSet<&'a str> {
    let words = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_' || letter == ':'));
    words.filter(|word| word.starts_with(prefix)).collect()
}

/// The gateway's source is the one place for its metrics' names and for the limits that two alerts repeat.
#[test]
fn names_and_limits_are_those_of_the_gateway() {
    let read = |path: PathBuf| std::fs::read_to_string(path).expect("a readable file");
    let source = read(repository().join("gateway/src/metrics.rs"));
    let rules = read(repository().join("deploy/prometheus/gateway.rules.yml"));
    let dashboards = files("deploy/grafana", ".json").into_iter().map(read).collect::<String>();
    let shown = [rules.as_str(), &dashboards].concat();
    let used = names(&shown, "credvend_gateway_");
    assert!(used.len() > 10, "{used:?}");
    for name in used {
        let name = name.strip_prefix("credvend_gateway_").expect("it was filtered by that");
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
        assert!(source.contains(&format!("\"{family}\"")), "{name} is not in gateway/src/metrics.rs");
    }
    assert!(rules.contains("token_cache_entries > 0.95 * 10000\n"));
    assert!(read(repository().join("gateway/src/caller.rs")).contains("const CACHED_TOKENS: usize = 10_000;"));
    assert!(rules.contains("connections{side=\"client\"} > 0.8 * 10000\n"));
    assert!(
        read(repository().join("gateway/src/config.rs"))
            .contains("\"MAX_CONNECTIONS\", 1, 1_000_000).unwrap_or(10_000)")
    );
}
