//! Where the configuration comes from: the process's variables, a file of variables, a file of identities.

use crate::settings::config::Config;
use crate::settings::env_file::Overlay;
use crate::settings::error::SettingsError;
use crate::settings::identities::{self, Identity};
use crate::settings::identity_options::IdentityOptions;
use environment::ConfigError;

/// Read again each time, since files change while a daemon runs.
pub(crate) struct Sources<'a> {
    pub(crate) options: &'a IdentityOptions,
    pub(crate) environment: &'a dyn Fn(&str) -> Option<String>,
}

/// One of the identities that `serve` offers.
pub(crate) struct NamedConfig {
    /// `default` where the configuration names none.
    pub(crate) name: String,
    pub(crate) config: Config,
    /// Names or ids of the users who may have it; none: every holder of the bearer token.
    pub(crate) users: Vec<String>,
}

impl Sources<'_> {
    /// The one identity of this run. Without a readable file there is nothing that could be faulty, hence two results.
    pub(crate) fn config(&self) -> Result<Result<Config, ConfigError>, SettingsError> {
        Ok(self.read(&self.overlay()?))
    }

    /// A variable as [`Self::config`] finds it, for what is not part of the configuration.
    pub(crate) fn lookup(&self) -> Result<impl Fn(&str) -> Option<String>, SettingsError> {
        let overlay = self.overlay()?;
        Ok(move |name: &str| self.find(&overlay, name))
    }

    /// Every identity of this run: all of the file where `--config` comes without `--identity`, else the one.
    pub(crate) fn configs(&self) -> Result<Vec<NamedConfig>, SettingsError> {
        let identities = match (&self.options.config, &self.options.identity) {
            (Some(path), None) => identities::read_all(path)?,
            (None, None) => {
                return Ok(vec![NamedConfig {
                    name: "default".to_owned(),
                    config: self.config()??,
                    users: Vec::new(),
                }]);
            }
            (_, Some(name)) => vec![identities::read(self.options.config(), Some(name))?],
        };
        let named = |identity: Identity| {
            let Identity { name, variables, users } = identity;
            match self.read(&variables) {
                Ok(config) => Ok(NamedConfig { name, config, users }),
                Err(error) => Err(SettingsError::Identity { name, error }),
            }
        };
        identities.into_iter().map(named).collect()
    }

    fn read(&self, overlay: &Overlay) -> Result<Config, ConfigError> {
        Config::from_env(&|name| self.find(overlay, name))
    }

    fn find(&self, overlay: &Overlay, name: &str) -> Option<String> {
        let from_process = || if overlay.overrules(name) { None } else { (self.environment)(name) };
        overlay.get(name).map(str::to_owned).or_else(from_process)
    }

    /// The variables that win over the process's own.
    fn overlay(&self) -> Result<Overlay, SettingsError> {
        if let Some(env_file) = &self.options.env_file {
            return Ok(Overlay::read(env_file)?);
        }
        if !self.options.name_a_table() {
            return Ok(Overlay::default());
        }
        Ok(identities::read(self.options.config(), self.options.identity.as_deref())?.variables)
    }
}
