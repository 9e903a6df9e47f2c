//! Loopback names.

use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError};
use environment::{LOOPBACK, is_loopback_name, look_up};

/// Resolves names. A loopback name is not looked up: a resolver may give it any address, and plain http is accepted for
/// it.
#[derive(Debug, Clone, Copy)]
pub struct LoopbackFirst;

impl ResolveDns for LoopbackFirst {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        if is_loopback_name(&name.to_ascii_lowercase()) {
            return DnsFuture::ready(Ok(LOOPBACK.to_vec()));
        }
        DnsFuture::new(async move { look_up(name).await.map_err(ResolveDnsError::new) })
    }
}
