//! The instance metadata service of EC2, version 2, for programs that support nothing else. It knows no secret, so it is
//! off unless `--imds` is given. Version 1, a plain GET, is refused.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac::{self, HMAC_SHA256, Key, Tag};
use aws_lc_rs::rand::SystemRandom;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http_server::Peer;
use hyper::Method;
use hyper::body::Bytes;
use hyper::header::HeaderValue;
use hyper::http::request::Parts;

use super::container::with_status;
use super::offer::{Offer, Offers};
use super::refusal::Refusal;
use super::{HttpResponse, respond, text};
use crate::error::Error;
use crate::output;
use crate::timestamp;

pub(crate) const ROOT: &str = "/latest/";

const TOKEN: &str = "x-aws-ec2-metadata-token";
const TOKEN_LIFETIME: &str = "x-aws-ec2-metadata-token-ttl-seconds";
const MAX_TOKEN_LIFETIME: u64 = 21_600;
const CREDENTIALS: &str = "/latest/meta-data/iam/security-credentials";

/// Makes and verifies session tokens: each holds its own end, so none has to be remembered.
pub(crate) struct Imds {
    key: Key,
}

impl Imds {
    pub(crate) fn new() -> Result<Self, Error> {
        let key = Key::generate(HMAC_SHA256, &SystemRandom::new()).map_err(|_| Error::Random)?;
        Ok(Self { key })
    }

    pub(crate) async fn handle(&self, request: &Parts, offers: &Offers, peer: &Peer) -> HttpResponse {
        let response = match (&request.method, request.uri.path()) {
            (&Method::PUT, "/latest/api/token") => self.token(request, timestamp::now()),
            (_, "/latest/api/token") => Err(Refusal::Method { allowed: "PUT" }),
            (&Method::GET | &Method::HEAD, path) if self.is_session(request, timestamp::now()) => {
                metadata(path, offers, peer).await
            }
            (&Method::GET | &Method::HEAD, _) => Err(Refusal::SessionToken),
            _ => Err(Refusal::Method { allowed: "GET, HEAD" }),
        };
        response
            .unwrap_or_else(|refusal| with_status(text(format!("{refusal}\n")), refusal.status_and_code().0, &refusal))
    }

    fn token(&self, request: &Parts, now: SystemTime) -> Result<HttpResponse, Refusal> {
        let given = request.headers.get(TOKEN_LIFETIME).and_then(|value| value.to_str().ok()?.parse().ok());
        let seconds: u64 =
            given.filter(|seconds| (1..=MAX_TOKEN_LIFETIME).contains(seconds)).ok_or(Refusal::TokenLifetime)?;
        let mut response = text(self.sealed(now + Duration::from_secs(seconds)));
        response.headers_mut().insert(TOKEN_LIFETIME, HeaderValue::from(seconds));
        Ok(response)
    }

    /// The end of the session and a seal on it.
    fn sealed(&self, end: SystemTime) -> String {
        let end = end.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs().to_be_bytes();
        let seal: Tag = hmac::sign(&self.key, &end);
        URL_SAFE_NO_PAD.encode([&end, seal.as_ref()].concat())
    }

    fn is_session(&self, request: &Parts, now: SystemTime) -> bool {
        let given = request.headers.get(TOKEN).and_then(|value| URL_SAFE_NO_PAD.decode(value).ok()).unwrap_or_default();
        let Some((end, seal)) = given.split_first_chunk::<8>() else { return false };
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        hmac::verify(&self.key, end, seal).is_ok() && now < u64::from_be_bytes(*end)
    }
}

async fn metadata(path: &str, offers: &Offers, peer: &Peer) -> Result<HttpResponse, Refusal> {
    if let Some(rest) = path.strip_prefix(CREDENTIALS) {
        return match rest.strip_prefix('/').unwrap_or(rest) {
            // All SDKs take the response for one name, whatever it holds.
            "" => Ok(text(offers.find("", peer).await?.name.clone())),
            name if rest.starts_with('/') => credentials(offers.find(name, peer).await?).await,
            _ => Err(Refusal::NoSuchPath),
        };
    }
    let region = match path {
        "/latest/meta-data/placement/region" | "/latest/dynamic/instance-identity/document" => {
            offers.find("", peer).await?.region.clone().ok_or(Refusal::NoSuchPath)?
        }
        _ => return Err(Refusal::NoSuchPath),
    };
    if path.ends_with("/region") {
        return Ok(text(region));
    }
    Ok(respond("application/json", output::imds::document(&region)))
}

async fn credentials(offer: &Offer) -> Result<HttpResponse, Refusal> {
    let found = offer.keeper.current().await;
    let credentials = found.map_err(|failure| Refusal::unavailable(failure, offer.keeper.state().borrow().pause()))?;
    Ok(respond("application/json", Bytes::from_owner(output::imds::format(&credentials))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(name: &str, value: &str) -> Parts {
        hyper::Request::put("/latest/api/token").header(name, value).body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_session_lasts_as_long_as_was_asked_for() {
        let (imds, now) = (Imds::new().unwrap(), UNIX_EPOCH + Duration::from_secs(1_767_225_600));
        let token = imds.sealed(now + Duration::from_secs(60));
        let is_session = |token: &str, at| imds.is_session(&request(TOKEN, token), at);
        assert!(is_session(&token, now) && is_session(&token, now + Duration::from_secs(59)));
        assert!(!is_session(&token, now + Duration::from_secs(60)));
        let longer = format!("{}{}", &Imds::new().unwrap().sealed(now + Duration::from_secs(999))[..10], &token[10..]);
        for wrong in
            ["", "a", "AAAAAAAAAAA", &longer, &token[1..], &Imds::new().unwrap().sealed(now + Duration::from_secs(60))]
        {
            assert!(!is_session(wrong, now), "{wrong}");
        }
    }

    #[test]
    fn lifetimes() {
        let imds = Imds::new().unwrap();
        for (given, is_good) in
            [("1", true), ("21600", true), ("0", false), ("21601", false), ("", false), ("-1", false)]
        {
            assert_eq!(imds.token(&request(TOKEN_LIFETIME, given), UNIX_EPOCH).is_ok(), is_good, "{given}");
        }
        assert!(imds.token(&request("x-other", "1"), UNIX_EPOCH).is_err());
    }
}
