//! `credvend credential-daemon`.

#[derive(clap::Args)]
pub(crate) struct Arguments {}
