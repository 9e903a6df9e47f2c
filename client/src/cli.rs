//! What can be typed.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Parser, Subcommand};
use clap_complete::Shell;

use crate::commands;
use crate::settings::identity_options::{HEADING, IdentityOptions};
use environment::{LogFormat, LogLevel};

/// Short-lived AWS credentials for whatever runs on this machine.
#[derive(Parser)]
#[command(name = "credvend", version, after_long_help = ENVIRONMENT)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) identity: IdentityOptions,
    /// How messages look on stderr
    #[arg(long, global = true, help_heading = HEADING, value_name = "FORMAT", default_value = "text", value_parser = one_of(LOG_FORMATS))]
    pub(crate) log_format: LogFormat,
    /// The least important messages that are shown
    #[arg(long, global = true, help_heading = HEADING, value_name = "LEVEL", default_value = "warn", value_parser = one_of(LogLevel::WORDS))]
    pub(crate) log_level: LogLevel,
    /// What to do
    #[command(subcommand)]
    pub(crate) command: Command,
}

const LOG_FORMATS: [(&str, LogFormat); 2] = [("text", LogFormat::Text), ("json", LogFormat::Json)];

/// A value that is one of these words.
fn one_of<T: Copy + Send + Sync + 'static, const N: usize>(
    words: [(&'static str, T); N],
) -> impl TypedValueParser<Value = T> {
    let values = PossibleValuesParser::new(words.map(|(word, _)| word));
    // The parser lets no other word through.
    values.map(move |given| words.iter().find(|(word, _)| *word == given).map_or(words[0].1, |(_, value)| *value))
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Print AWS credentials as `credential_process` of an AWS profile wants them
    GetCredentials(commands::get_credentials::Arguments),
    /// Keep files of AWS credentials fresh, for programs that read nothing else
    CredentialDaemon(commands::credential_daemon::Arguments),
    /// Print the identity provider's access token, for calls of an API
    Token(commands::token::Arguments),
    /// Keep a file with the identity provider's token fresh, for `AWS_WEB_IDENTITY_TOKEN_FILE`
    TokenDaemon(commands::token_daemon::Arguments),
    /// Serve AWS credentials on this machine: the SDKs' container credentials and `IMDSv2`
    Serve(commands::serve::Arguments),
    /// Run a program that gets AWS credentials for as long as it runs
    Exec(commands::exec::Arguments),
    /// Print AWS credentials as exports of a shell
    Env(commands::env::Arguments),
    /// Run one SQL statement by the query API, and print its rows
    Query(commands::query::Arguments),
    /// Upload, download, list and delete objects of the identity's bucket (runs credvend-s3)
    #[command(disable_help_flag = true)]
    S3(commands::s3::Arguments),
    /// Read a secret of AWS Secrets Manager, for a CI job
    Secret(commands::secret::Arguments),
    /// Walk every hop from configuration to S3, and name the one that fails and its fix
    Doctor(commands::doctor::Arguments),
    /// Print ready configuration for a program
    Setup(commands::setup::Arguments),
    /// Print a shell's completion script
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page (roff)
    Man,
}

/// The variables, for `--help`.
pub(crate) const ENVIRONMENT: &str = "\
Environment:
  IDP_TYPE                       auth0 (default), cognito, entra, github, oidc or file
  AWS_REGION                     region of STS, and of COGNITO_DOMAIN as a prefix
  AWS_ROLE_ARN                   the role to assume by STS with a web identity, or
  CREDENTIAL_API_URL             the vending API to ask instead
  AWS_ROLE_SESSION_NAME          RoleSessionName (default: the client id, else oidc-credential-provider)
  AWS_ROLE_DURATION_SECONDS      900 to 43200 (default: STS's hour)
  S3_BUCKET, S3_PATH_PREFIX, AWS_ENDPOINT_URL_S3
                                 the identity's bucket, prefix and S3 (s3, setup, doctor)
  AWS_USE_FIPS_ENDPOINT, AWS_USE_DUALSTACK_ENDPOINT
                                 `true`: such an endpoint of S3 (s3)
  AWS_ENDPOINT_URL_STS, AWS_ENDPOINT_URL
                                 STS, where it is not the region's own
  AWS_ENDPOINT_URL_SECRETS_MANAGER
                                 Secrets Manager, where it is not the region's own (secret)
  AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
                                 used by `secret` alone, where no identity is named
  QUERY_API_URL                  the query API (query)
  CREDVEND_CACHE_DIR             cache directory (default: $CACHE_DIRECTORY, $XDG_CACHE_HOME/credvend,
                                 ~/.cache/credvend)
  SSL_CERT_FILE, AWS_CA_BUNDLE   certificate authorities on top of the system's
  HTTPS_PROXY, ALL_PROXY, NO_PROXY
                                 proxy, and the hosts that are reached without it; in either case of letters

 auth0:
  AUTH0_DOMAIN                   tenant or custom domain; or AUTH0_TOKEN_ENDPOINT, a URL
  AUTH0_CLIENT_ID, AUTH0_CLIENT_SECRET *, AUTH0_AUDIENCE
 cognito:
  COGNITO_DOMAIN                 domain prefix of the user pool (needs AWS_REGION), or a full custom host;
                                 or COGNITO_TOKEN_ENDPOINT, a URL
  COGNITO_CLIENT_ID, COGNITO_CLIENT_SECRET *
  COGNITO_SCOPES                 scopes to ask for (default: all that the client may have)
  COGNITO_RESOURCE_SERVER        put before scopes that have no slash
  COGNITO_CREDENTIAL_API_URL     the vending API
 entra:
  ENTRA_TENANT_ID                tenant; or ENTRA_TOKEN_ENDPOINT, a URL
  ENTRA_CLIENT_ID, ENTRA_CLIENT_SECRET *, ENTRA_SCOPE (API/.default)
 github:
  GITHUB_AUDIENCE                default: sts.amazonaws.com. The job needs `permissions: id-token: write`
 oidc:
  OIDC_ISSUER                    issuer with metadata; or OIDC_TOKEN_ENDPOINT, a URL
  OIDC_CLIENT_ID, OIDC_CLIENT_SECRET *, OIDC_AUDIENCE, OIDC_RESOURCE, OIDC_SCOPES
  OIDC_TOKEN_ENDPOINT_AUTH_METHOD
                                 client_secret_basic or client_secret_post (default: as the metadata says)
 file:
  OIDC_TOKEN_FILE                a file that somebody else keeps fresh

 * or …_FILE, or a file of that name in $CREDENTIALS_DIRECTORY (systemd). …_NEXT: a second one, tried when the
   first is refused. Not with Cognito: …_PRIVATE_KEY_FILE (private_key_jwt) instead, with …_PRIVATE_KEY_ID (kid)
   or …_CERTIFICATE_FILE (x5t).

Exit status:
  0  done
  1  configuration
  2  usage
  3  refused: wrong secret, 401 or 403
  4  unavailable: network, 429 or 5xx";

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

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
            assert_eq!(cli.identity.env_file, Some(PathBuf::from("a")));
        }
    }
}
