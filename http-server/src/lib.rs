//! Incoming connections: accepted, bounded in number and time, ended in order, and handed to a program's handler
//! together with what is known about the peer.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod arrival;
mod aside;
mod body;
mod chunks;
mod connection;
mod field_lines;
mod forwarded;
mod framing;
#[cfg(feature = "http2")]
mod http_2;
mod listener;
mod pace;
mod peer;
mod permits;
mod refusal;
mod request_id;
mod requests;
mod server;
mod socket_owner;
#[cfg(feature = "http2")]
mod stalls;
mod termination;
mod upgrade;
mod wire;
mod workers;

pub use self::arrival::Arrival;
pub use self::body::{BodyError, read_body};
pub use self::forwarded::forwarded_source;
pub use self::framing::is_host;
#[doc(hidden)]
pub use self::framing::read_in_steps;
pub use self::listener::{Listener, LocalAddress, keep_alive};
pub use self::peer::Peer;
pub use self::refusal::Refusal;
pub use self::request_id::request_id;
pub use self::server::{Admission, Limits, Server};
pub use self::termination::Termination;
pub use self::upgrade::{Upgrade, Upgraded};
pub use self::workers::Workers;
