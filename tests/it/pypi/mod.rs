//! The token of a package index in Secrets Manager: its rotation, and the job that reads it.
//!
//! Secrets Manager is the local stack's (moto, with real versions and labels), the index is pypiserver.

mod index;
mod interrupted;
mod relay;
mod rotation;
mod secret_get;
mod world;
