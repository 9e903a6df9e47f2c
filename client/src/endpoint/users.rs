//! Users of this machine, from names to ids.

use std::collections::HashSet;
use std::fs;
use std::process::{Command, Stdio};

/// A user that an identity names, and nobody is.
#[derive(Debug, thiserror::Error)]
#[error("[identity.{identity}]: there is no user `{user}` on this machine: create it, or correct `users`")]
pub(crate) struct UserError {
    identity: String,
    user: String,
}

/// The ids of users that are given by name or id.
pub(crate) fn ids(identity: &str, users: &[String]) -> Result<HashSet<u32>, UserError> {
    let id = |user: &String| {
        let found = user.parse().ok().or_else(|| in_passwd(user)).or_else(|| elsewhere(user));
        found.ok_or_else(|| UserError { identity: identity.to_owned(), user: user.clone() })
    };
    users.iter().map(id).collect()
}

fn in_passwd(user: &str) -> Option<u32> {
    fs::read_to_string("/etc/passwd").ok()?.lines().find_map(|line| id_in(line, user))
}

/// In a directory service, or one of systemd's dynamic users. libc's own look-up would load plugins into this process,
/// and a static binary cannot.
fn elsewhere(user: &str) -> Option<u32> {
    let output = Command::new("getent").args(["passwd", "--", user]).stdin(Stdio::null()).output().ok()?;
    id_in(str::from_utf8(&output.stdout).ok()?, user)
}

/// passwd(5): `name:password:uid:…`
fn id_in(line: &str, user: &str) -> Option<u32> {
    let mut fields = line.split(':');
    (fields.next()? == user).then(|| fields.nth(1)?.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        let users = |given: &[&str]| ids("a", &given.iter().map(|&user| user.to_owned()).collect::<Vec<_>>());
        assert_eq!(users(&["root", "4711"]).unwrap(), HashSet::from([0, 4711]));
        let error = users(&["root", "no-such-user"]).unwrap_err().to_string();
        assert!(error.starts_with("[identity.a]: there is no user `no-such-user`"), "{error}");
        assert_eq!(id_in("web:x:33:33::/:/bin/false", "web"), Some(33));
        assert_eq!(id_in("web:x:33:33::/:/bin/false", "we"), None);
    }
}
