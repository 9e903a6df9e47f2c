//! `credvend setup`.

#[derive(clap::Args)]
pub(crate) struct Arguments {}
