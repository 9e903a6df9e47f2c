//! Looking names up.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::thread;

use environment::LOOPBACK;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::oneshot;

/// The system's resolver, which blocks, on a thread of its own for each name. The HTTP library's own way ends the
/// process where no thread can be had; here that is a request that fails.
pub(crate) struct SystemNames;

impl Resolve for SystemNames {
    fn resolve(&self, name: Name) -> Resolving {
        let (found, result) = oneshot::channel();
        let name = name.as_str().to_owned();
        let thread = thread::Builder::new().name("resolver".to_owned()).spawn(move || {
            let addresses = (name.as_str(), 0).to_socket_addrs().map(Iterator::collect::<Vec<_>>);
            // The receiver is gone where the request has timed out.
            let _ = found.send(addresses);
        });
        Box::pin(async move {
            thread
                .map_err(|cause| io::Error::new(cause.kind(), format!("no thread for the name's look-up: {cause}")))?;
            let addresses =
                result.await.map_err(|_| io::Error::other("the name's look-up ended without a result"))??;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// For the client that only ever connects to this machine: a name that means loopback is not looked up anywhere, where
/// somebody could have given it another address.
pub(crate) struct LoopbackNames;

impl Resolve for LoopbackNames {
    fn resolve(&self, _name: Name) -> Resolving {
        let addresses: Addrs = Box::new(LOOPBACK.into_iter().map(|address| SocketAddr::new(address, 0)));
        Box::pin(std::future::ready(Ok(addresses)))
    }
}
