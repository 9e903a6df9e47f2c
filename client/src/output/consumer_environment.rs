//! The environment of a program that takes its credentials from this program alone. `exec`, `env` and
//! `serve --print-env` all get it here.

use std::process::Command;

use super::env::{self, Dialect, Variables};
use crate::credentials::Credentials;
use crate::settings::known_variables::VARIABLES;

/// Variables that a program gets, in the order in which they are printed.
pub(crate) struct ConsumerEnvironment(Variables);

impl ConsumerEnvironment {
    /// The credentials themselves.
    pub(crate) fn with_credentials(credentials: &Credentials, region: Option<&str>) -> Self {
        Self(env::pairs(credentials, region))
    }

    /// A local endpoint that has the credentials.
    pub(crate) fn with_endpoint(endpoint: Variables, region: Option<&str>) -> Self {
        Self([endpoint, env::region(region)].concat())
    }

    /// In the words of a shell.
    pub(crate) fn exports(&self, dialect: Dialect) -> String {
        env::format(&self.0, dialect)
    }

    /// For a program that is about to be started: without our secrets, and without what would win over our credentials.
    pub(crate) fn apply_to(&self, command: &mut Command) {
        for variable in VARIABLES.iter().filter(|variable| variable.is_removed_by_exec) {
            command.env_remove(variable.name);
        }
        command.envs(self.0.iter().map(|(name, value)| (name, value)));
    }
}
