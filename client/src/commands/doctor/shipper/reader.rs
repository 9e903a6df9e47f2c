//! Who has to be able to read the files.

use std::fmt;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::text_file;

/// A user, by the numbers that decide about access.
pub(super) struct Reader {
    /// The user who runs the doctor: trying is the surest way to know what that user can read.
    is_me: bool,
    /// The command line does not say who the shipper runs as.
    is_assumed: bool,
    name: String,
    user: u32,
    groups: Vec<u32>,
}

const READ: u32 = 0o4;
const SEARCH: u32 = 0o1;

impl Reader {
    /// The user of this name or number, `None` for the one who runs the doctor, with more groups than `/etc/group` gives.
    pub(super) fn find(user: Option<&str>, groups: &[String]) -> Result<Self, String> {
        let me = rustix::process::geteuid().as_raw();
        let Some(given) = user else {
            return Ok(Self { is_me: true, is_assumed: true, name: me.to_string(), user: me, groups: Vec::new() });
        };
        let passwd = fs::read("/etc/passwd").unwrap_or_default();
        let group = fs::read("/etc/group").unwrap_or_default();
        let (passwd, group) = (String::from_utf8_lossy(&passwd), String::from_utf8_lossy(&group));
        let found = parse(given, &passwd, &group);
        let (user, mut own) = found.ok_or_else(|| format!("there is no user `{given}` in `/etc/passwd`"))?;
        own.extend(groups.iter().filter_map(|name| group_id(name, &group)));
        Ok(Self { is_me: user == me, is_assumed: false, name: given.to_owned(), user, groups: own })
    }

    /// The home of a user (`/etc/passwd`), which systemd puts into the environment of a unit with `User=` (systemd.exec(5)).
    pub(super) fn home(user: &str) -> Option<String> {
        let passwd = fs::read("/etc/passwd").unwrap_or_default();
        home_in(user, &String::from_utf8_lossy(&passwd))
    }

    /// The text of a file that this user can read, or why there is none.
    pub(super) fn read(&self, path: &Path) -> Result<String, String> {
        match self.problem(path) {
            Some(problem) => Err(problem),
            None => text_file::read(path),
        }
    }

    /// Why the file cannot be read. Access control lists are not looked at.
    fn problem(&self, path: &Path) -> Option<String> {
        if self.is_me {
            // Opening a FIFO would wait for its writer; what else it is, text_file tells.
            let is_file = fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
            return if is_file { File::open(path).err().map(|cause| cause.to_string()) } else { None };
        }
        for (part, wanted) in path.ancestors().skip(1).map(|part| (part, SEARCH)).chain([(path, READ)]) {
            match fs::metadata(if part.as_os_str().is_empty() { Path::new(".") } else { part }) {
                Err(cause) => return Some(cause.to_string()),
                Ok(metadata) if !self.has(wanted, &metadata) => {
                    let mode = metadata.mode() & 0o7777;
                    return Some(format!("`{}` (mode {mode:04o}) is closed to {self}", part.display()));
                }
                Ok(_) => {}
            }
        }
        None
    }

    /// `path_resolution(7)`: the first class that applies decides alone.
    fn has(&self, wanted: u32, metadata: &fs::Metadata) -> bool {
        let shift = if metadata.uid() == self.user {
            6
        } else if self.groups.contains(&metadata.gid()) {
            3
        } else {
            0
        };
        self.user == 0 || metadata.mode() >> shift & wanted == wanted
    }
}

impl fmt::Display for Reader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "user {}", self.name)?;
        match (self.is_assumed, self.user) {
            (true, 0) => formatter.write_str(" (root may read everything: --shipper-user names the shipper's own)"),
            _ => Ok(()),
        }
    }
}

/// passwd(5) and group(5), without the C library's name service, which a static binary does not have.
fn parse(given: &str, passwd: &str, group: &str) -> Option<(u32, Vec<u32>)> {
    let mut lines = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let line = lines.find(|fields| fields.first() == Some(&given) || fields.get(2) == Some(&given));
    let Some(fields) = line else {
        // A dynamic user has no line.
        return Some((given.parse().ok()?, Vec::new()));
    };
    let (name, user, primary) = (fields.first()?, fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?);
    let mut groups = vec![primary];
    for fields in group.lines().map(|line| line.split(':').collect::<Vec<_>>()) {
        if let [_, _, id, members] = fields.as_slice()
            && members.split(',').any(|member| member == *name)
        {
            groups.extend(id.parse::<u32>());
        }
    }
    Some((user, groups))
}

fn home_in(user: &str, passwd: &str) -> Option<String> {
    let mut lines = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let fields = lines.find(|fields| fields.first() == Some(&user) || fields.get(2) == Some(&user))?;
    fields.get(5).map(|home| (*home).to_owned())
}

/// A group, by name or number.
fn group_id(given: &str, group: &str) -> Option<u32> {
    let mut lines = group.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let line = lines.find(|fields| fields.first() == Some(&given));
    line.map_or(Some(given), |fields| fields.get(2).copied())?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_and_its_groups() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nvector:x:998:997::/:/usr/sbin/nologin\n";
        let group = "vector:x:997:\ncredvend:x:996:fluent-bit,vector\nadm:x:4:vectors\n";
        assert_eq!(parse("vector", passwd, group), Some((998, vec![997, 996])));
        assert_eq!(parse("998", passwd, group), Some((998, vec![997, 996])));
        assert_eq!(parse("1234", passwd, group), Some((1234, vec![])));
        assert_eq!(parse("nobody", passwd, group), None);
        assert_eq!(
            ["root", "0", "x"].map(|user| home_in(user, passwd)),
            [Some("/root".into()), Some("/root".into()), None]
        );
        assert_eq!(["credvend", "996", "no-such"].map(|name| group_id(name, group)), [Some(996), Some(996), None]);
    }

    #[test]
    fn modes_decide() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        fs::write(&file, "x").unwrap();
        let set = |path: &Path, mode| {
            fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        };
        let group = fs::metadata(&file).unwrap().gid();
        let reader = |user, groups| Reader { is_me: false, is_assumed: false, name: "x".to_owned(), user, groups };
        let (stranger, member) = (reader(4_000_001, vec![]), reader(4_000_001, vec![group]));
        set(folder.path(), 0o755);
        set(&file, 0o640);
        assert!(stranger.problem(&file).unwrap().contains("token` (mode 0640) is closed to user x"));
        assert_eq!(member.problem(&file), None);
        set(&file, 0o604);
        assert!(member.problem(&file).is_some() && stranger.problem(&file).is_none());
        set(folder.path(), 0o700);
        assert!(stranger.problem(&file).unwrap().contains("(mode 0700)"));
        assert_eq!(reader(0, vec![]).problem(&file), None);
    }
}
