//! Looking names up.

use std::net::SocketAddr;

use environment::{LOOPBACK, look_up};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// The system's resolver. The HTTP library's own way panics where no thread can be had; here that is a request that fails.
pub(crate) struct SystemNames;

impl Resolve for SystemNames {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let addresses = look_up(name.as_str()).await?;
            Ok(Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0))) as Addrs)
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
