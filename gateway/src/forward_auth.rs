//! The same decision for a proxy that sends the request on by itself: nginx `auth_request`, Traefik, Caddy, Envoy.

use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, Method, Request, Response};
use hyper::body::Incoming;

use crate::admit::Question;
use crate::error::GatewayError;
use crate::exchange::Exchange;
use crate::gateway::Gateway;
use crate::identity_headers::{CLIENT_ID, ISSUER, SCOPE};
use crate::metrics::method_label;
use crate::response::{GatewayBody, empty, refusal};

const PATH: &str = "/auth";
/// nginx; our configuration for it sets both.
const ORIGINAL: [HeaderName; 2] =
    [HeaderName::from_static("x-original-uri"), HeaderName::from_static("x-original-method")];
/// Traefik and Caddy.
const FORWARDED: [HeaderName; 2] =
    [HeaderName::from_static("x-forwarded-uri"), HeaderName::from_static("x-forwarded-method")];

/// The request that a proxy asks about.
struct Original {
    method: Method,
    path: String,
}

impl Gateway {
    /// Answers 200 with the identity headers, or the refusal.
    pub async fn respond_to_proxy(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: Option<IpAddr>,
    ) -> Response<GatewayBody> {
        let arrived = self.arrived(request.headers(), peer);
        let original = if arrived.is_trusted { original(&request) } else { Err(GatewayError::SourceNotAllowed) };
        let label = original.as_ref().map_or("other", |original| method_label(&original.method));
        let mut exchange = Exchange::begin(Arc::clone(&self.metrics), label, arrived.started);
        let admitted = match &original {
            Ok(Original { method, path }) => {
                let question = Question { headers: request.headers(), method, path: Ok(path) };
                self.admit(question, &arrived, &mut exchange).await
            }
            Err(_) => Err(original.err().unwrap_or(GatewayError::Internal)),
        };
        match admitted {
            Ok(admitted) => {
                let identity = &admitted.caller.value.identity;
                let mut response = empty(200, &arrived.request_id, Some(exchange));
                let headers = response.headers_mut();
                headers.insert(CLIENT_ID, identity.client_id.clone());
                headers.insert(SCOPE, identity.scope.clone());
                headers.insert(ISSUER, identity.issuer.clone());
                response
            }
            Err(error) => {
                exchange.refused(&error);
                refusal(&error, &arrived.request_id, Some(exchange))
            }
        }
    }
}

/// One form, and all of it: a caller that adds another proxy's headers must not be the one who says what is asked.
fn original(request: &Request<Incoming>) -> Result<Original, GatewayError> {
    let path = request.uri().path();
    let forms = [pair(request.headers(), &ORIGINAL)?, pair(request.headers(), &FORWARDED)?];
    let rest = path.strip_prefix(PATH).filter(|rest| rest.is_empty() || rest.starts_with('/'));
    match (rest, forms) {
        (None, _) => Err(GatewayError::NotFound),
        (Some(""), [Some((uri, method)), None] | [None, Some((uri, method))]) => {
            let path = uri.split_once('?').map_or(uri, |(path, _)| path);
            let method = Method::from_bytes(method.as_bytes())
                .map_err(|_| GatewayError::Invalid("the original method is not a method"))?;
            Ok(Original { method, path: path.to_owned() })
        }
        (Some(""), [None, None]) => Err(GatewayError::Invalid(
            "no original request is named: X-Original-URI and X-Original-Method, X-Forwarded-Uri and \
             X-Forwarded-Method, or the path behind /auth",
        )),
        // Envoy.
        (Some(rest), [None, None]) => Ok(Original { method: request.method().clone(), path: rest.to_owned() }),
        _ => Err(GatewayError::Invalid("the original request is named in two ways")),
    }
}

/// A URI and its method, each once; neither is nothing.
fn pair<'a>(headers: &'a HeaderMap, names: &[HeaderName; 2]) -> Result<Option<(&'a str, &'a str)>, GatewayError> {
    let one = |name: &HeaderName| {
        let mut values = headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => value.to_str().map(Some).map_err(|_| BAD),
            (Some(_), Some(_)) => Err(GatewayError::Invalid("the original request is named twice")),
        }
    };
    match (one(&names[0])?, one(&names[1])?) {
        (None, None) => Ok(None),
        (Some(uri), Some(method)) => Ok(Some((uri, method))),
        _ => Err(GatewayError::Invalid("the original request is named by its URI or its method alone")),
    }
}

const BAD: GatewayError = GatewayError::Invalid("the original request is named by something that is not text");
