//! The formats in which credentials leave this program; nothing else writes them.

pub(crate) mod credential_process;
