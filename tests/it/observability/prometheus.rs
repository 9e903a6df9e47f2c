//! A Prometheus of the system's package, with the repository's rules.

use std::fmt::Write as _;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tests::http_server::closed_port;
use tests::process::Process;

use super::files;
use crate::service::client;

/// One job.
pub struct Job<'a> {
    pub name: &'a str,
    /// `127.0.0.1:PORT` of each target.
    pub addresses: &'a [&'a str],
    pub token: Option<String>,
}

pub struct Prometheus {
    url: String,
    http: reqwest::Client,
    _process: Process,
    _folder: TempDir,
}

impl Prometheus {
    /// Scrapes each second, under the names that the rules rely on.
    pub async fn start(jobs: &[Job<'_>]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut config = "global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files:\n".to_owned();
        for path in files("deploy/prometheus", ".rules.yml") {
            writeln!(config, "  - {}", path.display()).expect("a String takes it");
        }
        config.push_str("scrape_configs:\n");
        for Job { name, addresses, token } in jobs {
            let token = token
                .as_ref()
                .map_or_else(String::new, |token| format!(", authorization: {{credentials: \"{token}\"}}"));
            let targets = format!("static_configs: [{{targets: {addresses:?}}}]");
            writeln!(config, "  - {{job_name: {name}, {targets}{token}}}").expect("a String takes it");
        }
        let file = folder.path().join("prometheus.yml");
        std::fs::write(&file, config).expect("a temporary file can be written");
        let url = closed_port().await;
        let mut command = Command::new("prometheus");
        command.arg(format!("--config.file={}", file.display()));
        command.arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()));
        command.arg(format!("--web.listen-address={}", url.trim_start_matches("http://")));
        let mut process = Process::spawn(command);
        process.wait_for("Server is ready to receive web requests").await;
        Self { url, http: client(), _process: process, _folder: folder }
    }

    async fn api(&self, path: &str, query: &[(&str, &str)]) -> Value {
        let url = format!("{}/api/v1/{path}", self.url);
        let url = reqwest::Url::parse_with_params(&url, query).expect("a URL");
        let request = self.http.get(url).timeout(Duration::from_secs(10));
        let response = request.send().await.expect("Prometheus answers").bytes().await.expect("and whole");
        let answer: Value = serde_json::from_slice(&response).expect("JSON");
        assert_eq!(answer["status"], "success", "{query:?}: {answer}");
        answer["data"].clone()
    }

    /// The values of an expression now; NaN, which nobody can see in a graph, is none.
    pub async fn values(&self, expression: &str) -> Vec<f64> {
        let data = self.api("query", &[("query", expression)]).await;
        let samples = data["result"].as_array().cloned().unwrap_or_default();
        let values = samples.iter().filter_map(|sample| sample["value"][1].as_str()?.parse::<f64>().ok());
        values.filter(|value| !value.is_nan()).collect()
    }

    /// Name and expression of every rule, as Prometheus has read them.
    pub async fn rules(&self) -> Vec<(String, String)> {
        let data = self.api("rules", &[]).await;
        let mut rules = Vec::new();
        let named = |object: &serde_json::Map<String, Value>| {
            Some((object.get("name")?.as_str()?.to_owned(), object.get("query")?.as_str()?.to_owned()))
        };
        super::collect(&data, &named, &mut rules);
        rules
    }

    /// Names of metrics that it has seen.
    pub async fn metrics(&self, job: &str) -> Vec<String> {
        let selector = format!("{{job=\"{job}\"}}");
        let data = self.api("label/__name__/values", &[("match[]", &selector)]).await;
        data.as_array().expect("names").iter().filter_map(|name| name.as_str().map(str::to_owned)).collect()
    }
}
