//! How the clients of the AWS SDK connect, for every program that links them: TLS with chosen certificate authorities,
//! through the proxy or past it, and no name lookup for loopback names.
//!
//! It also holds what the SDK's XML parsers leave out: whether a document has arrived as a whole.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod causes;
mod client;
mod loopback;
mod proxy;
mod xml;

pub use causes::causes;
pub use client::{TransportError, https_client, plain_client};
pub use loopback::LoopbackFirst;
pub use proxy::ProxyFailure;
pub use xml::is_whole_xml;
