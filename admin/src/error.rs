//! Why a command has not done what it was told, and the exit status of that.

use std::io;
use std::path::PathBuf;

use aws_transport::TransportError;
use environment::ConfigError;
use grant::role_mapping::Fault;
use thiserror::Error;

use crate::aws::AwsError;

#[derive(Debug, Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Configuration(#[from] ConfigError),
    #[error("{path}: {problem}", path = path.display())]
    File { path: PathBuf, problem: String },
    #[error("the item {id:?} holds what TOML has no form for (null): export it as JSON")]
    NotInToml { id: String },
    #[error("the items cannot be written as TOML: {0}; export them as JSON")]
    Toml(toml::ser::Error),
    #[error(
        "no table is named: say --table, or name the service's environment with --service-env or --from, or set DYNAMODB_TABLE"
    )]
    NoTable,
    #[error(
        "the service's environment is not known, and with it what it trusts and demands: name it with --service-env or \
         --from, or set COGNITO_ISSUER, TRUSTED_ISSUERS and S3_BUCKET as the service has them"
    )]
    UnknownService,
    #[error("no user pool is named: say --user-pool-id, or name the service's COGNITO_ISSUER")]
    NoUserPool,
    #[error("no AWS region is set: say --region, or set AWS_REGION, or `region` in the AWS profile")]
    NoRegion,
    #[error("the client id {id:?} {problem}")]
    ClientId { id: String, problem: &'static str },
    #[error("the table has no item {id:?}{hint}")]
    NoItem { id: String, hint: &'static str },
    /// The service's own reading.
    #[error("the service could not use the item {id:?}: {}; nothing was written", list(faults))]
    Misconfigured { id: String, faults: Vec<Fault> },
    #[error("{issuer} is not trusted by this installation; its issuers are {trusted}")]
    UntrustedIssuer { issuer: String, trusted: String },
    #[error("this installation trusts several issuers, and COGNITO_ISSUER is not one of them: say --issuer")]
    WhichIssuer,
    #[error("`--unset {attribute}` and an option for the same attribute contradict each other")]
    SetAndUnset { attribute: String },
    #[error("{action} must be confirmed: say --yes (there is no terminal to ask on)")]
    NoTerminal { action: &'static str },
    #[error("not confirmed; nothing was changed")]
    NotConfirmed,
    #[error(
        "the item {id:?} was changed by somebody else meanwhile; nothing of it was written over: run the command again"
    )]
    Conflict { id: String },
    #[error("{done} of {all} items were written, then: {cause}; run the same command again for the rest")]
    Partly { done: usize, all: usize, cause: Box<Error> },
    #[error(transparent)]
    Transport(#[from] TransportError),
    #[error(transparent)]
    Aws(#[from] AwsError),
    #[error("standard output cannot be written: {0}")]
    Output(io::Error),
    #[error("the program cannot start: {0}")]
    Runtime(io::Error),
}

impl Error {
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Conflict { .. } => 5,
            Self::Aws(error) => error.exit_code(),
            Self::Partly { cause, .. } => cause.exit_code(),
            Self::SetAndUnset { .. } => 2,
            Self::Configuration(_)
            | Self::File { .. }
            | Self::NotInToml { .. }
            | Self::Toml(_)
            | Self::NoTable
            | Self::UnknownService
            | Self::NoUserPool
            | Self::NoRegion
            | Self::ClientId { .. }
            | Self::NoItem { .. }
            | Self::Misconfigured { .. }
            | Self::UntrustedIssuer { .. }
            | Self::WhichIssuer
            | Self::NoTerminal { .. }
            | Self::NotConfirmed
            | Self::Transport(_)
            | Self::Output(_)
            | Self::Runtime(_) => 1,
        }
    }
}

fn list(faults: &[Fault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
