//! `credvend exec`.

#[derive(clap::Args)]
pub(crate) struct Arguments {}
