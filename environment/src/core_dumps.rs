//! Memory that holds secrets stays in the process.

use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

/// Called first of all, before a secret is in memory: neither a core file nor another process of this user may read
/// it (prctl(2), `PR_SET_DUMPABLE`). Where a sandbox refuses either call, the program still runs: credentials are
/// better than none.
pub fn forbid_core_dumps() {
    // The hard limit stays: a program that is run with `exec` may have reasons of its own to raise the soft one.
    let maximum = getrlimit(Resource::Core).maximum;
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum });
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}
