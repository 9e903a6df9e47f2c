//! The runtimes that connections live on.
//!
//! A runtime of one thread hands its tasks no wake-up calls between cores, which cost more than the work of a small request.
//! Where there is more than one core, there is one such runtime each, and every connection stays where it was put.

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::io;
use std::sync::Arc;

use http_body::Body;
use hyper::body::Incoming;
use hyper::{Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};

use crate::connection;
use crate::permits::Permit;
use crate::server::Admission;

/// Where connections live.
pub struct Workers(Vec<Worker>);

pub(crate) struct Worker {
    number: usize,
    /// `None`: the runtime that accepts.
    runtime: Option<Handle>,
    /// Each connection holds it.
    busy: Arc<()>,
}

/// A stream that can move to another runtime.
pub(crate) trait Movable: AsyncRead + AsyncWrite + Send + Unpin + Sized + 'static {
    type Bare: Send;

    fn leave(self) -> io::Result<Self::Bare>;

    fn enter(bare: Self::Bare) -> io::Result<Self>;
}

impl Workers {
    /// The runtime that accepts.
    #[must_use]
    pub fn here() -> Self {
        Self(vec![Worker { number: 0, runtime: None, busy: Arc::default() }])
    }

    /// These runtimes; the one that accepts where there are none.
    #[must_use]
    pub fn on(runtimes: impl IntoIterator<Item = Handle>) -> Self {
        let worker = |(number, runtime)| Worker { number, runtime: Some(runtime), busy: Arc::default() };
        let workers: Vec<_> = runtimes.into_iter().enumerate().map(worker).collect();
        if workers.is_empty() { Self::here() } else { Self(workers) }
    }

    pub(crate) fn least_busy(&self) -> &Worker {
        let least = self.0.iter().min_by_key(|worker| Arc::strong_count(&worker.busy));
        // There is one: neither constructor makes an empty list.
        least.unwrap_or(&self.0[0])
    }
}

impl Worker {
    pub(crate) fn number(&self) -> usize {
        self.number
    }

    pub(crate) fn serve<S, H, F, B>(
        &self,
        stream: S,
        handler: H,
        admission: Admission,
        stopped: watch::Receiver<()>,
        (permit, connected): (Permit, mpsc::Sender<Infallible>),
    ) where
        S: Movable,
        H: Fn(Request<Incoming>) -> F + Send + 'static,
        F: Future<Output = Response<B>> + Send + 'static,
        B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        let busy = Arc::clone(&self.busy);
        let Some(runtime) = &self.runtime else {
            tokio::spawn(async move {
                connection::serve(stream, handler, admission, stopped, permit, connected).await;
                drop(busy);
            });
            return;
        };
        // A stream that cannot move is one that has broken.
        let Ok(bare) = stream.leave() else { return };
        runtime.spawn(async move {
            if let Ok(stream) = S::enter(bare) {
                connection::serve(stream, handler, admission, stopped, permit, connected).await;
            }
            drop(busy);
        });
    }
}

impl Movable for TcpStream {
    type Bare = std::net::TcpStream;

    fn leave(self) -> io::Result<Self::Bare> {
        self.into_std()
    }

    fn enter(bare: Self::Bare) -> io::Result<Self> {
        Self::from_std(bare)
    }
}

impl Movable for UnixStream {
    type Bare = std::os::unix::net::UnixStream;

    fn leave(self) -> io::Result<Self::Bare> {
        self.into_std()
    }

    fn enter(bare: Self::Bare) -> io::Result<Self> {
        Self::from_std(bare)
    }
}
