//! Why a command has not done what it was told, and the exit status of that.

use std::io;
use std::path::PathBuf;

use aws_transport::TransportError;
use environment::{ConfigError, EndpointError};
use grant::role_mapping::Fault;
use http_client::BuildError;
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
    #[error(
        "no log group is named: say --log-group, or --file for a file of audit lines, or name the service's environment \
         with --from"
    )]
    NoLogGroup,
    #[error("neither XDG_STATE_HOME nor HOME says where the state of a rotation can be kept")]
    NoHome,
    #[error("another run of this program rotates the secret of {id:?} at this moment")]
    RotatesAlready { id: String },
    #[error(
        "Cognito's calls for secrets (ListUserPoolClientSecrets) are not known at this endpoint; nothing was changed: rotate by \
         a second client (docs/rotate-a-secret.md)"
    )]
    NoSecretCalls,
    #[error("{0}; nothing was changed")]
    Undecided(String),
    #[error(
        "an earlier run has put a new secret in place and keeps the old one, {old}, until {until}; nothing was changed. To \
         delete it now: {finish}"
    )]
    OldSecretIsKept { old: String, until: String, finish: String },
    #[error("the vending API is not known: say --api-url, or set COGNITO_CREDENTIAL_API_URL; nothing was changed")]
    NoApiUrl,
    #[error("the user pool has no domain, and so no token endpoint: say --token-endpoint; nothing was changed")]
    NoTokenEndpoint,
    #[error("{url}: {problem}")]
    Url { url: String, problem: EndpointError },
    #[error(transparent)]
    Http(#[from] BuildError),
    #[error("the new secret does not work: {problem}")]
    Verify { problem: String, is_refusal: bool },
    #[error("the command of --exec {problem}")]
    Command { problem: String },
    #[error("{cause}; the secret was not rotated: the old one, {old}, works as before, and {left}")]
    NotRotated { old: String, left: String, cause: Box<Error> },
    #[error(
        "{cause}; {why}. Both secrets are left: if the client has the new one, {new}, delete the old one, {old}: {finish}; if \
         nobody has it, delete the new one: {delete_new}"
    )]
    BothSecretsAreLeft {
        old: String,
        new: String,
        why: &'static str,
        finish: String,
        delete_new: String,
        cause: Box<Error>,
    },
    #[error(
        "the new secret, {new}, is in place, and the old one, {old}, could not be deleted: {cause}. Both work; the next run \
         deletes the old one: {finish}"
    )]
    OldSecretIsLeft { old: String, new: String, finish: String, cause: Box<Error> },
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
    #[error("no throw-away key can be made: the system has no random numbers to give")]
    Signing,
    #[error("no client is called `scope#{scope}`: name a client, and its token's scopes with --scopes {scope}")]
    ScopeIsNoClient { scope: String },
    #[error("nothing was decided: {0}")]
    NotDecided(String),
    #[error("{findings} findings")]
    Findings { findings: usize },
    #[error("{failed} of {all} probes failed")]
    ProbesFailed { failed: usize, all: usize },
    #[error("{id:?} is the item of a scope, which has no sessions of its own: revoke its clients, or disable it")]
    ScopeRevoked { id: String },
    #[error(
        "no role of a session of {id:?} is known: it has no item, no scope's item is for clients of its issuer, and no audit \
         line of the last 12 hours names it (--log-group, --file)"
    )]
    NothingToRevoke { id: String },
    #[error("{0}")]
    Session(grant::session::SessionError),
    #[error("the inline policy {policy} of {role} is not a policy that can be read: look at it in IAM")]
    ForeignPolicy { policy: &'static str, role: String },
    #[error(
        "the inline policies of {role} are full (10,240 characters): delete or shorten another inline policy of it, and run \
         the same command again"
    )]
    PolicyFull { role: String },
    #[error("somebody else writes the inline policy {policy} of {role} over and over: run the same command again")]
    PolicyConflict { policy: &'static str, role: String },
    #[error(
        "{role} lies in another account than {account}, that of your credentials: run the same command with that account's"
    )]
    OtherAccount { role: String, account: String },
    #[error(
        "{id:?} is disabled, but the sessions that it has of {role} are not denied anything: {cause}; run the same command \
         again, it does what is left"
    )]
    NotDenied { id: String, role: String, cause: Box<Error> },
    #[error(
        "{id:?} is disabled, and its sessions are denied as far as its items say; the audit trail, which may know other roles of \
         the last 12 hours, could not be read: {cause}; run the same command again"
    )]
    TrailNotRead { id: String, cause: Box<Error> },
    #[error(
        "{id:?} is disabled and the policy of {role} is written, but an old session was still allowed a minute later: look \
         at the role in IAM, and run the same command again"
    )]
    StillAllowed { id: String, role: String },
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
    pub(crate) fn no_item(id: &str) -> Self {
        Self::NoItem {
            id: id.to_owned(),
            hint: " (`credvend-admin clients list` shows all; a client may have credentials through its scopes alone)",
        }
    }

    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Conflict { .. }
            | Self::PolicyConflict { .. }
            | Self::Undecided(_)
            | Self::OldSecretIsKept { .. }
            | Self::BothSecretsAreLeft { .. }
            | Self::RotatesAlready { .. } => 5,
            Self::StillAllowed { .. } | Self::NotDecided(_) => 4,
            Self::Verify { is_refusal, .. } => {
                if *is_refusal {
                    3
                } else {
                    4
                }
            }
            Self::Aws(error) => error.exit_code(),
            Self::Partly { cause, .. }
            | Self::NotDenied { cause, .. }
            | Self::TrailNotRead { cause, .. }
            | Self::NotRotated { cause, .. }
            | Self::OldSecretIsLeft { cause, .. } => cause.exit_code(),
            Self::SetAndUnset { .. } | Self::ScopeIsNoClient { .. } => 2,
            Self::Findings { .. } | Self::ProbesFailed { .. } => 6,
            Self::Configuration(_)
            | Self::File { .. }
            | Self::NotInToml { .. }
            | Self::Toml(_)
            | Self::NoTable
            | Self::UnknownService
            | Self::NoUserPool
            | Self::NoLogGroup
            | Self::NoHome
            | Self::NoSecretCalls
            | Self::NoApiUrl
            | Self::NoTokenEndpoint
            | Self::Url { .. }
            | Self::Http(_)
            | Self::Command { .. }
            | Self::NoRegion
            | Self::ClientId { .. }
            | Self::NoItem { .. }
            | Self::Misconfigured { .. }
            | Self::UntrustedIssuer { .. }
            | Self::WhichIssuer
            | Self::ScopeRevoked { .. }
            | Self::NothingToRevoke { .. }
            | Self::Session(_)
            | Self::ForeignPolicy { .. }
            | Self::PolicyFull { .. }
            | Self::OtherAccount { .. }
            | Self::NoTerminal { .. }
            | Self::NotConfirmed
            | Self::Signing
            | Self::Transport(_)
            | Self::Output(_)
            | Self::Runtime(_) => 1,
        }
    }
}

fn list(faults: &[Fault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
