//! `credvend`: the process around the library.

use std::env;
use std::process::ExitCode;

use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

fn main() -> ExitCode {
    forbid_core_dumps();
    #[allow(clippy::disallowed_methods, reason = "the one reader that `from_env` is given")]
    let environment = |name: &str| env::var(name).ok();
    client::run(env::args_os(), &environment)
}

/// First of all, before a secret is in memory: neither a core file nor another process of this user may read it. Where
/// the system says no (a sandbox), credentials are still better than none.
fn forbid_core_dumps() {
    // The maximum stays: what `exec` runs may have reasons of its own to raise it.
    let maximum = getrlimit(Resource::Core).maximum;
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum });
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}
