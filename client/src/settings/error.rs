//! Why there is no usable configuration.

use crate::settings::env_file::EnvFileError;
use crate::settings::identities::IdentitiesError;
use environment::ConfigError;

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error(transparent)]
    EnvFile(#[from] EnvFileError),
    #[error(transparent)]
    Identities(#[from] IdentitiesError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// One of several.
    #[error("[identity.{name}]: {error}")]
    Identity { name: String, error: ConfigError },
}
