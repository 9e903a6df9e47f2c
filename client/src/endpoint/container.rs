//! The container credentials of the AWS SDKs: `AWS_CONTAINER_CREDENTIALS_FULL_URI`.

use http_server::Peer;
use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{ALLOW, HeaderValue, RETRY_AFTER};
use hyper::http::request::Parts;
use serde::Serialize;

use super::authorization_token::AuthorizationToken;
use super::offer::{Offer, Offers};
use super::refusal::Refusal;
use super::{HttpResponse, respond};
use crate::output;

/// The second one is for programs that accept the name `localhost` only with that path (Fluent Bit).
const ROOTS: [&str; 2] = ["/credentials", "/2016-11-01/credentialprovider"];

/// The SDKs show `message` to their users.
#[derive(Serialize)]
struct ErrorBody<'a> {
    code: &'a str,
    message: &'a str,
}

/// The identity that a path names; empty where it names none. `None` for a path of something else.
pub(crate) fn name_in(path: &str) -> Option<&str> {
    let rest = ROOTS.iter().find_map(|root| path.strip_prefix(root))?;
    if rest.is_empty() {
        return Some(rest);
    }
    rest.strip_prefix('/').filter(|name| !name.contains('/'))
}

pub(crate) async fn handle(
    request: &Parts,
    name: &str,
    offers: &Offers,
    token: Option<&AuthorizationToken>,
    peer: &Peer,
) -> HttpResponse {
    match find(request, name, offers, token, peer).await {
        Ok(offer) => credentials(offer).await,
        Err(refused) => refusal(&refused),
    }
}

async fn find<'a>(
    request: &Parts,
    name: &str,
    offers: &'a Offers,
    token: Option<&AuthorizationToken>,
    peer: &Peer,
) -> Result<&'a Offer, Refusal> {
    match token {
        Some(token) if !token.is_shown_in(&request.headers) => Err(Refusal::Token),
        // A program of any user can be made to send a plain request over TCP: who its user is does not suffice there.
        None if !peer.is_unix() => Err(Refusal::NoToken),
        _ => offers.find(name, peer).await,
    }
}

async fn credentials(offer: &Offer) -> HttpResponse {
    match offer.keeper.current().await {
        Ok(credentials) => {
            let body = output::container::format(&credentials, offer.role_arn.as_deref());
            respond("application/json", Bytes::from_owner(body))
        }
        Err(failure) => refusal(&Refusal::unavailable(failure, offer.keeper.state().borrow().pause())),
    }
}

pub(crate) fn refusal(refusal: &Refusal) -> HttpResponse {
    let (status, code) = refusal.status_and_code();
    let message = refusal.to_string();
    // Strings: serializing them cannot fail.
    let body = serde_json::to_vec(&ErrorBody { code, message: &message }).unwrap_or_default();
    with_status(respond("application/json", body), status, refusal)
}

pub(crate) fn with_status(mut response: HttpResponse, status: StatusCode, refusal: &Refusal) -> HttpResponse {
    *response.status_mut() = status;
    match refusal {
        Refusal::Method { allowed } => {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
        }
        Refusal::Unavailable { retry_after, .. } => {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_after.as_secs().max(1)));
        }
        Refusal::Connection(_) if status == StatusCode::SERVICE_UNAVAILABLE => {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        _ => {}
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_by_path() {
        for (path, name) in [
            ("/credentials", Some("")),
            ("/credentials/", Some("")),
            ("/credentials/web-01", Some("web-01")),
            ("/2016-11-01/credentialprovider/", Some("")),
            ("/2016-11-01/credentialprovider/web-01", Some("web-01")),
            ("/credentials/a/b", None),
            ("/credentialsx", None),
            ("/", None),
        ] {
            assert_eq!(name_in(path), name, "{path}");
        }
    }
}
