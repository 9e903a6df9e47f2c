//! The only crate that opens outgoing connections: TLS roots, proxies, deadlines, size caps and the retry budget.
//!
//! Nothing here logs, and no error carries a header or a body, so a credential that passes through leaves no trace.

mod client;
mod endpoint;
mod error;
mod request;
mod response;
mod retry;
mod roots;

pub use client::{BuildError, HttpClient, Limits, Proxy};
pub use endpoint::{Endpoint, EndpointError};
pub use error::RequestError;
pub use request::Request;
pub use response::Response;
pub use retry::{Budget, Spent};
pub use roots::{Roots, RootsError};
