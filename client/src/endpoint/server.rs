//! The server of the local endpoint: its limits, and one handler a connection.

use std::sync::Arc;
use std::time::Duration;

use http_server::{Admission, Limits, Listener, Server};

use super::refusal::Refusal;
use super::{Endpoint, container};
use environment::Log;

const LIMITS: Limits = Limits {
    // Until the request is there with its token: programs of this machine send it at once.
    headers_within: Duration::from_secs(5),
    // For a peer that reads nothing: no connection has a second request.
    idle: Duration::from_secs(60),
    keep_alive: false,
    // A token is 43 bytes.
    max_head_bytes: 16 * 1024,
    lifetime: Duration::from_secs(60),
    grace: Duration::from_secs(5),
    // The rest of the usual 1,024 file descriptors is for fetching.
    max_connections: 768,
    // No user of the machine keeps out the others.
    max_connections_of_source: 512,
    speaks_http_2: false,
    may_wait: false,
};

/// Must be called inside of a runtime.
pub(crate) fn start(listener: Listener, endpoint: Arc<Endpoint>, log: Log) -> Server {
    let accept_failed = move |error| log.warn(format_args!("a connection could not be accepted: {error}"));
    let refuse = Arc::new(|refusal| container::refusal(&Refusal::Connection(refusal)));
    let admission = Admission { limits: LIMITS, proxies: Arc::new([]), refuse };
    Server::start(listener, admission, accept_failed, move |peer| {
        let (endpoint, peer) = (Arc::clone(&endpoint), Arc::new(peer));
        // No route reads a body: hyper drops it, and the connection with it where it is long.
        move |request| {
            let (endpoint, peer) = (Arc::clone(&endpoint), Arc::clone(&peer));
            async move { endpoint.handle(&request.into_parts().0, &peer).await }
        }
    })
}
