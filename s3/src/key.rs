//! Keys: which ones a request may name, and which file below a folder belongs to an object's key.

use std::path::PathBuf;

/// Amazon S3 user guide, "Naming objects": at most 1,024 bytes of UTF-8.
const MAX_KEY_BYTES: usize = 1024;

/// `S3_PATH_PREFIX`: the keys that the identity may use begin with it. Empty or ending in a slash.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PathPrefix(String);

/// Why a key is refused before any request.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("an empty key: name the object")]
    Empty,
    #[error("a key of {0} bytes: S3 takes at most {MAX_KEY_BYTES}")]
    TooLong(usize),
    #[error(
        "the key `{0}` holds `.` or `..` as a folder: S3 takes it literally, and the many tools that resolve it would \
         use another key"
    )]
    Dots(String),
    #[error(
        "the key `{key}` lies outside of `{prefix}` (S3_PATH_PREFIX), and this identity may use keys below it only"
    )]
    Outside { key: String, prefix: String },
    #[error("`{0}` does not end in a file name: name the object with --key")]
    NoName(PathBuf),
    #[error("the name of `{}` is not UTF-8, and keys must be: name the object with --key", .0.display())]
    NotUtf8(PathBuf),
    #[error("the key `{0}` cannot be a file below the folder: it is left out")]
    Unsafe(String),
}

impl PathPrefix {
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The key of a file of this name where the user has given no key.
    pub(crate) fn key_of(&self, name: &str) -> String {
        format!("{}{name}", self.0)
    }

    /// A key that the user has given is refused here rather than by S3 after a whole upload.
    pub(crate) fn check(&self, key: &str) -> Result<(), KeyError> {
        if key.is_empty() {
            return Err(KeyError::Empty);
        }
        if key.len() > MAX_KEY_BYTES {
            return Err(KeyError::TooLong(key.len()));
        }
        self.check_inside(key)
    }

    /// As [`Self::check`], for the beginning of keys: the prefix without its slash counts as inside, none at all as
    /// the whole bucket, which S3 may refuse.
    pub(crate) fn check_beginning(&self, beginning: &str) -> Result<(), KeyError> {
        if beginning.is_empty() || format!("{beginning}/") == self.0 {
            return Ok(());
        }
        self.check_inside(beginning)
    }

    fn check_inside(&self, key: &str) -> Result<(), KeyError> {
        if self.0.is_empty() {
            return Ok(());
        }
        if !key.starts_with(&self.0) {
            return Err(KeyError::Outside { key: key.to_owned(), prefix: self.0.clone() });
        }
        // The key begins with the prefix, and a tool that resolves the dots would leave it.
        if has_dots(key) { Err(KeyError::Dots(key.to_owned())) } else { Ok(()) }
    }
}

/// The file below a folder that belongs to the rest of a key. A key is untrusted input: every writer of the bucket chooses keys.
pub(crate) fn relative_path(rest: &str) -> Result<PathBuf, KeyError> {
    let is_plain = |part: &str| !part.is_empty() && !matches!(part, "." | "..") && !part.contains('\0');
    if rest.split('/').all(is_plain) {
        return Ok(rest.split('/').collect());
    }
    Err(KeyError::Unsafe(rest.to_owned()))
}

/// The last part of a key, as the name of a file.
pub(crate) fn file_name(key: &str) -> Result<PathBuf, KeyError> {
    relative_path(key.rsplit('/').next().unwrap_or_default())
}

fn has_dots(key: &str) -> bool {
    key.split('/').any(|part| matches!(part, "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> PathPrefix {
        PathPrefix::new(text.to_owned())
    }

    #[test]
    fn a_name_is_put_behind_the_prefix() {
        assert_eq!(prefix("logs/web/").key_of("a b.txt"), "logs/web/a b.txt");
        assert_eq!(prefix("logs/web/").key_of("ä+.txt"), "logs/web/ä+.txt");
        assert_eq!(prefix("").key_of("a"), "a");
    }

    #[test]
    fn keys_outside_of_the_prefix_are_refused() {
        let prefix = prefix("logs/web/");
        for inside in ["logs/web/a", "logs/web/", "logs/web/a/..b", "logs/web/...", "logs/web//a"] {
            assert_eq!(prefix.check(inside), Ok(()), "{inside}");
        }
        for outside in ["logs/web", "logs/web-02/a", "/logs/web/a", "LOGS/web/a", "a"] {
            assert!(matches!(prefix.check(outside), Err(KeyError::Outside { .. })), "{outside}");
        }
        assert!(matches!(prefix.check("logs/web/../db/a"), Err(KeyError::Dots(_))));
        assert_eq!(prefix.check(""), Err(KeyError::Empty));
        assert_eq!(PathPrefix::default().check(&"x".repeat(1025)), Err(KeyError::TooLong(1025)));
        assert_eq!(PathPrefix::default().check("any/../thing"), Ok(()), "S3 takes it literally, and so do we");
    }

    #[test]
    fn a_listing_begins_at_the_prefix_or_below() {
        let prefix = prefix("logs/web/");
        for inside in ["", "logs/web", "logs/web/", "logs/web/2026"] {
            assert_eq!(prefix.check_beginning(inside), Ok(()), "{inside}");
        }
        for outside in ["logs", "logs/", "logs/we", "logs/web-02/"] {
            assert!(prefix.check_beginning(outside).is_err(), "{outside}");
        }
    }

    #[test]
    fn no_key_leads_out_of_a_folder() {
        assert_eq!(relative_path("a/b c/ä+.txt"), Ok("a/b c/ä+.txt".into()));
        for hostile in ["../a", "a/../../b", "/etc/passwd", "a//b", "a/./b", "", "..", "a/", "a\0b"] {
            assert!(matches!(relative_path(hostile), Err(KeyError::Unsafe(_))), "{hostile}");
        }
        assert_eq!(file_name("a/b"), Ok("b".into()));
        assert!(file_name("a/..").is_err());
    }
}
