//! The only crate that opens outgoing connections: TLS roots, proxies, deadlines, size caps and the retry budget.
//!
//! Nothing here logs, and no error carries a header or a body, so a credential that passes through leaves no trace.

mod client;
mod error;
mod request;
mod resolver;
mod response;
mod retry;

pub use client::{BuildError, HttpClient, Limits, tls_config};
pub use environment::{Endpoint, EndpointError, Proxy};
pub use error::RequestError;
pub use request::Request;
pub use response::Response;
pub use retry::{Budget, Spent};
pub use roots::{EXTRA_FILE_VARIABLES, Roots, RootsError};
