//! The file of variables that `--env-file` names.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use environment::{EnvFileSyntaxError, parse_env_file};

use crate::files::input_file::{self, InputError};
use crate::settings::known_variables;

const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// The variables of a file; they win over the process's own, as they would after `source FILE`. No `Debug`: they hold
/// secrets.
#[derive(Default)]
pub(crate) struct Overlay(BTreeMap<String, String>);

/// A file that cannot be used. Never shows a value.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EnvFileError {
    #[error("the file `{}` (--env-file) {cause}", path.display())]
    Unreadable { path: PathBuf, cause: InputError },
    #[error("the file `{}` (--env-file) can be written by every user, who could send your secrets elsewhere: `chmod o-w` it", path.display())]
    Writable { path: PathBuf },
    #[error("`{}` (--env-file), line {}: {}", path.display(), error.line, error.problem)]
    Syntax { path: PathBuf, error: EnvFileSyntaxError },
}

impl Overlay {
    pub(crate) fn new(variables: BTreeMap<String, String>) -> Self {
        Self(variables)
    }

    #[cfg(test)]
    pub(crate) fn into_pairs(self) -> Vec<(String, String)> {
        self.0.into_iter().collect()
    }

    pub(crate) fn read(path: &Path) -> Result<Self, EnvFileError> {
        let unreadable = |cause| EnvFileError::Unreadable { path: path.to_owned(), cause };
        let (text, file) = input_file::read(path, MAX_FILE_BYTES).map_err(unreadable)?;
        let metadata = file.metadata().map_err(|cause| unreadable(InputError::Unreadable(cause)))?;
        // The mode of a pipe, `<(…)`, means nothing: no other user can reach it.
        if metadata.is_file() && metadata.mode() & 0o002 != 0 {
            return Err(EnvFileError::Writable { path: path.to_owned() });
        }
        let pairs = parse_env_file(&text).map_err(|error| EnvFileError::Syntax { path: path.to_owned(), error })?;
        Ok(Self::new(pairs.into_iter().collect()))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The file says the same thing in another spelling, so that the process's own variable of this name is overruled.
    pub(crate) fn overrules(&self, name: &str) -> bool {
        let Some(fact) = known_variables::fact(name) else { return false };
        self.0.iter().any(|(other, value)| !value.is_empty() && known_variables::fact(other) == Some(fact))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_a_name_counts() {
        let overlay = Overlay(parse_env_file("A=1\nA=2").unwrap().into_iter().collect());
        assert_eq!(overlay.get("A"), Some("2"));
        assert_eq!(overlay.get("B"), None);
    }

    #[test]
    fn what_the_file_says_overrules_other_spellings() {
        let overlay = |text: &str| Overlay(parse_env_file(text).unwrap().into_iter().collect());
        let key = overlay("AUTH0_PRIVATE_KEY_FILE=/key\nCREDENTIAL_API_URL=https://a.example\nOIDC_ISSUER=");
        for name in ["AUTH0_CLIENT_SECRET", "AUTH0_CLIENT_SECRET_FILE", "AUTH0_PRIVATE_KEY", "AWS_ROLE_ARN"] {
            assert!(key.overrules(name), "{name}");
        }
        let proxy = overlay("HTTPS_PROXY=http://proxy.example:3128\nNO_PROXY=a.example");
        for name in ["https_proxy", "all_proxy", "ALL_PROXY", "no_proxy"] {
            assert!(proxy.overrules(name), "{name}");
        }
        for name in ["AUTH0_CLIENT_SECRET_NEXT", "ENTRA_CLIENT_SECRET", "OIDC_TOKEN_ENDPOINT", "AWS_REGION"] {
            assert!(!key.overrules(name), "{name}");
        }
    }
}
