//! What can be typed after `rotate-secret`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args};

use crate::date::parse_duration;

#[derive(Args)]
#[command(group = ArgGroup::new("destination").args(["to_file", "exec", "finish"]).required(true))]
pub(crate) struct RotateArguments {
    /// Client id
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Write the new secret into this file (mode 0600)
    #[arg(long, value_name = "FILE")]
    pub(crate) to_file: Option<PathBuf>,
    /// Run this command by `sh`, with the new secret and a line feed on its standard input; status 0 says that it is in place
    #[arg(long, value_name = "CMD")]
    pub(crate) exec: Option<String>,
    /// Keep the old secret for so long, such as 24h: print the command that deletes it
    #[arg(long, value_name = "TIME", value_parser = parse_duration, conflicts_with = "finish")]
    pub(crate) keep_old: Option<Duration>,
    /// Delete the older of the two secrets
    #[arg(long)]
    pub(crate) finish: bool,
    /// Token endpoint of the user pool (default: `COGNITO_TOKEN_ENDPOINT`, else that of the pool's domain)
    #[arg(long, value_name = "URL", conflicts_with = "finish")]
    pub(crate) token_endpoint: Option<String>,
    /// The vending API (default: `COGNITO_CREDENTIAL_API_URL`)
    #[arg(long, value_name = "URL", conflicts_with = "finish")]
    pub(crate) api_url: Option<String>,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
    /// Say what would be done, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}
