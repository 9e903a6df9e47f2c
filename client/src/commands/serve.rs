//! `credvend serve`.

#[derive(clap::Args)]
pub(crate) struct Arguments {}
