//! Where a user's cache is.

use std::path::PathBuf;

use crate::variables::Variables;

/// The cache directory that all programs of the project share: `CREDVEND_CACHE_DIR`, systemd's `CACHE_DIRECTORY`, else
/// the XDG cache. `None` where no variable says where one could be.
#[must_use]
pub fn cache_dir(variables: &Variables<'_>) -> Option<PathBuf> {
    if let Some(own) = variables.optional("CREDVEND_CACHE_DIR") {
        return Some(own.into());
    }
    // systemd.exec(5), CacheDirectory=: several are separated by colons.
    if let Some(systemd) = variables.optional("CACHE_DIRECTORY") {
        return systemd.split(':').next().map(PathBuf::from);
    }
    // XDG Base Directory Specification: a relative path is invalid and to be ignored.
    let xdg = variables.optional("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || variables.optional("HOME").map(|home| PathBuf::from(home).join(".cache"));
    Some(xdg.or_else(home)?.join("credvend"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_particular_variable_decides() {
        let home = ("HOME", "/home/a");
        let xdg = ("XDG_CACHE_HOME", "/xdg");
        let systemd = ("CACHE_DIRECTORY", "/var/cache/a:/var/cache/b");
        let own = ("CREDVEND_CACHE_DIR", "/own");
        let dir = |variables: &[(&str, &str)]| {
            let lookup =
                |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
            cache_dir(&Variables::new(&lookup))
        };
        assert_eq!(dir(&[]), None);
        assert_eq!(dir(&[home]), Some("/home/a/.cache/credvend".into()));
        assert_eq!(dir(&[home, ("XDG_CACHE_HOME", "relative")]), Some("/home/a/.cache/credvend".into()));
        assert_eq!(dir(&[home, xdg]), Some("/xdg/credvend".into()));
        assert_eq!(dir(&[home, xdg, systemd]), Some("/var/cache/a".into()));
        assert_eq!(dir(&[home, xdg, systemd, own]), Some("/own".into()));
    }
}
