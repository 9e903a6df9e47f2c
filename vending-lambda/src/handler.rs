//! The routes: one request in, one response and one audit line out.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use audit::{Amount, Metric, RequestFacts};
use authenticate::TrustedIssuers;
use entrance::audit_line::{self, AuditError};
use entrance::events::EventError;
use entrance::{ApiRequest, ApiResponse, Judged as _, Readiness, RequestError, Service, caught, excerpt};
use environment::Log;
use http::Method;
use serde::Serialize;
use vending_api::{ContainerCredentials, ErrorResponse};

use crate::error::VendError;
use crate::request::{MAX_BODY_BYTES, VendRequest};
use crate::vend::{Trail, Vendor};
use crate::{explain, ready};

const OPENAPI: &str = include_str!("openapi.json");

const PATHS: &str = "/credentials, /explain, /health, /ready and /openapi.json";

/// The whole service behind its entrances.
pub struct Api {
    /// The pipeline.
    pub vendor: Vendor,
    /// Answers `/ready`.
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
}

#[derive(Clone, Copy)]
enum Route {
    Vend,
    VendToSdk,
    Explain,
    Health,
    Ready,
    OpenApi,
}

impl Route {
    fn find(method: &Method, path: &str) -> Result<Self, RequestError> {
        let (routes, allow): (&[(Method, Self)], _) = match path {
            "/credentials" => (&[(Method::POST, Self::Vend), (Method::GET, Self::VendToSdk)], "GET, POST"),
            "/explain" => (&[(Method::POST, Self::Explain)], "POST"),
            "/health" => (&[(Method::GET, Self::Health)], "GET, HEAD"),
            "/ready" => (&[(Method::GET, Self::Ready)], "GET, HEAD"),
            "/openapi.json" => (&[(Method::GET, Self::OpenApi)], "GET, HEAD"),
            _ => return Err(RequestError::not_found(path, PATHS)),
        };
        // RFC 9110 §9.3.2: as GET, without the body. Nothing is vended to somebody who wants no credentials.
        let sought = if *method == Method::HEAD && path != "/credentials" { &Method::GET } else { method };
        let found = routes.iter().find(|(allowed, _)| allowed == sought).map(|(_, route)| *route);
        found.ok_or(RequestError::MethodNotAllowed { allow })
    }
}

impl Service for Api {
    const MAX_BODY_BYTES: usize = MAX_BODY_BYTES;
    const DIRECT_PATH: &'static str = "/credentials";
    const GRACE: Duration = Duration::from_secs(10);

    fn log(&self) -> Log {
        self.log
    }

    fn issuers(&self) -> &TrustedIssuers {
        &self.vendor.issuers
    }

    /// Never fails: a panic becomes a 500 that carries the request id and nothing else.
    #[allow(clippy::disallowed_methods)] // Time enters here, once a request, and is an argument from here on.
    async fn handle(&self, request: ApiRequest) -> ApiResponse {
        let now = SystemTime::now();
        let routed = async { Ok::<_, VendError>(Box::pin(self.route(&request, now)).await) };
        let response = caught(self.log, &request.request_id, routed).await;
        response.unwrap_or_else(|error| refused(&error, &request.request_id, Vec::new()))
    }

    /// It is on record, and counts as nothing: pings and schedules are no denials.
    #[allow(clippy::disallowed_methods)] // As in `handle`.
    async fn refuse_event(&self, error: EventError, request_id: &str, source_ip: Option<IpAddr>) -> ApiResponse {
        let error = VendError::Request(error.into());
        let trail = Trail::new(source_ip, false);
        let decision = Decided { request_id, route: "event", now: SystemTime::now(), metric: Metric::Uncounted };
        let audited = self.audit(&decision, &trail, Some(&error)).await;
        refused(&audited.err().unwrap_or(error), request_id, Vec::new())
    }

    fn refuse(error: RequestError, request_id: &str) -> ApiResponse {
        refused(&error.into(), request_id, Vec::new())
    }
}

impl Api {
    async fn route(&self, request: &ApiRequest, now: SystemTime) -> ApiResponse {
        let (method, path) = (excerpt(request.method.as_str()), excerpt(&request.path));
        self.log.debug(format_args!("request {} {method} {path}", request.request_id));
        let route = Route::find(&request.method, &request.path);
        let is_decision = matches!(route, Ok(Route::Vend | Route::VendToSdk | Route::Explain));
        if let (Err(error), false) = (&request.body, is_decision) {
            return refused(&error.clone().into(), &request.request_id, Vec::new());
        }
        match route {
            Ok(Route::Vend) => self.vend(request, now, false).await,
            Ok(Route::VendToSdk) => self.vend(request, now, true).await,
            Ok(Route::Explain) => self.explain(request, now).await,
            Ok(Route::Health) => ApiResponse::json(200, r#"{"status":"ok"}"#.to_owned(), &request.request_id),
            Ok(Route::Ready) => {
                let checks = Box::pin(ready::checks(&self.vendor, self.log, now));
                self.readiness.respond(checks, now, &request.request_id).await
            }
            Ok(Route::OpenApi) => ApiResponse::json(200, OPENAPI.to_owned(), &request.request_id),
            Err(error) => refused(&error.into(), &request.request_id, Vec::new()),
        }
    }

    async fn vend(&self, request: &ApiRequest, now: SystemTime, for_sdk: bool) -> ApiResponse {
        let mut trail = Trail::new(request.source_ip, false);
        let vending = async {
            let wanted = trail.step("request", || VendRequest::read(request))?;
            self.vendor.vend(&wanted, &request.request_id, now, &mut trail).await
        };
        let vended = caught(self.log, &request.request_id, Box::pin(vending)).await;
        let route = format!("{} {}", request.method, request.path);
        let decision =
            Decided { request_id: &request.request_id, route: &route, now, metric: Metric::Decision("Vends") };
        let audited = self.audit(&decision, &trail, vended.as_ref().err()).await;
        match audited.and(vended) {
            Ok(vended) if for_sdk => {
                let credentials = vended.credentials;
                let shape = ContainerCredentials {
                    access_key_id: credentials.access_key_id,
                    secret_access_key: credentials.secret_access_key,
                    token: credentials.session_token,
                    expiration: credentials.expiration,
                    role_arn: vended.role_arn,
                    account_id: vended.account_id,
                };
                ok(&shape, &request.request_id)
            }
            Ok(vended) => ok(&vended, &request.request_id),
            Err(error) => refused(&error, &request.request_id, Vec::new()),
        }
    }

    /// The decision without the credentials. Whoever cannot show a genuine token gets the plain refusal, with the
    /// steps up to it, and so does a request that was not decided: a caller or a health check that looks at the status alone
    /// must not take a service that fails for one that works.
    async fn explain(&self, request: &ApiRequest, now: SystemTime) -> ApiResponse {
        let mut trail = Trail::new(request.source_ip, true);
        let deciding = async {
            let wanted = trail.step("request", || VendRequest::read(request))?;
            self.vendor.decide(&wanted, now, &mut trail).await.map(|_| ())
        };
        let decided = caught(self.log, &request.request_id, Box::pin(deciding)).await;
        let route = format!("{} {}", request.method, request.path);
        let decision =
            Decided { request_id: &request.request_id, route: &route, now, metric: Metric::Any("Explanations") };
        let audited = self.audit(&decision, &trail, decided.as_ref().err()).await;
        let is_verified = trail.is_verified();
        let observed = trail.members().observed.clone();
        let steps = explain::steps(trail);
        match audited.and(decided) {
            Err(error) if !is_verified || error.is_failure() => refused(&error, &request.request_id, steps),
            decided => {
                let error = decided.as_ref().err();
                ok(&explain::explanation(error, &observed, steps, &request.request_id), &request.request_id)
            }
        }
    }

    /// Puts a decision on record. Nobody hears of it before.
    async fn audit(&self, decision: &Decided<'_>, trail: &Trail, error: Option<&VendError>) -> Result<(), VendError> {
        let is_vend = matches!(decision.metric, Metric::Decision(_));
        let observed = Amount::observed_denials(trail.members().observed.len()).filter(|_| is_vend);
        let facts = RequestFacts {
            request_id: decision.request_id,
            route: decision.route,
            now: decision.now,
            cold_start: self.cold.swap(false, Ordering::Relaxed),
            jwks_refetches: self.vendor.issuers.take_refetches(),
            namespace: &self.metrics_namespace,
            metric: decision.metric,
            amounts: observed.as_slice(),
        };
        let corrected = |late: AuditError| trail.line(&facts, Some(&late.into()));
        Ok(audit_line::write(&trail.line(&facts, error), corrected).await?)
    }
}

fn ok<T: Serialize>(body: &T, request_id: &str) -> ApiResponse {
    // Structs of strings always serialize.
    ApiResponse::json(200, serde_json::to_string(body).unwrap_or_default(), request_id)
}

/// The response to an error: status, headers and body from the one table in [`crate::error`].
fn refused(error: &VendError, request_id: &str, steps: Vec<vending_api::ExplainStep>) -> ApiResponse {
    let verdict = error.verdict();
    let body = ErrorResponse {
        error: verdict.code.to_owned(),
        error_description: error.to_string(),
        request_id: request_id.to_owned(),
        retryable: verdict.retryable,
        steps,
    };
    ApiResponse::error(&verdict, serde_json::to_string(&body).unwrap_or_default(), request_id)
}

#[cfg(test)]
mod tests {
    use entrance::Call;
    use environment::LogLevel;
    use serde_json::Value;

    use super::*;

    /// Once STS was called there may be credentials: the line names the token, and every step that was taken.
    #[tokio::test]
    async fn a_panic_leaves_what_was_known_on_record() {
        let request = |token: &str| ApiRequest {
            method: Method::POST,
            path: "/credentials".to_owned(),
            query: Vec::new(),
            headers: http::HeaderMap::new(),
            body: Ok(format!(r#"{{"access_token":"{token}"}}"#).into_bytes()),
            source_ip: Some([203, 0, 113, 9].into()),
            request_id: "r".to_owned(),
            call: Call::now(None),
        };
        for token in ["", "a.b.c", "d"] {
            let request = request(token);
            let mut trail = Trail::new(request.source_ip, false);
            let pipeline = async {
                trail.step("request", || VendRequest::read(&request))?;
                trail.step("rate_limit", || Ok::<(), VendError>(()))?;
                let sts = async { if token.is_empty() { Ok(()) } else { panic!("of a library") } };
                trail.wait::<(), VendError>("sts", sts).await
            };
            let log = Log::of_service("test", LogLevel::Error);
            let error = caught(log, "r", pipeline).await.unwrap_err();
            let facts = RequestFacts {
                request_id: "r",
                route: "POST /credentials",
                now: SystemTime::UNIX_EPOCH,
                cold_start: false,
                jwks_refetches: 0,
                namespace: "n",
                metric: Metric::Decision("Vends"),
                amounts: &[],
            };
            let line: Value = serde_json::from_str(&trail.line(&facts, Some(&error))).unwrap();
            assert_eq!(line["source_ip"], "203.0.113.9");
            let is_known = !token.is_empty();
            assert_eq!(line["token_sha256"].is_string(), is_known, "{line}");
            assert_eq!(line["LatencyMs.rate_limit"].is_number(), is_known, "{line}");
            let (decision, code) = if is_known { ("error", "internal_error") } else { ("deny", "invalid_request") };
            assert_eq!((&line["decision"], &line["code"]), (&decision.into(), &code.into()), "{line}");
        }
    }
}
