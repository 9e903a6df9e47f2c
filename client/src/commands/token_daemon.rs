//! `credvend token-daemon`.

#[derive(clap::Args)]
pub(crate) struct Arguments {}
