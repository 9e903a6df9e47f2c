//! What can be typed.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

/// Short-lived AWS credentials for whatever runs on this machine.
#[derive(Parser)]
#[command(name = "credvend", version, after_long_help = ENVIRONMENT)]
pub(crate) struct Cli {
    /// Read variables from FILE (`NAME=value` or `export NAME=value` lines); they win over the process's own
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) env_file: Option<PathBuf>,
    /// How messages look on stderr
    #[arg(long, global = true, value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,
    /// The least important messages that are shown
    #[arg(long, global = true, value_name = "LEVEL", value_enum, default_value_t = LogLevel::Warn)]
    pub(crate) log_level: LogLevel,
    /// What to do
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand, Clone, Copy)]
pub(crate) enum Command {
    /// Print AWS credentials as `credential_process` of an AWS profile wants them
    GetCredentials,
    /// Walk every hop from configuration to credentials, and name the one that fails and its fix
    Doctor {
        /// One JSON object a line instead of text
        #[arg(long)]
        json: bool,
    },
    /// Print a shell's completion script
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page (roff)
    Man,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
}

const ENVIRONMENT: &str = "\
Environment:
  IDP_TYPE                       cognito
  COGNITO_DOMAIN                 domain prefix of the user pool (needs AWS_REGION), or a full custom host
  COGNITO_TOKEN_ENDPOINT         the token endpoint's URL, instead of COGNITO_DOMAIN
  COGNITO_CLIENT_ID              app client
  COGNITO_CLIENT_SECRET          its secret; or COGNITO_CLIENT_SECRET_FILE; or a file of that name in
                                 $CREDENTIALS_DIRECTORY (systemd)
  COGNITO_CLIENT_SECRET_NEXT     a second secret, tried when the first is refused (same three forms)
  COGNITO_SCOPES                 scopes to ask for (default: all that the client may have)
  COGNITO_RESOURCE_SERVER        put before scopes that have no slash
  COGNITO_CREDENTIAL_API_URL     the vending API
  CREDVEND_CACHE_DIR             cache directory (default: $CACHE_DIRECTORY, $XDG_CACHE_HOME/credvend,
                                 ~/.cache/credvend)
  SSL_CERT_FILE, AWS_CA_BUNDLE   certificate authorities on top of the system's
  HTTPS_PROXY, NO_PROXY          proxy

Exit status:
  0  done
  1  configuration
  2  usage
  3  refused: wrong secret, 401 or 403
  4  unavailable: network, 429 or 5xx";

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_options_stand_before_or_after_the_command() {
        for line in ["credvend --env-file a get-credentials", "credvend get-credentials --env-file a"] {
            let cli = Cli::try_parse_from(line.split(' ')).unwrap();
            assert_eq!(cli.env_file, Some(PathBuf::from("a")));
        }
    }
}
