//! What can be typed.

mod audit;
mod explain;
mod lint;
mod probe;
mod report;
mod rotate;

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use grant::observe::Rule;

pub(crate) use self::audit::{AuditArguments, AuditSource};
pub(crate) use self::explain::ExplainArguments;
pub(crate) use self::lint::{FindingLevel, LintArguments};
pub(crate) use self::probe::ProbeArguments;
pub(crate) use self::report::ReportArguments;
pub(crate) use self::rotate::RotateArguments;
use crate::date::DateArgument;

/// Govern who is vended which AWS credentials.
#[derive(Parser)]
#[command(name = "credvend-admin", version, after_long_help = ENVIRONMENT)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalOptions,
    /// What to do
    #[command(subcommand)]
    pub(crate) command: Command,
}

const HEADING: &str = "Installation";

/// Which installation is governed, and with whose AWS credentials.
#[derive(Args)]
pub(crate) struct GlobalOptions {
    /// Profile of the AWS configuration (default: as the AWS CLI's)
    #[arg(long, global = true, help_heading = HEADING, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// AWS region (default: as the AWS CLI's, else the service's own)
    #[arg(long, global = true, help_heading = HEADING, value_name = "REGION")]
    pub(crate) region: Option<String>,
    /// Table of the client mappings (default: `DYNAMODB_TABLE`)
    #[arg(long, global = true, help_heading = HEADING, value_name = "TABLE")]
    pub(crate) table: Option<String>,
    /// User pool of the clients (default: the last part of `COGNITO_ISSUER`)
    #[arg(long, global = true, help_heading = HEADING, value_name = "ID")]
    pub(crate) user_pool_id: Option<String>,
    /// ARN of the role that the vending function runs as (default: from Terraform's state)
    #[arg(long, global = true, help_heading = HEADING, value_name = "ARN")]
    pub(crate) function_role: Option<String>,
    /// File with the service's environment, `NAME=value` lines
    #[arg(long, global = true, help_heading = HEADING, value_name = "FILE", conflicts_with = "from")]
    pub(crate) service_env: Option<PathBuf>,
    /// Folder of Terraform's root module: the service's environment is read from its state
    #[arg(long, global = true, help_heading = HEADING, value_name = "FOLDER")]
    pub(crate) from: Option<PathBuf>,
    /// Issuer of the client's tokens (default: `COGNITO_ISSUER`, or the only trusted one)
    #[arg(long, global = true, help_heading = HEADING, value_name = "URL")]
    pub(crate) issuer: Option<String>,
    /// Print JSON: one object or array
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List, show, change and delete the items of clients
    Clients(ClientsArguments),
    /// Disable a client, and deny everything to the sessions that it has
    Revoke(RevokeArguments),
    /// Ask the vending API as a client that must get credentials, and as others that must not
    Probe(ProbeArguments),
    /// Let a revoked client in again: what is vended from then on works
    Unrevoke(UnrevokeArguments),
    /// Make the table's items those of a file
    Import(ImportArguments),
    /// Print all items of the table
    Export(ExportArguments),
    /// Give a client a new secret: added, verified, handed over, and the old one deleted
    RotateSecret(RotateArguments),
    /// Show who was vended what, when and from where
    Audit(AuditArguments),
    /// Decide as the service would: every step, what would have to change, and what IAM says of the role
    Explain(ExplainArguments),
    /// Look for what is wrong with items, roles and clients
    Lint(LintArguments),
    /// Write a month of the audit trail as one page with charts
    Report(ReportArguments),
    /// Print the JSON Schema of the file that `import` reads
    Schema,
    /// Print a shell's completion script
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page (roff)
    Man,
}

#[derive(Args)]
pub(crate) struct ClientsArguments {
    /// What to do
    #[command(subcommand)]
    pub(crate) action: ClientsAction,
}

#[derive(Subcommand)]
pub(crate) enum ClientsAction {
    /// List all items, a line each
    List,
    /// Show one item, and what the service makes of it
    Show {
        #[command(flatten)]
        id: ClientId,
    },
    /// Make an item, or change the attributes that are named
    Put(Box<PutArguments>),
    /// Switch a client off: nothing is vended to it any more
    Disable(ChangeArguments),
    /// Switch a client on again
    Enable(ChangeArguments),
    /// Set the date from which nothing is vended to a client
    Expire {
        #[command(flatten)]
        change: ChangeArguments,
        /// RFC 3339, YYYY-MM-DD (UTC), +90d from now, or `never`
        #[arg(value_name = "DATE")]
        date: DateArgument,
    },
    /// Delete an item
    Delete {
        #[command(flatten)]
        change: ChangeArguments,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Args)]
pub(crate) struct ClientId {
    /// Client id, or `scope#SCOPE` for the item of a scope
    #[arg(value_name = "ID")]
    pub(crate) id: String,
}

#[derive(Args)]
pub(crate) struct ChangeArguments {
    #[command(flatten)]
    pub(crate) id: ClientId,
    #[command(flatten)]
    pub(crate) write: WriteOptions,
}

#[derive(Args)]
pub(crate) struct WriteOptions {
    /// Print what would change, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// The attributes of an item, as options: what is not named stays as it is.
#[derive(Args)]
pub(crate) struct PutArguments {
    #[command(flatten)]
    pub(crate) change: ChangeArguments,
    /// The role that the client's sessions assume
    #[arg(long, value_name = "ARN")]
    pub(crate) role_arn: Option<String>,
    /// Name of the machine, for session names and tags
    #[arg(long, value_name = "NAME")]
    pub(crate) server_name: Option<String>,
    /// Where in the bucket the client works
    #[arg(long, value_name = "PREFIX")]
    pub(crate) s3_path_prefix: Option<String>,
    /// What it may do there
    #[arg(long, value_name = "LEVEL", value_parser = PossibleValuesParser::new(["write", "read-write", "full"]).map(|level| level))]
    pub(crate) s3_permissions: Option<String>,
    /// A scope of which the token must hold one (repeatable)
    #[arg(long = "allowed-scope", value_name = "SCOPE")]
    pub(crate) allowed_scopes: Vec<String>,
    /// `s3-prefix`, or an inline JSON policy
    #[arg(long, value_name = "POLICY")]
    pub(crate) session_policy: Option<String>,
    /// Lifetime of the credentials, 900 to 3600
    #[arg(long, value_name = "SECONDS")]
    pub(crate) session_duration_seconds: Option<u64>,
    /// `ExternalId` of the role's trust policy
    #[arg(long, value_name = "ID")]
    pub(crate) external_id: Option<String>,
    /// Date from which nothing is vended: RFC 3339, YYYY-MM-DD (UTC), +90d, or `never`
    #[arg(long, value_name = "DATE")]
    pub(crate) expires_at: Option<DateArgument>,
    /// A network that the caller must come from, in CIDR notation (repeatable)
    #[arg(long = "source-cidr", value_name = "CIDR")]
    pub(crate) source_cidrs: Vec<String>,
    /// A rule of the item that is put on record and not enforced (repeatable)
    #[arg(long, value_name = "RULE", value_parser = PossibleValuesParser::new(Rule::ALL.map(Rule::name)))]
    pub(crate) observe: Vec<String>,
    /// An attribute to remove (repeatable)
    #[arg(long = "unset", value_name = "ATTRIBUTE")]
    pub(crate) unset: Vec<String>,
}

#[derive(Args)]
pub(crate) struct RevokeArguments {
    #[command(flatten)]
    pub(crate) id: ClientId,
    /// Why, for the item
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    #[command(flatten)]
    pub(crate) source: AuditSource,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) write: WriteOptions,
}

#[derive(Args)]
pub(crate) struct UnrevokeArguments {
    #[command(flatten)]
    pub(crate) id: ClientId,
    #[command(flatten)]
    pub(crate) write: WriteOptions,
}

#[derive(Args)]
pub(crate) struct ImportArguments {
    /// The file, JSON or TOML by its name; `-` is JSON on standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Delete the items that the file does not hold
    #[arg(long)]
    pub(crate) prune: bool,
    /// Do not ask before items are deleted
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) write: WriteOptions,
}

#[derive(Args)]
pub(crate) struct ExportArguments {
    /// How the items are written
    #[arg(long, value_name = "FORMAT", default_value = "json")]
    pub(crate) format: Format,
}

/// Of a file of items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// JSON
    Json,
    /// TOML
    Toml,
}

const ENVIRONMENT: &str = "\
AWS credentials, region, endpoints and proxies come from where the AWS CLI takes them. The service's own variables
(COGNITO_ISSUER, TRUSTED_ISSUERS, DYNAMODB_TABLE, …) come from --service-env, from --from, or from the environment.

Exit status:
  0  done (`explain`: whatever was decided)
  1  configuration, or an item that the service could not use
  2  usage
  3  refused by AWS
  4  unavailable: network, throttled or 5xx
  5  conflict: somebody else has changed the item meanwhile; nothing was written over
  6  `lint --fail-on`: there are findings";

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    /// An attribute that `put` cannot set would need another tool.
    #[test]
    fn put_has_an_option_for_every_attribute() {
        let mut command = Cli::command();
        let clients = command.find_subcommand_mut("clients").unwrap();
        let put = clients.find_subcommand_mut("put").unwrap();
        let options: Vec<_> = put.get_arguments().map(|argument| argument.get_id().to_string()).collect();
        for (name, _) in grant::attributes::ATTRIBUTES {
            // These have commands and options of their own: `disable` and `enable`, and the global `--issuer`.
            let is_elsewhere = ["disabled", "issuer"].contains(&name);
            assert!(is_elsewhere || options.iter().any(|option| option == name), "{name}: {options:?}");
        }
    }
}
