//! Responses: the upstream's on its way through, and the gateway's own.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use vending_api::ErrorResponse;

use crate::error::GatewayError;
use crate::exchange::Exchange;
use crate::gateway::Inbound;
use crate::identity_headers::{REQUEST_ID, clean_response};
use crate::request_body::BodyProgress;
use crate::upstream::Connection;

/// Today's middleware answers this, and monitors compare it.
const HEALTHY: &str = r#"{"status": "healthy", "service": "m2m-auth-middleware"}"#;

/// The body of any response.
pub struct GatewayBody {
    source: Source,
    status: u16,
    exchange: Option<Exchange>,
}

enum Source {
    Own(Full<Bytes>),
    Upstream { body: Incoming, back: Option<Back> },
}

/// Where the connection goes when the response has ended.
pub struct Back {
    /// Whose worker's pool.
    pub inbound: Arc<Inbound>,
    /// What goes back.
    pub connection: Connection,
    /// A body that was not taken whole still stands in the connection.
    pub request_body: BodyProgress,
}

impl GatewayBody {
    /// Of the gateway itself.
    #[must_use]
    pub fn own(text: impl Into<Bytes>, status: u16, exchange: Option<Exchange>) -> Self {
        Self { source: Source::Own(Full::new(text.into())), status, exchange }
    }

    /// Of the upstream.
    #[must_use]
    pub fn of_upstream(body: Incoming, back: Back, status: u16, exchange: Exchange) -> Self {
        Self { source: Source::Upstream { body, back: Some(back) }, status, exchange: Some(exchange) }
    }

    /// Of a response that the gateway made.
    #[must_use]
    pub fn into_own(mut self) -> Full<Bytes> {
        match std::mem::replace(&mut self.source, Source::Own(Full::default())) {
            Source::Own(body) => body,
            Source::Upstream { .. } => Full::default(),
        }
    }

    fn end(&mut self) {
        if let Some(mut exchange) = self.exchange.take() {
            exchange.ended(self.status);
        }
        if let Source::Upstream { back, .. } = &mut self.source
            && let Some(Back { inbound, connection, request_body }) = back.take()
            && request_body.is_complete()
        {
            inbound.gateway.upstream.give_back(connection, inbound.worker);
        }
    }
}

impl Body for GatewayBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = match &mut self.source {
            Source::Own(body) => Pin::new(body).poll_frame(context).map_err(|never| match never {}),
            Source::Upstream { body, .. } => Pin::new(body).poll_frame(context),
        };
        match frame {
            Poll::Ready(Some(Ok(mut frame))) => {
                let is_last = frame.is_trailers();
                if let Some(trailers) = frame.trailers_mut() {
                    clean_response(trailers);
                }
                // Nobody asks for more once the trailers have come.
                if is_last || self.is_end_stream() {
                    self.end();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(None) => {
                self.end();
                Poll::Ready(None)
            }
            other => other,
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Own(body) => body.is_end_stream(),
            Source::Upstream { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Own(body) => body.size_hint(),
            Source::Upstream { body, .. } => body.size_hint(),
        }
    }
}

/// A body without bytes, or a response to HEAD, is never polled.
impl Drop for GatewayBody {
    fn drop(&mut self) {
        if self.is_end_stream() {
            self.end();
        }
    }
}

/// A refusal: status, headers and body from the one table in [`crate::error`].
#[must_use]
pub fn refusal(error: &GatewayError, request_id: &HeaderValue, exchange: Option<Exchange>) -> Response<GatewayBody> {
    let told = error.told();
    let body = ErrorResponse {
        error: told.code.to_owned(),
        error_description: error.to_string(),
        request_id: request_id.to_str().unwrap_or_default().to_owned(),
        retryable: error.is_retryable(),
        steps: Vec::new(),
    };
    // A struct of strings always serializes.
    let text = serde_json::to_string(&body).unwrap_or_default();
    let mut response = own(told.status, text, request_id, exchange);
    let headers = response.headers_mut();
    let mut insert = |name, text: String| {
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(name, value);
        }
    };
    if let Some(challenge) = error.challenge() {
        insert(WWW_AUTHENTICATE, challenge);
    }
    if let Some(retry_after) = told.retry_after {
        insert(RETRY_AFTER, retry_after.as_secs().max(1).to_string());
    }
    if let GatewayError::MethodNotAllowed { allow } = error {
        insert(ALLOW, allow.clone());
    }
    response
}

/// **kept**
#[must_use]
pub fn healthy(request_id: &HeaderValue, exchange: Option<Exchange>) -> Response<GatewayBody> {
    own(200, HEALTHY.to_owned(), request_id, exchange)
}

/// Without a body.
#[must_use]
pub fn empty(status: u16, request_id: &HeaderValue, exchange: Option<Exchange>) -> Response<GatewayBody> {
    let mut response = own(status, String::new(), request_id, exchange);
    response.headers_mut().remove(CONTENT_TYPE);
    response
}

fn own(status: u16, text: String, request_id: &HeaderValue, exchange: Option<Exchange>) -> Response<GatewayBody> {
    let mut response = Response::new(GatewayBody::own(text, status, exchange));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REQUEST_ID, request_id.clone());
    response
}
