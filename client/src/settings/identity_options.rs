//! The options that name the identity of a run.

use std::path::{Path, PathBuf};

/// Where the identity's variables are, beside the process's own.
#[derive(clap::Args)]
pub(crate) struct IdentityOptions {
    /// Read variables from FILE (`NAME=value` or `export NAME=value` lines); they win over the process's own
    #[arg(long, global = true, help_heading = HEADING, value_name = "FILE")]
    pub(crate) env_file: Option<PathBuf>,
    /// Read variables from the table [identity.NAME] of the configuration file; they win over the process's own
    #[arg(long, global = true, help_heading = HEADING, value_name = "NAME", conflicts_with = "env_file")]
    pub(crate) identity: Option<String>,
    /// The configuration file of --identity [default: /etc/credvend/config.toml]
    #[arg(long, global = true, help_heading = HEADING, value_name = "FILE", conflicts_with = "env_file")]
    pub(crate) config: Option<PathBuf>,
}

/// Apart from a command's own options, which are what its help is asked for.
pub(crate) const HEADING: &str = "Options of all commands";

/// Where identities are looked for.
const DEFAULT_CONFIG: &str = "/etc/credvend/config.toml";

impl IdentityOptions {
    /// Whether a file of identities is read.
    pub(crate) fn name_a_table(&self) -> bool {
        self.config.is_some() || self.identity.is_some()
    }

    /// The file of identities.
    pub(crate) fn config(&self) -> &Path {
        self.config.as_deref().unwrap_or(Path::new(DEFAULT_CONFIG))
    }
}
