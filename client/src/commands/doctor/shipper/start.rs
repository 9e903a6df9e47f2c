//! How the shipper is started: its command line, user and environment, from its process or its systemd unit.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

pub(super) struct Start {
    /// Of the unit, or `process 12`.
    pub(super) name: String,
    pub(super) words: Vec<String>,
    pub(super) variables: HashMap<String, String>,
    /// By name or number.
    pub(super) user: String,
    /// Beside those that the user is a member of.
    pub(super) groups: Vec<String>,
    /// What relative paths are relative to.
    pub(super) directory: PathBuf,
}

impl Start {
    /// proc(5): words and variables as the process was started with, each ended by a null byte.
    pub(super) fn of_process(pid: u32) -> Result<Self, String> {
        let path = format!("/proc/{pid}");
        let read = |name: &str| fs::read(format!("{path}/{name}"));
        let parts = |content: Vec<u8>| {
            let content = String::from_utf8_lossy(&content).into_owned();
            content.split('\0').filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>()
        };
        let unreadable = |cause: std::io::Error| format!("`{path}` cannot be read: {cause}");
        let variables = parts(read("environ").map_err(unreadable)?);
        let variables = variables.iter().filter_map(|variable| variable.split_once('='));
        Ok(Self {
            name: format!("process {pid}"),
            words: parts(read("cmdline").map_err(unreadable)?),
            variables: variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            user: fs::metadata(format!("{path}/environ")).map_err(unreadable)?.uid().to_string(),
            groups: read("status").map(|status| groups(&String::from_utf8_lossy(&status))).unwrap_or_default(),
            directory: fs::read_link(format!("{path}/cwd")).unwrap_or_else(|_| PathBuf::from("/")),
        })
    }
}

/// The line `Groups:` of `/proc/PID/status`: what the process has, whatever `/etc/group` says by now.
fn groups(status: &str) -> Vec<String> {
    let line = status.lines().find_map(|line| line.strip_prefix("Groups:")).unwrap_or_default();
    line.split_whitespace().map(str::to_owned).collect()
}
