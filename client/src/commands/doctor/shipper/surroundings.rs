//! The environment that the shipper has: ours, or that of its process or unit.

use super::Check;
use super::start::Start;
use super::{ShipperArguments, unit};
use crate::error::Error;

type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

pub(super) struct Surroundings<'a> {
    /// Unless the command line names a process or a unit.
    ours: Option<Lookup<'a>>,
    start: Option<Start>,
}

/// The address of AWS's metadata service, which Fluent Bit sets up at its start whatever it is told to use.
const METADATA_ADDRESS: &str = "169.254.169.254";

impl<'a> Surroundings<'a> {
    pub(super) fn find(ours: Lookup<'a>, arguments: &ShipperArguments, usual_unit: &str) -> Result<Self, String> {
        let directories = unit::directories(ours("SYSTEMD_UNIT_PATH").as_deref());
        let named = match (arguments.shipper_pid, &arguments.shipper_unit) {
            (Some(pid), _) => Some(Start::of_process(pid)?),
            (None, Some(name)) => {
                let none = || format!("there is no unit `{name}` that starts something");
                Some(unit::find(name, &directories)?.ok_or_else(none)?)
            }
            (None, None) => None,
        };
        Ok(match named {
            Some(start) => Self { ours: None, start: Some(start) },
            // Its command line shows which files it reads. Its environment counts only where the command line names it.
            None => Self { ours: Some(ours), start: unit::find(usual_unit, &directories).unwrap_or_default() },
        })
    }

    /// A variable that is set to something.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        let value = match (self.ours, &self.start) {
            (Some(ours), _) => ours(name),
            (None, Some(start)) => start.variables.get(name).cloned(),
            (None, None) => None,
        };
        value.filter(|value| !value.trim().is_empty())
    }

    pub(super) fn start(&self) -> Option<&Start> {
        self.start.as_ref()
    }

    /// The start of the process or unit that the command line names: its environment and user are the shipper's.
    pub(super) fn named(&self) -> Option<&Start> {
        self.start.as_ref().filter(|_| self.ours.is_none())
    }
}

impl Check<'_> {
    /// Keys in the environment win over every other way, in every SDK, and cannot be refreshed from outside.
    pub(super) fn keys(&mut self) -> Result<(), Error> {
        let names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];
        let set: Vec<&str> = names.into_iter().filter(|name| self.surroundings.get(name).is_some()).collect();
        if set.is_empty() {
            return self.ok("keys", "none in the environment");
        }
        let detail = format!(
            "{} in the environment: they win over every other way, and stay after they have expired",
            set.join(", ")
        );
        self.fail("keys", detail, "remove them from the shipper's environment")
    }

    /// Whether requests to the endpoint are sent through a proxy, which is another machine with another loopback.
    pub(super) fn proxy(&mut self, endpoint: Option<&str>) -> Result<(), Error> {
        let metadata = self.shipper.needs_metadata_address().then_some(METADATA_ADDRESS);
        let hosts: Vec<&str> = endpoint.into_iter().chain(metadata).collect();
        if hosts.is_empty() {
            return Ok(());
        }
        let set =
            |names: &[&str]| names.iter().find_map(|name| Some(((*name).to_owned(), self.surroundings.get(name)?)));
        let Some((name, _)) = set(self.shipper.proxy_variables()) else { return self.ok("proxy", "none for http") };
        let (_, exceptions) = set(&["no_proxy", "NO_PROXY"]).unwrap_or_default();
        let is_excepted = |host: &str| exceptions.split(',').map(str::trim).any(|name| name == "*" || name == host);
        let missing: Vec<&str> = hosts.iter().copied().filter(|host| !is_excepted(host)).collect();
        if missing.is_empty() {
            return self.ok("proxy", format_args!("{name} is set, and NO_PROXY excepts {}", hosts.join(" and ")));
        }
        let missing = missing.join(",");
        let fix = format!("add {missing} to NO_PROXY in the shipper's environment");
        let detail = format!("{name} is set, and NO_PROXY does not except {missing}");
        if missing.ends_with(METADATA_ADDRESS) {
            return self.fail("proxy", format_args!("{detail}: {} does not start", self.shipper.name()), &fix);
        }
        self.warn("proxy", detail, &fix)
    }
}
