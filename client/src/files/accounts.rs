//! Users and groups by name or number.

use std::fs;
use std::io;

/// A name that leads to no number.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AccountError {
    #[error("`{path}` cannot be read: {cause}: name the {what} by its number")]
    Unreadable { what: &'static str, path: &'static str, cause: io::Error },
    #[error("there is no {what} `{name}` in `{path}`: name it by its number, if it comes from elsewhere")]
    Unknown { what: &'static str, path: &'static str, name: String },
}

pub(crate) fn user_id(user: &str) -> Result<u32, AccountError> {
    id("user", "/etc/passwd", user)
}

pub(crate) fn group_id(group: &str) -> Result<u32, AccountError> {
    id("group", "/etc/group", group)
}

/// The files alone, without the C library's name service: a static binary has none, and a directory service that is down
/// must not hang a daemon.
fn id(what: &'static str, path: &'static str, name: &str) -> Result<u32, AccountError> {
    // chown(2) takes the largest number for "as it is".
    if let Some(id) = name.parse().ok().filter(|id| *id != u32::MAX) {
        return Ok(id);
    }
    // A line that is not UTF-8 does not hide the others.
    let content = fs::read(path).map_err(|cause| AccountError::Unreadable { what, path, cause })?;
    find(&String::from_utf8_lossy(&content), name).ok_or_else(|| AccountError::Unknown {
        what,
        path,
        name: name.to_owned(),
    })
}

/// passwd(5) and group(5) begin alike: name, password, number.
fn find(content: &str, name: &str) -> Option<u32> {
    content.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next() != Some(name) {
            return None;
        }
        fields.nth(1)?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_name_or_number() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\nbroken\nfluent-bit:x:998:997::/:/usr/sbin/nologin\n";
        assert_eq!(find(passwd, "fluent-bit"), Some(998));
        assert_eq!(find(passwd, "fluent"), None);
        assert_eq!(find(passwd, "broken"), None);
        assert_eq!(user_id("1001").unwrap(), 1001);
        assert_eq!(user_id("root").unwrap(), 0);
        assert!(user_id("4294967295").is_err());
        let error = group_id("no-such-group").unwrap_err().to_string();
        assert!(error.starts_with("there is no group `no-such-group` in `/etc/group`"), "{error}");
    }
}
