//! `credvend env`.

#[derive(clap::Args)]
pub(crate) struct Arguments {}
