//! The identity that the configuration is made for: how a command line names it, and what is known of it.

use std::path::PathBuf;

use super::error::{SetupError, absolute, plain_value};
use environment::{Target, Variables};

use crate::error::Error;
use crate::secret::SecretSource;
use crate::settings::config::Config;
use crate::settings::known_variables::{self, Child, VARIABLES};
use crate::settings::sources::Sources;

/// Of an identity without a name, and of all identities that one `serve` has.
pub(super) const SHARED_ACCOUNT: &str = "credvend";
/// useradd(8) and systemd take no longer name of a user.
const MAX_ACCOUNT: usize = 31;

pub(super) struct NamedIdentity {
    /// Absolute path of this program.
    pub(super) program: String,
    pub(super) source: Source,
    pub(super) region: Option<String>,
    pub(super) bucket: Option<String>,
    /// What a key begins with: empty, or ending in a slash.
    pub(super) key_prefix: String,
    /// Where S3 is, when it is not AWS's own.
    pub(super) s3_endpoint: Option<String>,
    /// All of its variables, without secrets and files.
    pub(super) variables: Vec<(&'static str, String)>,
    pub(super) files: Vec<MountedFile>,
    /// A token file of this machine that another program keeps fresh.
    pub(super) token_file: Option<String>,
    /// What the process has beside it, by name: proxy and certificate authorities.
    pub(super) beside: Vec<&'static str>,
}

/// How a command line names it.
pub(super) enum Source {
    /// It does not: the identity is in the environment.
    Environment,
    EnvFile(String),
    Table {
        config: String,
        name: Option<String>,
    },
}

/// A secret or a certificate, which a container or unit gets as a file.
pub(super) struct MountedFile {
    /// The variable without `_FILE`.
    pub(super) name: String,
    /// Its path on this machine, if it is a file here.
    pub(super) path: Option<String>,
}

impl NamedIdentity {
    pub(super) fn find(sources: &Sources<'_>) -> Result<Self, Error> {
        let config = sources.config()??;
        let lookup = sources.lookup()?;
        let known = |name: &str| lookup(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let value = |name: &'static str| known(name).map(|value| plain_value(name, value)).transpose();
        let reader = Variables::new(&lookup);
        let target = Target::from_env(&reader);
        let target = reader.finish(Some(target))?;
        let mut variables = Vec::new();
        for name in known_variables::of(Child::Carried) {
            variables.extend(value(name)?.map(|value| (name, value)));
        }
        let program = std::env::current_exe().map_err(SetupError::Program)?;
        Ok(Self {
            program: absolute("the path of this program", &program)?,
            source: Source::of(sources)?,
            region: value("AWS_REGION")?,
            bucket: target.bucket.map(|bucket| plain_value("S3_BUCKET", bucket)).transpose()?,
            key_prefix: plain_value("S3_PATH_PREFIX", target.prefix)?,
            s3_endpoint: target
                .endpoint
                .map(|url| plain_value("the URL of S3", url.as_str().trim_end_matches('/').to_owned()))
                .transpose()?,
            variables,
            files: mounted_files(&config, &lookup)?,
            token_file: value("OIDC_TOKEN_FILE")?,
            beside: known_variables::of(Child::Mentioned).filter(|name| known(name).is_some()).collect(),
        })
    }

    /// The command line up to its subcommand.
    pub(super) fn command(&self) -> String {
        match &self.source {
            Source::Environment => self.program.clone(),
            Source::EnvFile(path) => format!("{} --env-file {path}", self.program),
            Source::Table { config, name: Some(name) } => {
                format!("{} --config {config} --identity {name}", self.program)
            }
            Source::Table { config, name: None } => format!("{} --config {config}", self.program),
        }
    }

    /// The user and the group of its units, and the name of their folders: those that the packages' templates have for a
    /// named identity, so that no consumer of it reads what belongs to another.
    pub(super) fn account(&self) -> Result<String, SetupError> {
        let Source::Table { name: Some(name), .. } = &self.source else { return Ok(SHARED_ACCOUNT.to_owned()) };
        let account = format!("{SHARED_ACCOUNT}-{name}");
        if account.len() > MAX_ACCOUNT || name.contains('.') {
            return Err(SetupError::Account { identity: name.clone(), account });
        }
        Ok(account)
    }

    pub(super) fn region(&self) -> &str {
        self.region.as_deref().unwrap_or("example-region")
    }

    pub(super) fn bucket(&self) -> &str {
        self.bucket.as_deref().unwrap_or("example-bucket")
    }

    /// What the reader has to do beyond what the text says.
    pub(super) fn remarks(&self, is_bucket_used: bool) -> Vec<String> {
        let mut remarks = Vec::new();
        if matches!(self.source, Source::Environment) {
            remarks.push(
                "Note: this identity is in your environment. Whatever runs the command below needs the same variables; \
                 --env-file or --identity would name it in the command itself."
                    .to_owned(),
            );
        }
        for (name, is_missing, placeholder) in [
            ("AWS_REGION", self.region.is_none(), self.region()),
            ("S3_BUCKET", is_bucket_used && self.bucket.is_none(), self.bucket()),
        ] {
            if is_missing {
                remarks.push(format!("Replace {placeholder}: {name} is not set."));
            }
        }
        remarks
    }
}

impl Source {
    fn of(sources: &Sources<'_>) -> Result<Self, SetupError> {
        let options = sources.options;
        if let Some(path) = &options.env_file {
            return Ok(Self::EnvFile(absolute("the path of --env-file", path)?));
        }
        if !options.name_a_table() {
            return Ok(Self::Environment);
        }
        let config = absolute("the path of --config", options.config())?;
        Ok(Self::Table { config, name: options.identity.clone() })
    }
}

fn mounted_files(config: &Config, lookup: &dyn Fn(&str) -> Option<String>) -> Result<Vec<MountedFile>, SetupError> {
    let mut files = Vec::new();
    for variable in VARIABLES.iter().map(|variable| variable.name).filter(|name| name.ends_with("_CERTIFICATE_FILE")) {
        if let Some(path) = lookup(variable).filter(|path| !path.trim().is_empty()) {
            let path = absolute(variable, &PathBuf::from(path.trim()))?;
            files.push(MountedFile { name: variable.trim_end_matches("_FILE").to_owned(), path: Some(path) });
        }
    }
    for secret in config.idp.secrets() {
        files.push(match secret {
            SecretSource::Variable { name, .. } => MountedFile { name: name.clone(), path: None },
            SecretSource::File { name, path } => {
                // A systemd credential has the variable's name as its own.
                let own = path.file_name().unwrap_or_default().to_string_lossy();
                let name = name.strip_suffix("_FILE").map_or_else(|| own.into_owned(), str::to_owned);
                MountedFile { path: Some(absolute(&name, path)?), name }
            }
        });
    }
    Ok(files)
}
