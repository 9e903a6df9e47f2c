//! A request's body, bounded in size and time.

use std::future::pending;
use std::time::Duration;

use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::Request;
use hyper::body::{Bytes, Incoming};
use hyper::http::request::Parts;

use crate::arrival::Arrival;

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    /// It is larger than the limit.
    TooLarge,
    /// It was cut off, or is not well-formed HTTP.
    Malformed,
    /// It did not arrive in time.
    Late,
    /// The connection has to make room for another.
    NoRoom,
}

/// Reads a request's body to its end. From then on the connection makes room for no other until it is answered.
///
/// The error says that the body is larger than `limit`, not whole, takes longer than `within`, or was still on its way when
/// the connection had to make room.
pub async fn read_body(
    request: Request<Incoming>,
    limit: usize,
    within: Duration,
) -> (Parts, Result<Bytes, BodyError>) {
    let (parts, body) = request.into_parts();
    let arrival = parts.extensions.get::<Arrival>();
    let is_cut_short = async {
        match arrival {
            Some(arrival) => arrival.is_cut_short().await,
            None => pending().await,
        }
    };
    let read = tokio::select! {
        // A body that is there is read, even when the connection has to make room at the same moment.
        biased;
        read = tokio::time::timeout(within, Limited::new(body, limit).collect()) => match read {
            Ok(Ok(collected)) => Ok(collected.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(BodyError::TooLarge),
            Ok(Err(_)) => Err(BodyError::Malformed),
            Err(_) => Err(BodyError::Late),
        },
        () = is_cut_short => Err(BodyError::NoRoom),
    };
    if let (Some(arrival), Ok(_)) = (arrival, &read) {
        arrival.is_complete();
    }
    (parts, read)
}
