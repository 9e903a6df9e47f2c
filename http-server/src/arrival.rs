//! A request's body on its way, and what becomes of the connection's permit meanwhile.

use std::sync::Arc;

use crate::permits::Permit;

/// That a request's body is still to come; stands in the extensions of every request that has one, and of all over HTTP/2.
///
/// Until the handler calls [`Arrival::is_complete`] the connection is one that waits for its peer, and may have to make room
/// for another. Otherwise one peer could hold every permit with bodies that never come. [`crate::read_body`] does all this;
/// a handler that streams a body says itself from when on the request deserves its permit (once its token is verified, for
/// instance), and stops when it is cut short.
#[derive(Clone)]
pub struct Arrival(Arc<Permit>);

impl Arrival {
    pub(crate) fn new(permit: Arc<Permit>) -> Self {
        Self(permit)
    }

    /// From here on the connection makes room for no other until the request is answered.
    pub fn is_complete(&self) {
        self.0.request_is_whole();
    }

    /// Ends when the connection has to make room: the handler should respond at once (503), and the connection ends with
    /// its response, at the latest after [`crate::Limits::grace`].
    pub async fn is_cut_short(&self) {
        self.0.is_cut_short().await;
    }
}
