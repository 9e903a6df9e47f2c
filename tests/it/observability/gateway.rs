//! The gateway at work: every metric of its page has a reason to count.

use std::fs::OpenOptions;
use std::process::{Command, Stdio};
use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tempfile::TempDir;
use tests::http_server::{HttpServer, Reply, closed_port};
use tests::process::{Process, binary};
use tests::token::jwk_set;

use crate::service::{ISSUER, client, key, token_with};

/// The second route is for a scope that nobody has, the third for one request a minute.
const ROUTES: &str = r#"
only_listed = true
[[route]]
path = "/db/*"
methods = ["GET"]
[[route]]
path = "/admin/*"
scopes = ["api/admin"]
[[route]]
path = "/rare"
rate_limit_per_minute = 1
"#;

pub struct Gateway {
    /// `127.0.0.1:PORT` of its metrics.
    pub metrics: String,
    _services: [HttpServer; 2],
    _process: Process,
    _folder: TempDir,
    traffic: tokio::task::JoinHandle<()>,
}

impl Gateway {
    pub async fn start() -> Self {
        Self::with_stdout(Stdio::null()).await
    }

    /// On a full disk: no request passes, since none can be put on record.
    pub async fn without_audit_lines() -> Self {
        Self::with_stdout(OpenOptions::new().write(true).open("/dev/full").expect("Linux has it").into()).await
    }

    async fn with_stdout(stdout: Stdio) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let routes = folder.path().join("gateway.toml");
        std::fs::write(&routes, ROUTES).expect("a temporary file can be written");
        let upstream = HttpServer::start(|received| {
            std::future::ready(match received.path.as_str() {
                "/db/broken" => Reply::Raw(b"SSH-2.0-OpenSSH_9.2p1\r\n\r\n".to_vec()),
                "/db/slow" => Reply::Silence(Duration::from_secs(60)),
                _ => Reply::json(200, "{}"),
            })
        })
        .await;
        let keys = HttpServer::start(|_| std::future::ready(Reply::json(200, jwk_set(&[key()])))).await;
        // Ports that were free a moment ago: the gateway tells its own on standard output.
        let (nobody, url, metrics) = (closed_port().await, closed_port().await, closed_port().await);
        let metrics = metrics.trim_start_matches("http://").to_owned();
        let down =
            json!([{"issuer": "https://down.example", "jwks_uri": nobody, "kind": "oidc", "audiences": ["api"]}]);
        let variables = [
            ("COGNITO_ISSUER", ISSUER.to_owned()),
            ("JWKS_URI", format!("{}/jwks.json", keys.url())),
            ("TRUSTED_ISSUERS", down.to_string()),
            ("UPSTREAM_URL", upstream.url()),
            ("UPSTREAM_TIMEOUT_SECONDS", "1".to_owned()),
            ("GATEWAY_CONFIG", routes.display().to_string()),
            ("LISTEN_ADDRESS", url.trim_start_matches("http://").to_owned()),
            ("METRICS_ADDRESS", metrics.clone()),
        ];
        let mut command = Command::new(binary("credvend-gateway"));
        command.env_clear().envs(variables);
        let process = Process::spawn_with_stdout(command, stdout);
        let traffic = tokio::spawn(call(url));
        Self { metrics, _services: [upstream, keys], _process: process, _folder: folder, traffic }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.traffic.abort();
    }
}

/// Round after round, one request of each kind.
async fn call(url: String) {
    let http = client();
    let token = token_with(json!({"scope": "api/read"}));
    let of_an_issuer_without_keys = token_with(json!({"iss": "https://down.example", "aud": "api"}));
    let requests = [
        (Method::GET, "/health", None),
        (Method::GET, "/db/rows", Some(&token)),
        (Method::GET, "/db/rows", None),
        (Method::POST, "/db/rows", Some(&token)),
        (Method::GET, "/elsewhere", Some(&token)),
        (Method::GET, "/admin/users", Some(&token)),
        (Method::GET, "/rare", Some(&token)),
        (Method::GET, "/db/broken", Some(&token)),
        (Method::GET, "/db/slow", Some(&token)),
        (Method::GET, "/db/rows", Some(&of_an_issuer_without_keys)),
    ];
    loop {
        for (method, path, token) in &requests {
            let request = http.request(method.clone(), format!("{url}{path}"));
            let request =
                token.map_or(request, |token| http.request(method.clone(), format!("{url}{path}")).bearer_auth(token));
            // That a request fails is for the metrics to say.
            let _ = request.send().await;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
