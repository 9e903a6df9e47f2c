//! Stands between the function and Secrets Manager, and breaks one call of a step.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tests::http_server::{HttpServer, Received, Reply};
use tokio::sync::Notify;

use crate::service::client;

/// What happens to a call, and to its repetitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    /// The connection ends without a word, and nothing was done.
    Refuse,
    /// 500, and nothing was done.
    Error,
    /// Throttled, and nothing was done.
    Throttle,
    /// 200 with nonsense, and nothing was done.
    Garbage,
    /// It was done, and half of the response arrives.
    LoseResponse,
    /// It was done, and no response comes.
    Hold,
    /// Nothing is done, and no response comes.
    Stall,
}

#[derive(Default)]
struct State {
    calls: usize,
    broken: Option<(usize, Break)>,
}

pub struct Relay {
    server: HttpServer,
    state: Arc<Mutex<State>>,
    met: Arc<Notify>,
}

impl Relay {
    pub async fn start(upstream: &str) -> Self {
        let (state, met) = (Arc::new(Mutex::new(State::default())), Arc::new(Notify::new()));
        let shared = (client(), upstream.to_owned(), Arc::clone(&state), Arc::clone(&met));
        let server = HttpServer::start(move |received| answer(shared.clone(), received)).await;
        Self { server, state, met }
    }

    pub fn url(&self) -> String {
        self.server.url()
    }

    /// From the call of this number on, counted from now and from 0, until it is healed.
    pub fn break_from(&self, call: usize, how: Break) {
        *self.state.lock().unwrap() = State { calls: 0, broken: Some((call, how)) };
    }

    pub fn heal(&self) {
        self.state.lock().unwrap().broken = None;
    }

    /// Until a call was broken.
    pub async fn has_broken(&self) {
        self.met.notified().await;
    }
}

async fn answer(
    (http, upstream, state, met): (reqwest::Client, String, Arc<Mutex<State>>, Arc<Notify>),
    received: Received,
) -> Reply {
    let broken = {
        let mut state = state.lock().unwrap();
        state.calls += 1;
        state.broken.filter(|(from, _)| state.calls > *from).map(|(_, how)| how)
    };
    if broken.is_some() {
        met.notify_one();
    }
    let json = |status, body: &str| Reply::json(status, body);
    match broken {
        None => forward(&http, &upstream, received).await,
        Some(Break::Refuse) => Reply::Raw(Vec::new()),
        Some(Break::Error) => json(500, r#"{"__type":"InternalServiceError","message":"CANARY-words-of-aws"}"#),
        Some(Break::Throttle) => json(400, r#"{"__type":"ThrottlingException","message":"CANARY-words-of-aws"}"#),
        Some(Break::Garbage) => json(200, "<html>CANARY-words-of-aws"),
        Some(Break::LoseResponse) => forward(&http, &upstream, received).await.cut_in_half(),
        Some(Break::Hold) => {
            forward(&http, &upstream, received).await;
            Reply::Silence(Duration::from_hours(1))
        }
        Some(Break::Stall) => Reply::Silence(Duration::from_hours(1)),
    }
}

/// With the headers as they came: they are signed, the host too.
async fn forward(http: &reqwest::Client, upstream: &str, received: Received) -> Reply {
    let mut request = http.request(received.method.parse().unwrap(), format!("{upstream}{}", received.path));
    for (name, value) in
        received.headers.iter().filter(|(name, _)| !["connection", "content-length"].contains(&name.as_str()))
    {
        request = request.header(name, value);
    }
    let response = request.body(received.body).send().await.expect("the stack answers");
    let status = response.status().as_u16();
    let body = response.bytes().await.expect("whole").to_vec();
    Reply::Whole(status, vec![("content-type".to_owned(), "application/x-amz-json-1.1".to_owned())], body)
}
