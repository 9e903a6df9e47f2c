//! The versions of a secret and their staging labels, and what they say about a rotation.

use std::collections::HashMap;

use thiserror::Error;

/// What the publishing jobs read.
pub const CURRENT: &str = "AWSCURRENT";
/// What was current before.
pub const PREVIOUS: &str = "AWSPREVIOUS";
/// What a rotation is working on.
pub const PENDING: &str = "AWSPENDING";

/// How far a rotation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The version waits to become current.
    Pending,
    /// The version is current already: the last step was taken, and its response was lost or the step is repeated.
    Finished,
}

/// The version is not one that this function may work on. The same checks as in AWS's own rotation functions.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum VersionError {
    /// Somebody has switched rotation off, perhaps because it goes wrong.
    #[error(
        "rotation is switched off for {secret}: nothing was changed. Switch it on with `aws secretsmanager rotate-secret`"
    )]
    RotationDisabled {
        /// The secret's name.
        secret: String,
    },
    /// The version belongs to no rotation of this secret.
    #[error(
        "{secret} has no version {version}: nothing was changed. Start a rotation with `aws secretsmanager rotate-secret`"
    )]
    Unknown {
        /// The secret's name.
        secret: String,
        /// The version's id.
        version: String,
    },
    /// The version is an old one, or another rotation has taken its place.
    #[error(
        "version {version} of {secret} is not the one that is being rotated in (it has no AWSPENDING label): nothing was \
         changed. Start a rotation with `aws secretsmanager rotate-secret`"
    )]
    NotPending {
        /// The secret's name.
        secret: String,
        /// The version's id.
        version: String,
    },
    /// There is nothing that could be replaced.
    #[error("{secret} has no current version: write its first token with scripts/deploy-pypi-publishing")]
    NoCurrent {
        /// The secret's name.
        secret: String,
    },
}

/// A secret, as `DescribeSecret` tells it.
#[derive(Debug, Clone, Default)]
pub struct Versions {
    /// The secret's name.
    pub secret: String,
    /// `None` where rotation was never set up.
    pub rotation_enabled: Option<bool>,
    /// Version → its labels.
    pub labels: HashMap<String, Vec<String>>,
}

impl Versions {
    /// How far the rotation that makes `version` is.
    ///
    /// # Errors
    /// When there is no such rotation.
    pub fn progress(&self, version: &str) -> Result<Progress, VersionError> {
        let secret = || self.secret.clone();
        if self.rotation_enabled == Some(false) {
            return Err(VersionError::RotationDisabled { secret: secret() });
        }
        let Some(labels) = self.labels.get(version) else {
            return Err(VersionError::Unknown { secret: secret(), version: version.to_owned() });
        };
        let has = |wanted: &str| labels.iter().any(|label| label == wanted);
        match (has(CURRENT), has(PENDING)) {
            (true, _) => Ok(Progress::Finished),
            (false, true) => Ok(Progress::Pending),
            (false, false) => Err(VersionError::NotPending { secret: secret(), version: version.to_owned() }),
        }
    }

    /// The version that is current.
    ///
    /// # Errors
    /// When there is none.
    pub fn current(&self) -> Result<&str, VersionError> {
        self.with_label(CURRENT).ok_or_else(|| VersionError::NoCurrent { secret: self.secret.clone() })
    }

    /// The secret in which the operator stages the token that follows.
    pub fn staged_secret(&self) -> String {
        format!("{}/next", self.secret)
    }

    /// The version with this label; a label is on one version at most.
    pub fn with_label(&self, wanted: &str) -> Option<&str> {
        let found = self.labels.iter().find(|(_, labels)| labels.iter().any(|label| label == wanted));
        found.map(|(version, _)| version.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions(rotation_enabled: Option<bool>, labels: &[(&str, &[&str])]) -> Versions {
        let labels = labels
            .iter()
            .map(|(version, labels)| ((*version).to_owned(), labels.iter().map(|label| (*label).to_owned()).collect()));
        Versions { secret: "s".to_owned(), rotation_enabled, labels: labels.collect() }
    }

    #[test]
    fn what_the_labels_say() {
        let unknown = VersionError::Unknown { secret: "s".to_owned(), version: "v".to_owned() };
        let not_pending = VersionError::NotPending { secret: "s".to_owned(), version: "v".to_owned() };
        let disabled = VersionError::RotationDisabled { secret: "s".to_owned() };
        for (enabled, labels, expected) in [
            (Some(true), &[("v", &[PENDING][..]), ("u", &[CURRENT])][..], Ok(Progress::Pending)),
            (None, &[("v", &[PENDING]), ("u", &[CURRENT])], Ok(Progress::Pending)),
            (Some(true), &[("v", &[CURRENT])], Ok(Progress::Finished)),
            (Some(true), &[("v", &[CURRENT, PENDING])], Ok(Progress::Finished)),
            (Some(true), &[("u", &[CURRENT, PENDING])], Err(unknown.clone())),
            (Some(true), &[], Err(unknown)),
            (Some(true), &[("v", &[PREVIOUS]), ("u", &[CURRENT])], Err(not_pending.clone())),
            (Some(true), &[("v", &[]), ("u", &[CURRENT])], Err(not_pending)),
            (Some(false), &[("v", &[PENDING]), ("u", &[CURRENT])], Err(disabled.clone())),
            (Some(false), &[("v", &[CURRENT])], Err(disabled)),
        ] {
            assert_eq!(versions(enabled, labels).progress("v"), expected, "{enabled:?} {labels:?}");
        }
    }

    #[test]
    fn the_current_version() {
        assert_eq!(versions(None, &[("v", &[PENDING]), ("u", &[CURRENT])]).current(), Ok("u"));
        assert!(versions(None, &[("v", &[PENDING])]).current().is_err());
    }
}
