//! Lambda's runtime API: takes invocations, one a worker at a time, and posts their responses.
//!
//! `lambda_runtime` is not used for this. It parses headers that nothing here needs (client context, Cognito identity)
//! before any layer can look at the invocation. Where it cannot parse one, it ends the process, or in silence one of
//! several workers, and the caller waits for the time-out. Only its HTTP client is used.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use environment::{Log, Variables};
use http::{HeaderMap, HeaderValue, Method, Uri};
use http_body_util::BodyExt as _;
use lambda_runtime_api_client::body::Body;
use lambda_runtime_api_client::{PooledClient, build_request};
use serde_json::json;
use thiserror::Error;
use tokio::task::JoinSet;

/// Where invocations come from, and how.
#[derive(Debug, Clone)]
pub struct RuntimeApiConfig {
    /// `AWS_LAMBDA_RUNTIME_API`.
    pub address: Uri,
    /// `AWS_LAMBDA_MAX_CONCURRENCY`: invocations at once.
    pub workers: usize,
    /// `AWS_LAMBDA_INITIALIZATION_TYPE` is `snap-start`: a snapshot is taken after the start.
    pub takes_snapshot: bool,
}

/// Why no more invocations can be taken.
#[derive(Debug, Error)]
#[error("the Lambda runtime API did not give an invocation in {ATTEMPTS} attempts: {last}")]
pub struct RuntimeApiError {
    last: String,
}

/// An invocation.
pub struct Invocation {
    /// Lambda's id of it.
    pub request_id: String,
    /// The event, which should be JSON.
    pub event: Vec<u8>,
    /// When Lambda ends the function (`Lambda-Runtime-Deadline-Ms`).
    pub deadline: Option<SystemTime>,
}

/// An invocation that failed. Its sender sees a function error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionError {
    /// `errorType`.
    pub kind: &'static str,
    /// `errorMessage`.
    pub message: String,
}

/// Attempts to get an invocation, one after the other. After them the process ends, and Lambda starts a new one.
const ATTEMPTS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(50);

const REQUEST_ID: &str = "lambda-runtime-aws-request-id";
/// Tells apart two deliveries of one request; the response carries it back.
const INVOCATION_ID: &str = "lambda-runtime-invocation-id";
const DEADLINE: &str = "lambda-runtime-deadline-ms";
const ERROR_TYPE: &str = "lambda-runtime-function-error-type";

impl RuntimeApiConfig {
    /// `None` where the process was not started by Lambda; faults are noted in `variables`.
    #[must_use]
    pub fn from_env(variables: &Variables<'_>) -> Option<Self> {
        let name = "AWS_LAMBDA_RUNTIME_API";
        let address = variables.optional(name)?;
        // Lambda gives a host and a port; its emulator (cargo lambda), a URL with a path.
        let host = address.strip_prefix("http://").unwrap_or(&address);
        let Ok(address) = format!("http://{host}").parse() else {
            variables.fault(name, "not a host and a port, for example `127.0.0.1:9001`");
            return None;
        };
        let workers = variables.number("AWS_LAMBDA_MAX_CONCURRENCY", 1, 1000).unwrap_or(1);
        Some(Self {
            address,
            workers: usize::try_from(workers).unwrap_or(1),
            takes_snapshot: variables.optional("AWS_LAMBDA_INITIALIZATION_TYPE").as_deref() == Some("snap-start"),
        })
    }
}

/// Hands each invocation to `handler`, and posts what it returns: a JSON text, or the error of the function.
///
/// # Errors
/// When no invocation can be had any more. Nothing that is in an invocation ends this.
pub async fn run<H, F>(config: RuntimeApiConfig, log: Log, handler: H) -> Result<(), RuntimeApiError>
where
    H: Fn(Invocation) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<String, FunctionError>> + Send + 'static,
{
    let client = PooledClient::builder().with_endpoint(config.address).with_pool_size(config.workers).build();
    let client = Arc::new(client);
    if config.takes_snapshot {
        let restored = call(&client, Method::GET, "restore/next", HeaderMap::new(), Vec::new()).await;
        restored.map_err(|last| RuntimeApiError { last })?;
        // Connections do not outlive the snapshot.
        client.reset_pool();
    }
    let mut workers = JoinSet::new();
    for _ in 0..config.workers {
        let worker = Worker { client: Arc::clone(&client), handler: handler.clone(), log };
        workers.spawn(worker.run());
    }
    // A worker ends only when the API is gone, which is gone for the others as well.
    match workers.join_next().await {
        Some(Ok(result)) => result,
        Some(Err(panicked)) => Err(RuntimeApiError { last: panicked.to_string() }),
        None => Ok(()),
    }
}

struct Worker<H> {
    client: Arc<PooledClient>,
    handler: H,
    log: Log,
}

impl<H, F> Worker<H>
where
    H: Fn(Invocation) -> F,
    F: Future<Output = Result<String, FunctionError>>,
{
    async fn run(self) -> Result<(), RuntimeApiError> {
        loop {
            let (headers, event) = self.next().await?;
            let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
            let request_id = text(REQUEST_ID).unwrap_or_default().to_owned();
            let deadline = text(DEADLINE).and_then(deadline);
            let outcome = (self.handler)(Invocation { request_id: request_id.clone(), event, deadline }).await;
            let mut sent = HeaderMap::new();
            if let Some(id) = headers.get(INVOCATION_ID) {
                sent.insert(INVOCATION_ID, id.clone());
            }
            let (kind, body) = match outcome {
                Ok(response) => ("response", response),
                Err(FunctionError { kind, message }) => {
                    sent.insert(ERROR_TYPE, HeaderValue::from_static(kind));
                    ("error", json!({"errorType": kind, "errorMessage": message}).to_string())
                }
            };
            let path = format!("invocation/{request_id}/{kind}");
            if let Err(problem) = call(&self.client, Method::POST, &path, sent, body.into_bytes()).await {
                self.log.error(format_args!("request {request_id}: Lambda did not take the response: {problem}"));
            }
        }
    }

    async fn next(&self) -> Result<(HeaderMap<HeaderValue>, Vec<u8>), RuntimeApiError> {
        let mut pause = FIRST_PAUSE;
        let mut attempt = 1;
        loop {
            match call(&self.client, Method::GET, "invocation/next", HeaderMap::new(), Vec::new()).await {
                Ok(invocation) => return Ok(invocation),
                Err(last) if attempt == ATTEMPTS => return Err(RuntimeApiError { last }),
                Err(problem) => self.log.warn(format_args!("the Lambda runtime API gave no invocation: {problem}")),
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
            attempt += 1;
        }
    }
}

/// Milliseconds since 1970.
fn deadline(text: &str) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_millis(text.parse().ok()?))
}

/// One call, with its response read whole; what is wrong otherwise.
async fn call(
    client: &PooledClient,
    method: Method,
    path: &str,
    headers: HeaderMap,
    body: Vec<u8>,
) -> Result<(HeaderMap<HeaderValue>, Vec<u8>), String> {
    let request = build_request().method(method).uri(format!("/2018-06-01/runtime/{path}")).body(Body::from(body));
    let mut request = request.map_err(|error| error.to_string())?;
    request.headers_mut().extend(headers);
    let response = client.call(request).await.map_err(|error| error.to_string())?;
    let (parts, body) = response.into_parts();
    let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
    if !parts.status.is_success() {
        return Err(format!("status {}", parts.status.as_u16()));
    }
    Ok((parts.headers, body.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_lambdas_or_its_emulators() {
        for (value, address) in [
            ("127.0.0.1:9001", "http://127.0.0.1:9001/"),
            ("169.254.100.1:9001", "http://169.254.100.1:9001/"),
            ("localhost:80", "http://localhost:80/"),
            ("http://127.0.0.1:9000/.rt", "http://127.0.0.1:9000/.rt"),
        ] {
            let lookup = |name: &str| (name == "AWS_LAMBDA_RUNTIME_API").then(|| value.to_owned());
            let config = RuntimeApiConfig::from_env(&Variables::new(&lookup)).unwrap();
            assert_eq!(config.address.to_string(), address);
        }
    }

    #[test]
    fn deadlines() {
        assert_eq!(deadline("1500"), Some(UNIX_EPOCH + Duration::from_millis(1500)));
        for odd in ["", "soon", "-1", "1.5", "99999999999999999999"] {
            assert_eq!(deadline(odd), None, "{odd}");
        }
    }
}
