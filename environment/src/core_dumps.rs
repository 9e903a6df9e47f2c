//! Memory that holds secrets stays in the process.

use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

/// Whether a program of this user may be started from here that has reasons of its own to write core files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CoreLimit {
    /// Nothing that is started from here can allow core files again (setrlimit(2)).
    Hard,
    /// The hard limit stays as it is, for the program that `exec` runs.
    Soft,
}

/// Called first of all, before a secret is in memory: neither a core file nor another process of this user may read
/// it (prctl(2), `PR_SET_DUMPABLE`). Where a sandbox refuses either call, the program still runs: credentials are
/// better than none.
pub fn forbid_core_dumps(limit: CoreLimit) {
    let maximum = match limit {
        CoreLimit::Hard => Some(0),
        CoreLimit::Soft => getrlimit(Resource::Core).maximum,
    };
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum });
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}
