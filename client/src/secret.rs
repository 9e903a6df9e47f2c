//! Secrets: a type that cannot be printed, and the places where one may lie.

use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use environment::Variables;

use crate::files::input_file::{self, InputError};

/// A secret, a token or a key: no `Debug`, no `Display`, wiped when dropped.
#[derive(Clone)]
pub(crate) struct Secret(Zeroizing<String>);

impl Secret {
    pub(crate) fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The one way to the text; each use is worth a look in review.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

/// For the cache files only.
impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// Where a secret lies. A file is read when the secret is used, so that a run served by the cache does not touch it.
pub(crate) enum SecretSource {
    /// The variable itself.
    Variable { name: String, value: Secret },
    /// A file: of `…_FILE`, or a systemd credential.
    File { name: String, path: PathBuf },
}

/// A secret that cannot be read. Configuration, all of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    #[error("the secret file `{}` ({variable}) {cause}", path.display())]
    Unreadable { variable: String, path: PathBuf, cause: InputError },
    #[error("the secret file `{}` ({variable}) is empty: write the secret into it", path.display())]
    Empty { variable: String, path: PathBuf },
}

/// systemd.exec(5)
const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";
const MAX_SECRET_BYTES: u64 = 64 * 1024;

impl SecretSource {
    /// `NAME`, else `NAME_FILE`, else the systemd credential `NAME` (`LoadCredential=`, systemd.exec(5)).
    pub(crate) fn find(variables: &Variables<'_>, name: &str) -> Option<Self> {
        let is_key = name.contains("_PRIVATE_KEY");
        if let Some(value) = if is_key { variables.pem(name) } else { variables.verbatim(name) } {
            return Some(Self::Variable { name: name.to_owned(), value: Secret::new(without_newline(value)) });
        }
        let file_variable = format!("{name}_FILE");
        if let Some(path) = variables.optional(&file_variable) {
            return Some(Self::File { name: file_variable, path: path.into() });
        }
        let path = PathBuf::from(variables.optional(CREDENTIALS_DIRECTORY)?).join(name);
        path.exists().then(|| Self::File { name: CREDENTIALS_DIRECTORY.to_owned(), path })
    }

    /// `NAME` and `NAME_NEXT`; the second counts only beside the first.
    pub(crate) fn current_and_next(variables: &Variables<'_>, name: &str) -> Vec<Self> {
        let Some(current) = Self::find(variables, name) else { return Vec::new() };
        [Some(current), Self::find(variables, &format!("{name}_NEXT"))].into_iter().flatten().collect()
    }

    /// A file that more than its owner can read. systemd's are root's and opened up by an access list; they are fine.
    pub(crate) fn is_open_to_others(&self) -> bool {
        match self {
            Self::Variable { .. } => false,
            Self::File { name, .. } if name == CREDENTIALS_DIRECTORY => false,
            Self::File { path, .. } => path.metadata().is_ok_and(|metadata| metadata.mode() & 0o077 != 0),
        }
    }

    pub(crate) fn read(&self) -> Result<Secret, SecretError> {
        match self {
            Self::Variable { value, .. } => Ok(value.clone()),
            Self::File { name, path } => {
                let (variable, path) = (name.clone(), path.clone());
                match input_file::read(&path, MAX_SECRET_BYTES) {
                    Err(cause) => Err(SecretError::Unreadable { variable, path, cause }),
                    Ok((text, _)) => match without_newline(text) {
                        text if text.is_empty() => Err(SecretError::Empty { variable, path }),
                        text => Ok(Secret::new(text)),
                    },
                }
            }
        }
    }
}

/// Where, never what.
impl fmt::Display for SecretSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable { name, .. } => formatter.write_str(name),
            Self::File { name, path } => write!(formatter, "{} ({name})", path.display()),
        }
    }
}

/// Editors and `echo` end a file with a newline that is not part of the secret.
fn without_newline(mut text: String) -> String {
    text.truncate(text.trim_end_matches(['\n', '\r']).len());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(pairs: &[(&str, &str)]) -> Option<SecretSource> {
        let lookup = |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        SecretSource::find(&Variables::new(&lookup), "X")
    }

    #[test]
    fn the_variable_wins_over_the_file_over_the_systemd_credential() {
        let folder = tempfile::tempdir().unwrap();
        let folder_name = folder.path().to_str().unwrap();
        let file = folder.path().join("X");
        std::fs::write(&file, "from systemd\r\n").unwrap();
        let all = [("X", "direct\n"), ("X_FILE", file.to_str().unwrap()), ("CREDENTIALS_DIRECTORY", folder_name)];
        let shown = |from: usize| find(&all[from..]).unwrap().to_string();
        assert_eq!(shown(0), "X");
        assert_eq!(shown(1), format!("{} (X_FILE)", file.display()));
        assert_eq!(shown(2), format!("{} (CREDENTIALS_DIRECTORY)", file.display()));
        assert_eq!(find(&all[0..]).unwrap().read().unwrap().expose(), "direct");
        assert_eq!(find(&all[2..]).unwrap().read().unwrap().expose(), "from systemd");
    }

    #[test]
    fn empty_means_missing() {
        assert!(find(&[("X", ""), ("X_FILE", "")]).is_none());
        assert!(find(&[("CREDENTIALS_DIRECTORY", "/nonexistent")]).is_none());
    }

    #[test]
    fn an_unreadable_or_empty_file_is_named() {
        let error = find(&[("X_FILE", "/nonexistent/x")]).unwrap().read().err().unwrap();
        assert!(error.to_string().starts_with("the secret file `/nonexistent/x` (X_FILE) cannot be read: "), "{error}");
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = find(&[("X_FILE", file.path().to_str().unwrap())]).unwrap().read().err().unwrap();
        assert!(matches!(error, SecretError::Empty { .. }), "{error}");
    }
}
