//! What can be typed after `probe`.

use std::path::PathBuf;

use clap::Args;

#[derive(Args)]
pub(crate) struct ProbeArguments {
    /// The vending API (default: `COGNITO_CREDENTIAL_API_URL`)
    #[arg(long, value_name = "URL")]
    pub(crate) api_url: Option<String>,
    /// Token endpoint of the user pool (default: `COGNITO_TOKEN_ENDPOINT`)
    #[arg(long, value_name = "URL")]
    pub(crate) token_endpoint: Option<String>,
    /// File (mode 0600) that keeps a token of one run until a later one can show that it has expired
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Print the results as `CloudWatch` metrics (embedded metric format), a line a probe
    #[arg(long, conflicts_with = "json")]
    pub(crate) metrics: bool,
}
