//! What the tests and benchmarks stand on: real binaries as child processes, and the services they talk to as servers
//! on loopback. Services are faked on the wire, never behind a trait.

pub mod athena;
pub mod http_server;
pub mod lambda_runtime;
pub mod process;
pub mod token;
pub mod upstream;
pub mod vectors;
