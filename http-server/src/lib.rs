//! Incoming connections: accepted, bounded in number and time, ended in order, and handed to a program's handler
//! together with what is known about the peer.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod body;
mod connection;
mod forwarded;
mod listener;
mod pace;
mod peer;
mod permits;
mod request_id;
mod server;
mod socket_owner;
mod termination;

pub use self::body::{BodyError, read_body};
pub use self::forwarded::forwarded_source;
pub use self::listener::{Listener, LocalAddress};
pub use self::peer::Peer;
pub use self::request_id::request_id;
pub use self::server::{Limits, Server};
pub use self::termination::Termination;
