//! `credvend-admin explain`.

use std::net::IpAddr;

use clap::{Args, ValueEnum};
use vending_api::S3Permissions;

use super::ClientId;

#[derive(Args)]
pub(crate) struct ExplainArguments {
    #[command(flatten)]
    pub(crate) id: ClientId,
    /// Scopes of the client's token, separated by spaces (default: all that the user pool allows the client)
    #[arg(long, value_name = "SCOPES", value_delimiter = ' ')]
    pub(crate) scopes: Option<Vec<String>>,
    /// Address that the request comes from (default: none is known)
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) source_ip: Option<IpAddr>,
    /// Prefix that the request asks for
    #[arg(long, value_name = "PREFIX")]
    pub(crate) prefix: Option<String>,
    /// Level that the request asks for
    #[arg(long, value_name = "LEVEL")]
    pub(crate) level: Option<PermissionLevel>,
    /// Lifetime that the request asks for, 900 to 3600
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(900..=3600))]
    pub(crate) duration: Option<u32>,
}

/// What a session may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PermissionLevel {
    /// Put objects
    Write,
    /// Put and get objects
    ReadWrite,
    /// Put, get, delete and list objects
    Full,
}

impl From<PermissionLevel> for S3Permissions {
    fn from(level: PermissionLevel) -> Self {
        match level {
            PermissionLevel::Write => Self::Write,
            PermissionLevel::ReadWrite => Self::ReadWrite,
            PermissionLevel::Full => Self::Full,
        }
    }
}
