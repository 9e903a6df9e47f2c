//! The integration tests: one binary, a file a topic.

mod architecture;
mod cases;
mod events;
mod outages;
mod vectors;
mod vending;

/// The vending Lambda with everything it needs, canned.
mod service;
