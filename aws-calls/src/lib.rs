//! How a service calls AWS: `AwsSettings` from the SDK's own variables, `AwsCalls` made of them, and `brief` for what
//! went wrong. A service's SDK client is made from [`AwsCalls::service`] and one of the interceptors [`WholeXml`] and
//! [`WholeJson`], so that every client has the same connections, deadlines and retries.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod at_most;
mod brief;
mod own_credentials;
mod settings;
mod whole_response;

pub use self::at_most::{AtMost, is_too_large};
pub use self::brief::brief;
pub use self::settings::{AwsCalls, AwsSettings, Caller};
pub use self::whole_response::{WholeJson, WholeXml};
pub use aws_config::SdkConfig;
