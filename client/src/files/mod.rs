//! Files that programs of others read: private, replaced whole or not at all, and who is told of a new one.

pub(crate) mod accounts;
pub(crate) mod atomic_file;
pub(crate) mod input_file;
pub(crate) mod on_refresh;
pub(crate) mod published_files;
