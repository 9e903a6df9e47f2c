//! Looking names up.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::thread;

use tokio::sync::oneshot;

/// The addresses of a name, from the system's resolver, which blocks, on a thread of its own for each name. Tokio's own
/// way panics where no thread can be had; here that is a look-up that fails.
///
/// # Errors
/// When the name has no address, the resolver cannot be asked, or there is no thread.
pub async fn look_up(name: &str) -> io::Result<Vec<IpAddr>> {
    let (found, result) = oneshot::channel();
    let name = name.to_owned();
    let looking = move || {
        let addresses = (name.as_str(), 0).to_socket_addrs();
        // The receiver is gone where the caller has timed out.
        let _ = found.send(addresses.map(|addresses| addresses.map(|address: SocketAddr| address.ip()).collect()));
    };
    let no_thread =
        |cause: io::Error| io::Error::new(cause.kind(), format!("no thread for the name's look-up: {cause}"));
    thread::Builder::new().name("resolver".to_owned()).spawn(looking).map_err(no_thread)?;
    result.await.map_err(|_| io::Error::other("the name's look-up ended without a result"))?
}
