//! The formats in which credentials leave this program; nothing else writes them.

pub(crate) mod container;
pub(crate) mod credential_process;
pub(crate) mod imds;
