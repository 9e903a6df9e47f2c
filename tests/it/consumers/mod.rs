//! Programs that nobody here wrote take credentials from the client, in every way that it hands them over.
//!
//! `matrix` runs each program in each way once and writes `docs/consumers.md`; `expiry` keeps the long-running ones
//! uploading while credentials end and services are down. The programs come from `scripts/setup --consumers`.

mod clock;
mod consumer;
mod expiry;
mod host;
mod matrix;
mod uploader;
mod way;
mod world;
