//! The trail of one request: what every step looked at, found and took, and the one line that is left of it.
//!
//! The line is at once an audit record and a CloudWatch embedded metric format record; the steps are what `/explain`
//! shows. Everything here is generic over the [`Outcome`]s of a program: each program decides what its lines say beyond
//! the token, and what a step shows.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod emf;
mod line;
mod record;
mod recorded;
mod trail;

pub use self::emf::{Amount, Metric};
pub use self::line::RequestFacts;
pub use self::record::Record;
pub use self::recorded::RecordedLine;
pub use self::trail::{Decision, Outcome, Shown, Step, Trail};
