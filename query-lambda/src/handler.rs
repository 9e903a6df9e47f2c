//! The routes: one request in, one response and one audit line out.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use audit::{Amount, Metric, RequestFacts};
use authenticate::TrustedIssuers;
use entrance::audit_line::{self, AuditError};
use entrance::events::EventError;
use entrance::{ApiRequest, ApiResponse, Readiness, RequestError, Service, caught, excerpt};
use environment::Log;
use http::Method;

use crate::budget::Budget;
use crate::error::QueryError;
use crate::query::{Circumstances, Queries, Reply, Started, Trail};
use crate::request::{LookupRequest, MAX_BODY_BYTES, StartRequest};
use crate::{ready, response};

const OPENAPI: &str = include_str!("openapi.json");

/// **kept**
const QUERIES: &str = "/query-client-creds";
const PATHS: &str = "/query-client-creds, /query-client-creds/{queryId}, /health, /ready and /openapi.json";
const SECOND: Duration = Duration::from_secs(1);

/// The whole service behind its entrances.
pub struct Api {
    /// The pipelines.
    pub queries: Queries,
    /// Responds to `/ready`.
    pub readiness: Readiness,
    /// Diagnostic lines.
    pub log: Log,
    /// `METRICS_NAMESPACE`.
    pub metrics_namespace: String,
    /// The first decision of this process has not been made yet.
    pub cold: AtomicBool,
}

/// What is put on record, beside its trail and outcome.
struct Decided<'a> {
    request_id: &'a str,
    route: &'a str,
    now: SystemTime,
    metric: Metric,
    /// Whether what the query has scanned is counted: once, with its first page.
    counts_bytes: bool,
}

#[derive(Clone, Copy)]
enum Route<'a> {
    Run,
    LookUp(&'a str),
    Stop(&'a str),
    Health,
    Ready,
    OpenApi,
}

impl<'a> Route<'a> {
    fn find(method: &Method, path: &'a str) -> Result<Self, RequestError> {
        // RFC 9110 §9.3.2: as GET, without the body.
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        let query_id = path.strip_prefix(QUERIES).and_then(|rest| rest.strip_prefix('/')).filter(|id| !id.is_empty());
        let (route, is_allowed, allow) = match (path, query_id) {
            (_, Some(id)) if *method == Method::DELETE => (Self::Stop(id), true, ""),
            (_, Some(id)) => (Self::LookUp(id), *method == Method::GET, "GET, HEAD, DELETE"),
            (QUERIES, None) => (Self::Run, *method == Method::POST, "POST"),
            ("/health", None) => (Self::Health, *method == Method::GET, "GET, HEAD"),
            ("/ready", None) => (Self::Ready, *method == Method::GET, "GET, HEAD"),
            ("/openapi.json", None) => (Self::OpenApi, *method == Method::GET, "GET, HEAD"),
            _ => return Err(RequestError::not_found(path, PATHS)),
        };
        if is_allowed { Ok(route) } else { Err(RequestError::MethodNotAllowed { allow }) }
    }
}

impl Service for Api {
    const MAX_BODY_BYTES: usize = MAX_BODY_BYTES;
    const DIRECT_PATH: &'static str = QUERIES;
    /// A query is waited for up to 25 s.
    const GRACE: Duration = Duration::from_secs(29);

    fn log(&self) -> Log {
        self.log
    }

    fn issuers(&self) -> &TrustedIssuers {
        &self.queries.issuers
    }

    async fn prepare(&self) -> anyhow::Result<()> {
        ready::check_workgroup(&self.queries, self.log).await
    }

    /// Never fails: a panic becomes a 500 that carries the request id and nothing else.
    #[allow(clippy::disallowed_methods)] // Time enters here, once a request, and is an argument from here on.
    async fn handle(&self, request: ApiRequest) -> ApiResponse {
        let now = SystemTime::now();
        let routed = async { Ok::<_, QueryError>(Box::pin(self.route(&request, now)).await) };
        let handled = caught(self.log, &request.request_id, routed).await;
        handled.unwrap_or_else(|error| response::error(&error, None, &request.request_id))
    }

    /// It is on record, and counts as nothing: pings and schedules are no denials.
    #[allow(clippy::disallowed_methods)] // As in `handle`.
    async fn refuse_event(&self, error: EventError, request_id: &str, source_ip: Option<IpAddr>) -> ApiResponse {
        let error = QueryError::Request(error.into());
        let trail = Trail::new(source_ip, false);
        let (now, metric) = (SystemTime::now(), Metric::Uncounted);
        let decided = Decided { request_id, route: "event", now, metric, counts_bytes: false };
        let audited = self.audit(&decided, &trail, Some(&error)).await;
        response::error(&audited.err().unwrap_or(error), None, request_id)
    }

    fn refuse(error: RequestError, request_id: &str) -> ApiResponse {
        response::error(&error.into(), None, request_id)
    }
}

impl Api {
    async fn route(&self, request: &ApiRequest, now: SystemTime) -> ApiResponse {
        let request_id = &request.request_id;
        let (method, path) = (excerpt(request.method.as_str()), excerpt(&request.path));
        self.log.debug(format_args!("request {request_id} {method} {path}"));
        let route = Route::find(&request.method, &request.path);
        let is_decision = matches!(route, Ok(Route::Run | Route::LookUp(_) | Route::Stop(_)));
        if let (Err(error), false) = (&request.body, is_decision) {
            return response::error(&error.clone().into(), None, request_id);
        }
        match route {
            Ok(Route::Run) => self.run(request, now).await,
            Ok(Route::LookUp(id)) => self.look_after(request, id, now, true).await,
            Ok(Route::Stop(id)) => self.look_after(request, id, now, false).await,
            Ok(Route::Health) => ApiResponse::json(200, r#"{"status":"ok"}"#.to_owned(), request_id),
            Ok(Route::Ready) => {
                let checks = Box::pin(ready::checks(&self.queries, self.log, now));
                self.readiness.respond(checks, now, request_id).await
            }
            Ok(Route::OpenApi) => ApiResponse::json(200, OPENAPI.to_owned(), request_id),
            Err(error) => response::error(&error.into(), None, request_id),
        }
    }

    async fn run(&self, request: &ApiRequest, now: SystemTime) -> ApiResponse {
        let mut trail = Trail::new(request.source_ip, false);
        let mut started: Option<Started> = None;
        let running = async {
            let wanted = trail.step("request", || StartRequest::read(request))?;
            let around = circumstances(request, now, wanted.wait);
            self.queries.run(&wanted, &around, &mut trail, &mut started).await
        };
        let done = caught(self.log, &request.request_id, Box::pin(running)).await;
        let metric = Metric::DecisionBy("Queries", "kind");
        let route = "POST /query-client-creds";
        let decided = Decided { request_id: &request.request_id, route, now, metric, counts_bytes: true };
        let audited = self.audit(&decided, &trail, done.as_ref().err()).await;
        if let (Err(_), Some(query)) = (&audited, &started) {
            self.queries.give_up(query).await;
        }
        respond(audited.and(done), &trail, &request.request_id)
    }

    async fn look_after(&self, request: &ApiRequest, query_id: &str, now: SystemTime, reads: bool) -> ApiResponse {
        let mut trail = Trail::new(request.source_ip, false);
        let mut is_first_page = false;
        let looking = async {
            let wanted = trail.step("request", || LookupRequest::read(request, query_id))?;
            is_first_page = reads && wanted.page.is_first();
            let around = circumstances(request, now, Duration::ZERO);
            if reads {
                self.queries.look_up(&wanted, &around, &mut trail).await
            } else {
                self.queries.stop(&wanted, &around, &mut trail).await
            }
        };
        let done = caught(self.log, &request.request_id, Box::pin(looking)).await;
        let method = if reads { "GET" } else { "DELETE" };
        let route = format!("{method} /query-client-creds/{{queryId}}");
        let decided = Decided {
            request_id: &request.request_id,
            route: &route,
            now,
            metric: Metric::Refusals,
            counts_bytes: is_first_page,
        };
        let audited = self.audit(&decided, &trail, done.as_ref().err()).await;
        respond(audited.and(done), &trail, &request.request_id)
    }

    /// Puts a decision on record. Nobody hears of it before.
    async fn audit(&self, decided: &Decided<'_>, trail: &Trail, error: Option<&QueryError>) -> Result<(), QueryError> {
        let scanned = trail.members().scanned_bytes.filter(|_| decided.counts_bytes);
        let scanned = scanned.map(|value| Amount { name: "BytesScanned", unit: "Bytes", value });
        let observed = Amount::observed_denials(trail.members().observed.len());
        let amounts: Vec<_> = scanned.into_iter().chain(observed).collect();
        let facts = RequestFacts {
            request_id: decided.request_id,
            route: decided.route,
            now: decided.now,
            cold_start: self.cold.swap(false, Ordering::Relaxed),
            jwks_refetches: self.queries.issuers.take_refetches(),
            namespace: &self.metrics_namespace,
            metric: decided.metric,
            amounts: &amounts,
        };
        let corrected = |late: AuditError| trail.line(&facts, Some(&late.into()));
        Ok(audit_line::write(&trail.line(&facts, error), corrected).await?)
    }
}

fn circumstances(request: &ApiRequest, now: SystemTime, wait: Duration) -> Circumstances<'_> {
    Circumstances {
        request_id: &request.request_id,
        source_ip: request.source_ip,
        now,
        budget: Budget::new(&request.call, now, wait),
        presence: &request.call.presence,
    }
}

fn respond(done: Result<Reply, QueryError>, trail: &Trail, request_id: &str) -> ApiResponse {
    match done {
        Ok(Reply::Rows(page)) => {
            let (facts, page, rows) = *page;
            response::rows(&facts, &page, &rows, request_id)
        }
        Ok(Reply::State { status, query_id, state }) => {
            let mut response = response::state(status, &query_id, &state, request_id);
            if status == 202 {
                response.header("retry-after", &SECOND.as_secs().to_string());
            }
            response
        }
        // Whose it is, and whether it is at all, is not this caller's to know.
        Err(error @ QueryError::NotYours) => response::error(&error, None, request_id),
        Err(error) => response::error(&error, trail.members().query_id.as_deref(), request_id),
    }
}
