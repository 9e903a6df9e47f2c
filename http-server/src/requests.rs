//! The requests of one connection that are under way: one at a time in HTTP/1, many in HTTP/2.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_body::Body;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::header::UPGRADE;
use hyper::{Request, Response, Version};
use tokio::sync::watch;

use crate::arrival::Arrival;
use crate::connection::Held;
use crate::pace::Pace;
use crate::permits::Permit;
use crate::server::Limits;
use crate::upgrade::{Offer, Upgrade};

#[derive(Clone)]
pub(crate) struct Requests(Arc<Shared>);

struct Shared {
    permit: Arc<Permit>,
    pace: Arc<Pace>,
    stopped: watch::Receiver<()>,
    under_way: AtomicUsize,
    offer: Arc<Offer>,
}

impl Requests {
    pub(crate) fn new(held: &Held) -> Self {
        Self(Arc::new(Shared {
            permit: Arc::clone(&held.permit),
            pace: Arc::clone(&held.pace),
            stopped: held.stopped.clone(),
            under_way: AtomicUsize::new(0),
            offer: Arc::default(),
        }))
    }

    pub(crate) fn begin(&self, request: &mut Request<Incoming>) -> UnderWay {
        let shared = &self.0;
        shared.under_way.fetch_add(1, Ordering::Relaxed);
        shared.pace.request_begins();
        // In HTTP/2 a peer that takes no response costs nothing and never ends: its handler says what deserves a permit.
        if request.body().is_end_stream() && request.version() != Version::HTTP_2 {
            shared.permit.request_is_whole();
        } else {
            request.extensions_mut().insert(Arrival::new(Arc::clone(&shared.permit)));
        }
        if request.version() == Version::HTTP_11 && request.headers().contains_key(UPGRADE) {
            request.extensions_mut().insert(Upgrade::offer(&shared.offer));
        }
        UnderWay(Arc::clone(shared))
    }

    /// Where a connection that is no longer HTTP's is waited for.
    pub(crate) fn offer(&self) -> Arc<Offer> {
        Arc::clone(&self.0.offer)
    }
}

/// A request from its headers to the end of its response, or until either is given up.
pub(crate) struct UnderWay(Arc<Shared>);

impl UnderWay {
    /// Whether the connection ends with its response. The server's stop drops the sender. A body that was not read to its
    /// end leaves nothing to go on from.
    pub(crate) fn is_last(&self, limits: Limits) -> bool {
        self.0.permit.is_waiting() || self.0.pace.is_over(limits.lifetime) || self.0.stopped.has_changed().is_err()
    }

    pub(crate) fn switch(&self) {
        self.0.pace.switch();
    }

    /// The request is under way for as long as there is something of its response's body.
    pub(crate) fn attach_to<B: Body>(
        self,
        response: Response<B>,
    ) -> Response<impl Body<Data = B::Data, Error = B::Error>> {
        response.map(|body| {
            body.map_err(move |error| {
                let _held = &self;
                error
            })
        })
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if self.0.under_way.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.permit.request_ends();
            self.0.pace.request_ends();
        }
    }
}
