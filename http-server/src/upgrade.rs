//! A connection that becomes something else than HTTP (RFC 9110 §7.8).

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use hyper::body::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;

use crate::connection::Held;
use crate::wire::Wire;

/// Stands in the extensions of a request that asks for another protocol. Whoever responds 101 takes it out and waits for the
/// connection.
#[derive(Clone)]
pub struct Upgrade(Arc<Mutex<Option<oneshot::Receiver<Upgraded>>>>);

/// The connection. It counts as one, and the server's stop waits for it, until it is dropped.
pub struct Upgraded {
    stream: Box<dyn Stream>,
    /// Bytes that came with the request.
    early: Bytes,
    _held: Held,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

pub(crate) type Offer = Mutex<Option<oneshot::Sender<Upgraded>>>;

impl Upgrade {
    pub(crate) fn offer(offer: &Offer) -> Self {
        let (sender, receiver) = oneshot::channel();
        *offer.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        Self(Arc::new(Mutex::new(Some(receiver))))
    }

    pub(crate) fn deliver<S>(offer: &Offer, wire: Wire<S>, early: Bytes, held: Held)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        if let Some(sender) = offer.lock().unwrap_or_else(PoisonError::into_inner).take() {
            held.permit.request_is_whole();
            // Nobody waits: then the connection ends here.
            let _ = sender.send(Upgraded { stream: Box::new(wire), early, _held: held });
        }
    }

    /// The connection, once the response is written; `None` where it broke before.
    pub async fn connection(self) -> Option<Upgraded> {
        let receiver = self.0.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        receiver.await.ok()
    }
}

impl AsyncRead for Upgraded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.early.is_empty() {
            let length = self.early.len().min(buffer.remaining());
            buffer.put_slice(&self.early.split_to(length));
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Upgraded {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
