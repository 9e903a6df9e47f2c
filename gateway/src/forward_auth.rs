//! The same decision for a proxy that sends the request on by itself: nginx `auth_request`, Traefik, Caddy, Envoy.
//!
//! What such a proxy sends on is the path as the caller spelled it, and nothing here can change that. So a path is
//! decided only in its normal form: `/public/../admin` would be decided as `/admin` and served as whatever the upstream
//! makes of it.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, Method, Request, Response, Version};
use hyper::body::Incoming;

use crate::admit::Question;
use crate::error::GatewayError;
use crate::exchange::Exchange;
use crate::gateway::{Gateway, Inbound};
use crate::identity_headers::{CLIENT_ID, ISSUER, SCOPE};
use crate::metrics::method_label;
use crate::path::{Strictness, normalise};
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
    pub async fn respond_to_proxy(inbound: Arc<Inbound>, request: Request<Incoming>) -> Response<GatewayBody> {
        let (this, arrived) = (&*inbound.gateway, inbound.arrived(request.headers()));
        let original = if inbound.is_trusted { original(&request) } else { Err(GatewayError::SourceNotAllowed) };
        let label = original.as_ref().map_or("other", |original| method_label(&original.method));
        let mut exchange = Exchange::begin(Arc::clone(&inbound), label, arrived.started);
        let admitted = match &original {
            Ok(Original { method, path }) => {
                let question = Question { headers: request.headers(), method, path: in_one_spelling(path) };
                this.admit(question, &arrived, &mut exchange).await
            }
            Err(_) => Err(original.err().unwrap_or(GatewayError::Internal)),
        };
        let mut response = match admitted {
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
        };
        this.close_while_draining(&mut response, request.version() <= Version::HTTP_11);
        response
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

/// A path that has to be changed to become normal is refused. The case of hexadecimal digits is not such a change:
/// every reader that decodes them reads the same (RFC 3986 §6.2.2.1), and one that does not is in the same segment.
fn in_one_spelling(path: &str) -> Result<&str, GatewayError> {
    if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(GatewayError::Invalid("the original path holds what no path of a request holds"));
    }
    // Normalising shortens or keeps a path of ASCII characters, and changes no letter outside of `%xx`.
    let normal = normalise(path.as_bytes(), Strictness::Plain)?;
    if !normal.eq_ignore_ascii_case(path) {
        return Err(GatewayError::Invalid(
            "the original path is not in its normal form, in which the upstream gets it from the proxy: no `.` or \
             `..` segments, no empty segments, no percent-encoded letters, digits, `-`, `.`, `_` or `~`",
        ));
    }
    Ok(path)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_decided_in_its_normal_form_alone() {
        for path in
            ["/", "/db/x", "/db/x/", "/a%c3%a4b", "/a%C3%A4b", "/a%20b", "/100%25", "/a;b", "/~user/a.b/..c", "/Db"]
        {
            assert_eq!(in_one_spelling(path).ok(), Some(path), "{path}");
        }
        for path in [
            "",
            "db",
            "*",
            "http://api/db",
            "//",
            "//db",
            "/db//x",
            "/db/.",
            "/./db",
            "/db/..",
            "/public/../admin",
            "/public//../admin",
            "/public/%2e%2e/admin",
            "/public/.%2E/admin",
            "/%64b",
            "/%7Euser",
            "/db%2fx",
            "/db%5cx",
            "/db\\x",
            "/db/..;/x",
            "/db#x",
            "/db x",
            "/db\tx",
            "/dbä",
            "/db%",
        ] {
            assert!(in_one_spelling(path).is_err(), "{path:?}");
        }
    }
}
