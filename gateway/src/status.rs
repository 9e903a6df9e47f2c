//! What operators ask: `/metrics`, `/livez`, `/readyz`, on an address of their own and without a token.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};

use crate::gateway::Gateway;

const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

impl Gateway {
    /// Answers a request of an operator, a probe or Prometheus.
    #[allow(clippy::disallowed_methods)] // Time enters here.
    pub fn respond_to_operator(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are served here\n".to_owned());
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        let now = SystemTime::now();
        match request.uri().path() {
            "/metrics" => self.exposition(now),
            "/livez" => text(StatusCode::OK, "ok\n".to_owned()),
            "/readyz" => self.readiness(now),
            _ => text(StatusCode::NOT_FOUND, "there are /metrics, /livez and /readyz\n".to_owned()),
        }
    }

    fn exposition(&self, now: SystemTime) -> Response<Full<Bytes>> {
        let callers = &self.decider.callers;
        match self.metrics.exposition(&callers.issuers, callers.cached_tokens(), now) {
            Ok(exposition) => {
                let mut response = Response::new(Full::new(exposition.into()));
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(EXPOSITION));
                response
            }
            Err(error) => {
                self.log.error(format_args!("the metrics cannot be written: {error}"));
                text(StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be written; see the log\n".to_owned())
            }
        }
    }

    /// Ready while it takes new requests and can verify some issuer's tokens. The upstream does not count: a gateway that
    /// answers 502 tells the caller more than none.
    fn readiness(&self, now: SystemTime) -> Response<Full<Bytes>> {
        let is_draining = self.is_draining.load(Ordering::Relaxed);
        let mut lines = if is_draining { "draining: no new requests\n".to_owned() } else { String::new() };
        let mut has_keys = false;
        for issuer in self.decider.callers.issuers.iter() {
            let age = issuer.keys.age(now);
            has_keys |= age.is_some();
            let keys = age.map_or("none to be trusted".to_owned(), |age| format!("{} s old", age.as_secs()));
            // Writing to a String cannot fail.
            let _ = writeln!(lines, "keys of {}: {keys}", issuer.rules.url);
        }
        let is_ready = has_keys && !is_draining;
        text(if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, lines)
    }
}

fn text(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
