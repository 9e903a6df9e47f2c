//! `credvend-s3`: the process around the library.

use std::env;
use std::process::ExitCode;

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

fn main() -> ExitCode {
    forbid_core_dumps();
    #[allow(clippy::disallowed_methods, reason = "the one reader that `from_env` is given")]
    let environment = |name: &str| env::var(name).ok();
    s3::run(env::args_os(), &environment)
}

/// First of all, before a secret is in memory: neither a core file nor another process of this user may read it. Where
/// the system says no (a sandbox), an upload is still better than none.
fn forbid_core_dumps() {
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}
