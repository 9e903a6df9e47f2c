//! What every program of the project reads from its surroundings, and how it speaks to its operator.
//!
//! [`Variables`] is the one reader of environment variables. The values that several programs need are types made
//! here: [`Endpoint`], [`RoleArn`], [`Proxy`]. Nothing here opens a connection; the system's resolver is asked here.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod cache_dir;
mod core_dumps;
mod directory;
mod endpoint;
mod env_file;
mod log;
mod look_up;
mod network;
mod private_directory;
mod proxy;
mod region;
mod role_arn;
pub mod stdout;
mod target;
mod variables;
mod visible;

pub use cache_dir::cache_dir;
pub use core_dumps::{CoreLimit, forbid_core_dumps};
pub use directory::{Directory, FileError, NewFolders};
pub use endpoint::{Endpoint, EndpointError, LOOPBACK, is_loopback_name};
pub use env_file::{EnvFileSyntaxError, parse_env_file};
pub use log::{Log, LogFormat, LogLevel, LogTarget};
pub use look_up::look_up;
pub use network::{contains, parse_cidr};
pub use private_directory::private_directory;
pub use proxy::{NoProxy, Proxy, ProxyError, ProxyUrl};
pub use region::Partition;
pub use role_arn::RoleArn;
pub use target::Target;
pub use variables::{ConfigError, Lookup, Variables, is_host, process};
pub use visible::visible;
