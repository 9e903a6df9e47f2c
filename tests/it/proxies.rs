//! What becomes of requests behind a proxy: one that refuses, one that is down, and hosts that are reached without it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tests::http_server::closed_port;
use tests::process::Process;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::Mutex;

use crate::machine::Machine;

/// Answers each connection alike, and remembers what was asked.
struct Proxy {
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
}

impl Proxy {
    async fn start(answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().unwrap().port();
        let (requests, connections) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
        let (seen, count) = (Arc::clone(&requests), Arc::clone(&connections));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let seen = Arc::clone(&seen);
                tokio::spawn(async move {
                    let mut buffer = vec![0; 4096];
                    let length = stream.read(&mut buffer).await.unwrap_or_default();
                    seen.lock().await.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        Self { port, requests, connections }
    }
}

const REFUSAL: &str = "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\
                       Content-Length: 0\r\nConnection: close\r\n\r\n";
const ENDPOINT: (&str, &str) = ("COGNITO_TOKEN_ENDPOINT", "https://idp.example.com/oauth2/token");

/// Directories lock an account after a few tries with one wrong password.
#[tokio::test]
async fn a_refusal_of_the_proxy_is_final_and_names_it() {
    for (userinfo, expected) in [
        // The reported one, and others of its kind.
        ("user:p@ss", "user:p@ss"),
        ("user:p%23ss", "user:p#ss"),
        ("DOM\\user:CANARY", "DOM\\user:CANARY"),
        ("DOM%5Cuser:CANARY", "DOM\\user:CANARY"),
        ("user:a:b", "user:a:b"),
    ] {
        let machine = Machine::start().await;
        let proxy = Proxy::start(REFUSAL).await;
        let url = format!("http://{userinfo}@127.0.0.1:{}", proxy.port);
        let ran = machine.run(&["get-credentials"], &[ENDPOINT, ("HTTPS_PROXY", &url)]).await;
        assert_eq!(ran.code(), Some(3), "{userinfo}: {}", ran.stderr());
        assert_eq!(proxy.connections.load(Ordering::SeqCst), 1, "{userinfo}: tried once");
        let message = ran.stderr();
        assert!(message.contains(&format!("the proxy http://127.0.0.1:{}", proxy.port)), "{message}");
        assert!(message.contains("407") && !message.contains("CANARY"), "{message}");
        let request = proxy.requests.lock().await[0].to_ascii_lowercase();
        let credentials = format!("proxy-authorization: basic {}", STANDARD.encode(expected)).to_ascii_lowercase();
        assert!(request.starts_with("connect idp.example.com:443 ") && request.contains(&credentials), "{request}");
    }
}

#[tokio::test]
async fn a_proxy_that_cannot_be_used_is_told_apart_from_the_identity_provider() {
    let down = closed_port().await.replace("http://", "");
    let refusing = Proxy::start("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n").await;
    let silent = Proxy::start("").await;
    let mut runs = tokio::task::JoinSet::new();
    for place in [down, format!("127.0.0.1:{}", refusing.port), format!("127.0.0.1:{}", silent.port)] {
        runs.spawn(async move {
            let machine = Machine::start().await;
            let url = format!("http://{}", place.trim_end_matches('/'));
            let ran = machine.run(&["get-credentials"], &[ENDPOINT, ("https_proxy", &url)]).await;
            assert_eq!(ran.code(), Some(4), "{}", ran.stderr());
            assert!(ran.stderr().contains(&format!("the proxy {url}")), "{url}: {}", ran.stderr());
        });
    }
    while let Some(ended) = runs.join_next().await {
        ended.unwrap();
    }
}

/// Never past the proxy: a URL that cannot be read ends the run before anything is sent, whichever program reads it.
#[tokio::test]
async fn a_url_that_cannot_be_read_is_a_fault() {
    let proxy = Proxy::start(REFUSAL).await;
    let machine = Machine::start().await;
    for (url, words) in [
        (format!("http://user:CANARY#ss@127.0.0.1:{}", proxy.port), "percent-encoded"),
        (format!("http://user:CANARY/ss@127.0.0.1:{}", proxy.port), "percent-encoded"),
        (format!("socks5://user:CANARY@127.0.0.1:{}", proxy.port), "socks5"),
        (format!("socks5h://127.0.0.1:{}", proxy.port), "socks5h"),
        ("http://".to_owned(), "not the URL of a proxy"),
        ("http://127.0.0.1:port".to_owned(), "not the URL of a proxy"),
    ] {
        for name in ["HTTPS_PROXY", "all_proxy"] {
            let ran = machine.run(&["get-credentials"], &[ENDPOINT, (name, &url)]).await;
            assert_eq!(ran.code(), Some(1), "{url}: {}", ran.stderr());
            assert!(ran.stderr().contains(words) && ran.stderr().contains(name), "{url}: {}", ran.stderr());
            assert!(!ran.stderr().contains("CANARY"), "{}", ran.stderr());
        }
    }
    assert_eq!(proxy.connections.load(Ordering::SeqCst), 0);
}

/// Which of the two is connected to first. The forms for names that only DNS knows are a unit test's
/// (`environment/src/proxy.rs`).
#[tokio::test]
async fn hosts_that_are_reached_without_the_proxy() {
    for (host, no_proxy, is_excepted) in [
        ("localhost", "localhost:PORT", true),
        ("localhost", "a.test localhost", true),
        ("localhost", "localhost.", true),
        ("localhost", ".LocalHost", true),
        ("localhost", "*", true),
        ("127.0.0.1", "127.0.0.0/8", true),
        ("127.0.0.1", "127.0.0.1:PORT", true),
        ("localhost", "localhost:1", false),
        ("localhost", "host", false),
        ("localhost", "*.localhost.example", false),
        ("127.0.0.1", "[::1]", false),
        ("127.0.0.1", "", false),
    ] {
        let machine = Machine::start().await;
        let (proxy, target) = (Proxy::start(REFUSAL).await, Proxy::start("").await);
        let endpoint = format!("https://{host}:{}/oauth2/token", target.port);
        let no_proxy = no_proxy.replace("PORT", &target.port.to_string());
        let url = format!("http://127.0.0.1:{}", proxy.port);
        let changes = [("COGNITO_TOKEN_ENDPOINT", endpoint.as_str()), ("HTTPS_PROXY", &url), ("NO_PROXY", &no_proxy)];
        // Ended by its drop: the rest of its tries would tell nothing more.
        let process = Process::spawn(machine.command(&["get-credentials"], &changes));
        let deadline = Instant::now() + Duration::from_secs(30);
        let first = loop {
            let counts = [&proxy, &target].map(|server| server.connections.load(Ordering::SeqCst) > 0);
            if counts != [false, false] {
                break counts;
            }
            assert!(Instant::now() < deadline, "nobody is asked: {}", process.output());
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        assert_eq!(first, [!is_excepted, is_excepted], "NO_PROXY={no_proxy} for {host}");
    }
}
