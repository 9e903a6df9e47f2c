//! How this program reaches what it asks.

use std::path::PathBuf;

use environment::{Proxy, Variables};
use roots::EXTRA_FILE_VARIABLES;

/// The certificate authorities that are trusted beside the system's, and the proxy, from the environment.
pub(crate) struct Network {
    pub(crate) extra_ca: Vec<PathBuf>,
    pub(crate) proxy: Proxy,
}

impl Network {
    pub(crate) fn from_env(variables: &Variables<'_>) -> Self {
        let files = EXTRA_FILE_VARIABLES.iter().filter_map(|name| variables.optional(name));
        Self { extra_ca: files.map(PathBuf::from).collect(), proxy: Proxy::from_env(variables) }
    }
}
