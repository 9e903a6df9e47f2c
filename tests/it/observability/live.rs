//! Every expression of every panel and rule finds something in a Prometheus that scrapes the programs at work.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tests::http_server::{HttpServer, Reply};
use tests::process::{Process, repository};

use super::gateway::Gateway;
use super::prometheus::{Job, Prometheus};
use super::{collect, dashboards};
use crate::machine::Machine;
use crate::service::client;

/// A page of metrics whose counters grow from scrape to scrape, as those of a program at work.
async fn recorded(name: &str) -> HttpServer {
    let page =
        std::fs::read_to_string(repository().join("tests/it/observability").join(name)).expect("a readable file");
    let scrapes = AtomicU32::new(0);
    HttpServer::start(move |_| {
        let scrape = f64::from(scrapes.fetch_add(1, Ordering::Relaxed) + 1);
        let body = page.lines().map(|line| grown(line, scrape) + "\n").collect::<String>();
        let content_type = ("content-type".to_owned(), "text/plain; version=0.0.4; charset=utf-8".to_owned());
        std::future::ready(Reply::Whole(200, vec![content_type], body.into_bytes()))
    })
    .await
}

fn grown(line: &str, scrape: f64) -> String {
    let name = line.split(['{', ' ']).next().unwrap_or_default();
    let is_counter = ["_total", "_bucket", "_sum", "_count"].iter().any(|suffix| name.ends_with(suffix));
    match line.rsplit_once(' ') {
        Some((series, value)) if is_counter && !line.starts_with('#') => {
            format!("{series} {}", value.parse::<f64>().expect("a number") * scrape)
        }
        _ => line.to_owned(),
    }
}

/// A machine with `credvend serve`, whose credentials somebody asks for all the time, with the right and without.
struct Served {
    _machine: Machine,
    _process: Process,
    address: String,
    token: String,
    traffic: tokio::task::JoinHandle<()>,
}

impl Served {
    async fn start() -> Self {
        let machine = Machine::start().await;
        let token_file = machine.home.path().join("serve-token").display().to_string();
        let arguments = ["--log-level", "info", "serve", "--listen", "127.0.0.1:0", "--token-file", &token_file];
        let mut process = Process::spawn(machine.command(&arguments, &[]));
        let address = process.wait_for("listening on http://").await;
        let token = std::fs::read_to_string(token_file).expect("it is there when the program listens");
        let (url, bearer) = (format!("http://{address}/"), token.clone());
        let traffic = tokio::spawn(async move {
            let http = client();
            loop {
                // That a request fails is for the metrics to say.
                let _ = http.get(&url).header("authorization", &bearer).send().await;
                let _ = http.get(&url).send().await;
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        });
        Self { _machine: machine, _process: process, address, token, traffic }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.traffic.abort();
    }
}

/// Every expression of the dashboards, with Grafana's variables filled in, and where it stands.
fn panel_expressions() -> Vec<(String, String)> {
    let mut expressions = Vec::new();
    for (name, dashboard) in dashboards() {
        let mut found = Vec::new();
        let expression = |object: &serde_json::Map<String, Value>| Some(object.get("expr")?.as_str()?.to_owned());
        collect(&dashboard, &expression, &mut found);
        // A variable's query is for values of a label: there must be a series that has it.
        let variables = dashboard["templating"]["list"].as_array().cloned().unwrap_or_default();
        let queries = variables.iter().filter_map(|variable| {
            let query = variable["query"].as_str()?.strip_prefix("label_values(")?.strip_suffix(')')?;
            let (series, label) = query.rsplit_once(", ")?;
            Some(format!("count by ({label}) ({series})"))
        });
        found.extend(queries);
        expressions.extend(found.into_iter().map(|expression| (name.clone(), filled_in(&expression))));
    }
    expressions
}

fn filled_in(expression: &str) -> String {
    let variables =
        [("$__rate_interval", "30s"), ("$__range", "5m"), ("$job", ".*"), ("$route", ".*"), ("$instance", ".*")];
    let text = variables.iter().fold(expression.to_owned(), |text, (name, value)| text.replace(name, value));
    assert!(!text.contains('$'), "a variable without a value for the test: {expression}");
    text
}

/// With comparisons that say true or false instead of leaving out what they do not hold for, and without a zero in the place
/// of what is missing: now nothing but missing series makes it empty.
fn unconditional(expression: &str) -> String {
    let comparisons = [" > ", " < ", " >= ", " <= ", " == ", " != "];
    let text = expression.replace(" or vector(0)", "");
    comparisons.iter().fold(text, |text, comparison| text.replace(comparison, &format!("{comparison}bool ")))
}

#[tokio::test]
async fn every_expression_finds_something() {
    let (gateway, mute) = (Gateway::start().await, Gateway::without_audit_lines().await);
    let (served, people) = (Served::start().await, recorded("oauth2-proxy.prom").await);
    let people_address = people.address.to_string();
    let prometheus = Prometheus::start(&[
        Job { name: "credvend-gateway", addresses: &[&gateway.metrics, &mute.metrics], token: None },
        Job { name: "credvend-serve", addresses: &[&served.address], token: Some(served.token.clone()) },
        Job { name: "oauth2-proxy", addresses: &[&people_address], token: None },
    ])
    .await;
    let rules = prometheus.rules().await;
    assert!(rules.len() > 30, "{rules:?}");
    let panels = panel_expressions();
    assert!(panels.len() > 50, "{panels:?}");
    let mut missing = [panels, rules].concat();
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let mut still_missing = Vec::new();
        for (place, expression) in missing {
            if prometheus.values(&unconditional(&expression)).await.is_empty() {
                still_missing.push((place, expression));
            }
        }
        missing = still_missing;
        if missing.is_empty() {
            break;
        }
        assert!(Instant::now() < deadline, "nothing is found for:\n{}", listed(&missing));
        tokio::time::sleep(Duration::from_millis(500)).await;
    }

    // A metric that no panel and no rule shows would be counted for nobody.
    let shown: String =
        [panel_expressions(), prometheus.rules().await].concat().into_iter().map(|(_, text)| text).collect();
    for job in ["credvend-gateway", "credvend-serve", "oauth2-proxy"] {
        for metric in prometheus.metrics(job).await {
            let is_its_own = metric.starts_with("credvend_") || metric.starts_with("oauth2_proxy_");
            let family =
                ["_bucket", "_sum", "_count"].iter().find_map(|suffix| metric.strip_suffix(suffix)).unwrap_or(&metric);
            assert!(!is_its_own || shown.contains(family), "{metric} is shown nowhere");
        }
    }
}

fn listed(missing: &[(String, String)]) -> String {
    missing.iter().map(|(place, expression)| [place, ": ", expression, "\n"].concat()).collect()
}
