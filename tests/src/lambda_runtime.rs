//! The Lambda runtime API (`/2018-06-01/runtime/…`), as far as a runtime needs it: hands out events, takes answers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tokio::sync::{Mutex as AsyncMutex, Notify, mpsc, oneshot};

use crate::http_server::{HttpServer, Received, Reply};

/// An answer to an event, and when it came.
pub struct Answer {
    pub body: String,
    /// The runtime reported a failure instead of an answer.
    pub failed: bool,
    pub at: Instant,
}

struct Event {
    id: String,
    body: String,
    headers: Vec<(&'static str, String)>,
    handed_out: oneshot::Sender<Instant>,
}

struct Shared {
    events: AsyncMutex<mpsc::UnboundedReceiver<Event>>,
    waiting: Mutex<HashMap<String, oneshot::Sender<Answer>>>,
    first_next: Mutex<Option<Instant>>,
    asked: Notify,
}

/// The runtime API of one function.
pub struct LambdaRuntime {
    server: HttpServer,
    events: mpsc::UnboundedSender<Event>,
    shared: Arc<Shared>,
    count: AtomicU64,
}

impl LambdaRuntime {
    pub async fn start() -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            events: AsyncMutex::new(receiver),
            waiting: Mutex::default(),
            first_next: Mutex::default(),
            asked: Notify::new(),
        });
        let state = Arc::clone(&shared);
        let server = HttpServer::start(move |received| answer(Arc::clone(&state), received)).await;
        Self { server, events: sender, shared, count: AtomicU64::new(0) }
    }

    /// The variables that Lambda sets.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_LAMBDA_RUNTIME_API", self.server.address.to_string()),
            ("AWS_LAMBDA_FUNCTION_NAME", "vending".to_owned()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256".to_owned()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ]
    }

    /// When the runtime asked for its first event: INIT is over.
    pub async fn initialised(&self) -> Instant {
        loop {
            let asked = self.shared.asked.notified();
            if let Some(at) = *self.shared.first_next.lock().expect("not poisoned") {
                return at;
            }
            asked.await;
        }
    }

    /// Sends an event and waits for its answer. The duration is the runtime's own, from event to answer.
    pub async fn invoke(&self, event: &str) -> (Answer, Duration) {
        self.invoke_with(event, vec![]).await
    }

    /// The same with more headers on the invocation, which replace those that it would have otherwise; an empty one
    /// removes it.
    pub async fn invoke_with(&self, event: &str, headers: Vec<(&'static str, String)>) -> (Answer, Duration) {
        let id = format!("00000000-0000-4000-8000-{:012x}", self.count.fetch_add(1, Ordering::Relaxed));
        let (answer_sender, answer) = oneshot::channel();
        let (handed_out, started) = oneshot::channel();
        self.shared.waiting.lock().expect("not poisoned").insert(id.clone(), answer_sender);
        self.events.send(Event { id, body: event.to_owned(), headers, handed_out }).expect("the server runs");
        let answer = tokio::time::timeout(Duration::from_secs(60), answer).await;
        let answer = answer.expect("the function answers within a minute").expect("the server runs");
        let took = answer.at - started.await.expect("what was answered was handed out");
        (answer, took)
    }

    /// Sends an event and reads the answer as JSON.
    pub async fn invoke_json(&self, event: &Value) -> Value {
        let (answer, _) = self.invoke(&event.to_string()).await;
        assert!(!answer.failed, "the runtime reported a failure: {}", answer.body);
        serde_json::from_str(&answer.body).expect("an answer is JSON")
    }
}

async fn answer(shared: Arc<Shared>, received: Received) -> Reply {
    if received.path.ends_with("/invocation/next") {
        shared.first_next.lock().expect("not poisoned").get_or_insert_with(Instant::now);
        shared.asked.notify_waiters();
        let event = shared.events.lock().await.recv().await;
        let Some(event) = event else { return Reply::Silence(Duration::ZERO) };
        let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() + 30_000;
        let mut headers = vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            ("lambda-runtime-aws-request-id".to_owned(), event.id),
            ("lambda-runtime-deadline-ms".to_owned(), deadline.to_string()),
            (
                "lambda-runtime-invoked-function-arn".to_owned(),
                "arn:aws:lambda:eu-west-1:123456789012:function:vending".to_owned(),
            ),
        ];
        for (name, value) in event.headers {
            headers.retain(|(existing, _)| existing != name);
            if !value.is_empty() {
                headers.push((name.to_owned(), value));
            }
        }
        let _ = event.handed_out.send(Instant::now());
        return Reply::Whole(200, headers, event.body.into_bytes());
    }
    if received.path.ends_with("/restore/next") {
        return Reply::json(200, "{}");
    }
    let mut parts = received.path.rsplit('/');
    let (kind, id) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let waiting = shared.waiting.lock().expect("not poisoned").remove(id);
    if let Some(waiting) = waiting {
        let body = String::from_utf8_lossy(&received.body).into_owned();
        let _ = waiting.send(Answer { body, failed: kind != "response", at: Instant::now() });
    }
    Reply::json(202, r#"{"status":"OK"}"#)
}
