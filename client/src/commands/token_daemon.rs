//! `credvend token-daemon`: keeps a file with the identity provider's token fresh, for programs that exchange it
//! themselves.

pub(crate) mod error;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use self::error::NoTokenFile;
use crate::access_token::AccessToken;
use crate::commands::daemon::{self, DaemonArguments, Publication, Source};
use crate::error::Error;
use crate::files::atomic_file;
use crate::files::published_files::{AccessArguments, PublishError, PublishedFiles};
use crate::freshness::provider::Provider;
use crate::idp::IdpType;
use crate::output::token_file;
use crate::settings::config::TokenConfig;
use crate::settings::sources::Sources;
use environment::Log;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The file: what `AWS_WEB_IDENTITY_TOKEN_FILE` names, or with --bearer `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE`. Its
    /// directory is made if it is not there
    #[arg(long, value_name = "FILE", default_value = "/var/run/oidc/token")]
    token_file: PathBuf,
    /// Look at the file at least this often, and restore it where it was changed; a token is fetched by its
    /// lifetime, from half of it on
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    interval: u64,
    /// Write `Bearer TOKEN`, for SDKs whose `AWS_CONTAINER_CREDENTIALS_FULL_URI` is the vending API's /credentials
    #[arg(long)]
    bearer: bool,
    #[command(flatten)]
    access: AccessArguments,
    #[command(flatten)]
    daemon: DaemonArguments,
}

pub(crate) fn run(arguments: &Arguments, sources: &Sources<'_>, log: Log) -> Result<ExitCode, Error> {
    let (directory, name) = atomic_file::split(&arguments.token_file)?;
    let files = PublishedFiles::new(directory, &arguments.access)?;
    let publication = TokenFile { arguments, sources, files, name, log };
    daemon::run(&publication, Duration::from_secs(arguments.interval), &arguments.daemon, sources.environment, log)
}

struct TokenFile<'a> {
    arguments: &'a Arguments,
    sources: &'a Sources<'a>,
    files: PublishedFiles,
    name: String,
    log: Log,
}

impl Publication for TokenFile<'_> {
    type Value = AccessToken;
    const WHAT: &'static str = "token";

    fn source(&self) -> Result<Source<AccessToken>, Error> {
        let lookup = self.sources.lookup()?;
        let config = TokenConfig::from_env(&lookup)?;
        match config.idp_type {
            IdpType::Cognito if !self.arguments.bearer => return Err(NoTokenFile::Cognito.into()),
            IdpType::File => {
                return Err(NoTokenFile::File(lookup("OIDC_TOKEN_FILE").unwrap_or_default().into()).into());
            }
            _ => {}
        }
        let (id, log) = (config.cache_id.clone(), self.log);
        Ok(Source { fetch: Arc::new(move |now| Provider::as_of(now, &config, log).provide()), id })
    }

    fn publish(&self, token: &AccessToken) -> Result<bool, PublishError> {
        let content = token_file::format(token, self.arguments.bearer);
        let files = self.files.open()?;
        files.refuse_special(&self.name)?;
        files.publish(&[(&self.name, content.into_bytes())])
    }
}
