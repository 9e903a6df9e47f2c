//! The local endpoint: what the AWS SDKs ask on this machine, answered from memory.
//!
//! A request passes the `guard`, finds its route here, and then the `offer` that this peer may have.

mod authorization_token;
mod container;
mod guard;
mod health;
mod imds;
pub(crate) mod listener;
mod metrics;
pub(crate) mod offer;
mod refusal;
mod server;

use std::sync::{Arc, PoisonError, RwLock};

use http_body_util::Full;
use http_server::{Listener, Peer};
use hyper::body::Bytes;
use hyper::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Response};

pub(crate) use self::authorization_token::{AuthorizationToken, TokenFile};
use self::guard::OwnHost;
use self::imds::Imds;
pub(crate) use self::listener::{ListenAddress, ListenError, bind, inherited};
use self::metrics::Requests;
pub(crate) use self::offer::{Offer, Offers};
use self::refusal::Refusal;
pub(crate) use self::server::start;
use crate::error::Error;

type HttpResponse = Response<Full<Bytes>>;

/// What all connections share.
pub(crate) struct Endpoint {
    offers: RwLock<Arc<Offers>>,
    /// Without one, a peer's user or a session of `IMDSv2` decides.
    token: Option<AuthorizationToken>,
    imds: Option<Imds>,
    own_host: OwnHost,
    requests: Requests,
}

impl Endpoint {
    pub(crate) fn new(offers: Offers, token: Option<AuthorizationToken>, listener: &Listener) -> Self {
        Self {
            offers: RwLock::new(Arc::new(offers)),
            token,
            imds: None,
            own_host: OwnHost::of(listener),
            requests: Requests::default(),
        }
    }

    /// Answers as the instance metadata service does, too: to every process, unless users are named.
    pub(crate) fn with_imds(self) -> Result<Self, Error> {
        Ok(Self { imds: Some(Imds::new()?), ..self })
    }

    pub(crate) fn offers(&self) -> Arc<Offers> {
        Arc::clone(&self.offers.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn replace_offers(&self, offers: Offers) {
        *self.offers.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(offers);
    }

    /// The connection ends with it: Fluent Bit takes one that is closed later, between two requests, for a response that
    /// has still to come, and hangs. The SDKs come back once in many minutes, on a connection of their own.
    async fn handle(&self, request: &Parts, peer: &Peer) -> HttpResponse {
        let mut response = match guard::check(request, self.own_host) {
            Ok(()) => self.route(request, peer).await,
            Err(refusal) => container::refusal(&refusal),
        };
        self.requests.count(response.status());
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        response
    }

    async fn route(&self, request: &Parts, peer: &Peer) -> HttpResponse {
        let path = request.uri.path();
        if let (Some(imds), true) = (&self.imds, path.starts_with(imds::ROOT)) {
            return imds.handle(request, &self.offers(), peer).await;
        }
        let is_read = matches!(request.method, Method::GET | Method::HEAD);
        match path {
            _ if !is_read => container::refusal(&Refusal::Method { allowed: "GET, HEAD" }),
            "/livez" => health::live(&self.offers()),
            "/readyz" => health::ready(&self.offers(), self.may_know_details(request, peer).await),
            "/metrics" => metrics::handle(&self.offers(), &self.requests, self.may_know_details(request, peer).await),
            _ => match container::name_in(path) {
                Some(name) => container::handle(request, name, &self.offers(), self.token.as_ref(), peer).await,
                None => container::refusal(&Refusal::NoSuchPath),
            },
        }
    }

    /// Identities' names and what fails, with the paths of secrets in it: not for every user of the machine.
    async fn may_know_details(&self, request: &Parts, peer: &Peer) -> bool {
        match &self.token {
            Some(token) => token.is_shown_with_scheme_in(&request.headers),
            None => peer.is_unix() && peer.uid().await == Some(rustix::process::geteuid().as_raw()),
        }
    }
}

fn text(body: impl Into<Bytes>) -> HttpResponse {
    respond("text/plain; charset=utf-8", body)
}

fn respond(content_type: &'static str, body: impl Into<Bytes>) -> HttpResponse {
    let mut response = Response::new(Full::new(body.into()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    // RFC 9111 §5.2.2.5: nothing on the way may keep it.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
