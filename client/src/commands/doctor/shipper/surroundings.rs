//! The environment that the shipper has: ours, or that of its process.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;

use super::Check;
use crate::error::Error;

pub(super) struct Surroundings<'a> {
    ours: &'a dyn Fn(&str) -> Option<String>,
    of_process: Option<(HashMap<String, String>, u32)>,
}

impl<'a> Surroundings<'a> {
    pub(super) fn find(ours: &'a dyn Fn(&str) -> Option<String>, pid: Option<u32>) -> Result<Self, String> {
        let of_process = pid.map(read_process).transpose()?;
        Ok(Self { ours, of_process })
    }

    /// A variable that is set to something.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        let value = match &self.of_process {
            Some((variables, _)) => variables.get(name).cloned(),
            None => (self.ours)(name),
        };
        value.filter(|value| !value.trim().is_empty())
    }

    /// The process's user.
    pub(super) fn user(&self) -> Option<u32> {
        self.of_process.as_ref().map(|(_, user)| *user)
    }
}

/// proc(5): variables as the process was started with, each ended by a null byte.
fn read_process(pid: u32) -> Result<(HashMap<String, String>, u32), String> {
    let path = format!("/proc/{pid}/environ");
    let unreadable = |cause: std::io::Error| format!("`{path}` cannot be read: {cause}");
    let content = fs::read(&path).map_err(unreadable)?;
    let user = fs::metadata(&path).map_err(unreadable)?.uid();
    let variables = String::from_utf8_lossy(&content);
    let pairs = variables.split('\0').filter_map(|variable| variable.split_once('='));
    Ok((pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(), user))
}

impl Check<'_> {
    /// Keys in the environment win over every other way, in every SDK, and nobody can change them from outside.
    pub(super) fn keys(&mut self) -> Result<(), Error> {
        let names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];
        let set: Vec<&str> = names.into_iter().filter(|name| self.surroundings.get(name).is_some()).collect();
        if set.is_empty() {
            return self.ok("keys", "none in the environment");
        }
        let detail =
            format!("{} in the environment: they win over every other way, and stay when they end", set.join(", "));
        self.fail("keys", detail, "remove them from the shipper's environment")
    }

    /// Whether requests to this host are sent through a proxy, which is another machine with another loopback.
    pub(super) fn proxy(&mut self, host: &str) -> Result<(), Error> {
        let set =
            |names: &[&str]| names.iter().find_map(|name| Some(((*name).to_owned(), self.surroundings.get(name)?)));
        let Some((name, _)) = set(&["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]) else {
            return self.ok("proxy", "none for http");
        };
        let (_, exceptions) = set(&["no_proxy", "NO_PROXY"]).unwrap_or_default();
        if exceptions.split(',').any(|exception| matches!(exception.trim(), "*") || exception.trim() == host) {
            return self.ok("proxy", format_args!("{name} is set, and NO_PROXY excepts {host}"));
        }
        let fix = format!("add {host} to NO_PROXY in the shipper's environment");
        self.warn("proxy", format_args!("{name} is set, and NO_PROXY does not except {host}"), &fix)
    }
}
