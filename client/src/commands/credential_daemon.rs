//! `credvend credential-daemon`: keeps files of credentials fresh, for programs that read nothing else.

use std::cell::RefCell;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use crate::commands::daemon::{self, DaemonArguments, Publication, Source};
use crate::credentials::Credentials;
use crate::error::Error;
use crate::files::published_files::{AccessArguments, PublishError, PublishedFiles};
use crate::freshness::provider::Provider;
use crate::output::{credentials_file, credentials_json, env, logstash};
use crate::settings::sources::Sources;
use environment::Log;

const ENV: &str = "aws-credentials.env";
const JSON: &str = "aws-credentials.json";
const CREDENTIALS: &str = "credentials";
const LOGSTASH: &str = "logstash.yml";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Directory of the files; it is made if it is not there
    #[arg(long, value_name = "DIR", default_value = "/var/run/aws-creds")]
    creds_dir: PathBuf,
    /// Look at the files at least this often, and restore them where they were changed; credentials are fetched by
    /// their lifetime, from half of it on
    #[arg(long, value_name = "SECONDS", default_value_t = 2700, value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    interval: u64,
    /// Profile of the file `credentials`; other profiles stay as they are
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = profile)]
    profile: String,
    /// How aws-credentials.env is written: `export NAME=value` for shells, or plain `NAME=value` for systemd and Docker
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = EnvFormat::Export)]
    env_format: EnvFormat,
    #[command(flatten)]
    access: AccessArguments,
    #[command(flatten)]
    daemon: DaemonArguments,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum EnvFormat {
    Export,
    Plain,
}

pub(crate) fn run(arguments: &Arguments, sources: &Sources<'_>, log: Log) -> Result<ExitCode, Error> {
    let files = PublishedFiles::new(arguments.creds_dir.clone(), &arguments.access)?;
    let publication = CredentialFiles { arguments, sources, files, region: RefCell::default(), log };
    daemon::run(&publication, Duration::from_secs(arguments.interval), &arguments.daemon, sources.environment, log)
}

struct CredentialFiles<'a> {
    arguments: &'a Arguments,
    sources: &'a Sources<'a>,
    files: PublishedFiles,
    /// As the configuration had it when it was read last.
    region: RefCell<Option<String>>,
    log: Log,
}

impl Publication for CredentialFiles<'_> {
    type Value = Credentials;
    const WHAT: &'static str = "credentials";

    fn source(&self) -> Result<Source<Credentials>, Error> {
        let config = self.sources.config()??;
        self.region.replace(config.region.clone());
        let (id, log) = (config.cache_id(), self.log);
        Ok(Source { fetch: Arc::new(move |now| Provider::as_of(now, &config, log).provide()), id })
    }

    fn publish(&self, credentials: &Credentials) -> Result<bool, PublishError> {
        let own = self.region.borrow().clone();
        let region = own.as_deref().or(credentials.region.as_deref());
        let variables = env::pairs(credentials, region);
        let env = match self.arguments.env_format {
            EnvFormat::Export => env::format(&variables, env::Dialect::Bash),
            EnvFormat::Plain => env::format_plain(&variables),
        };
        let files = self.files.open()?;
        let existing = files.read(CREDENTIALS)?;
        files.publish(&[
            (ENV, env.into_bytes()),
            (JSON, credentials_json::format(credentials, region).into_bytes()),
            (CREDENTIALS, credentials_file::merge(&existing, &self.arguments.profile, credentials, region)),
            (LOGSTASH, logstash::format(credentials).into_bytes()),
        ])
    }
}

/// What is a section's name to every SDK.
fn profile(text: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_alphanumeric() || "-_.@/+=:,".contains(c);
    if text.is_empty() || !text.chars().all(is_plain) {
        return Err("letters, digits and `-_.@/+=:,` make a profile's name".to_owned());
    }
    Ok(text.to_owned())
}
