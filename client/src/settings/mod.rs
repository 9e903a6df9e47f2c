//! What a run works with, and where it is read: the process's variables, a file of variables, a file of identities.

pub(crate) mod config;
pub(crate) mod env_file;
pub(crate) mod error;
pub(crate) mod identities;
pub(crate) mod identity_options;
pub(crate) mod known_variables;
pub(crate) mod sources;
