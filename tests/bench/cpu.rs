//! Which CPU a process runs on, and how long it has.

use std::fs;

use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Keeps this thread, and all that it starts, on one CPU until dropped.
pub struct Pinned {
    before: CpuSet,
    here: usize,
    elsewhere: usize,
}

impl Pinned {
    /// `None` where there is only one CPU to run on.
    pub fn new() -> Option<Self> {
        let before = sched_getaffinity(None).expect("a thread may ask where it runs");
        let mut allowed = (0..CpuSet::MAX_CPU).filter(|cpu| before.is_set(*cpu));
        let (here, elsewhere) = (allowed.next()?, allowed.next()?);
        pin(None, here);
        Some(Self { before, here, elsewhere })
    }

    /// Puts a process that has one thread on a CPU of its own, or on this thread's.
    pub fn place(&self, process: u32, apart: bool) {
        let process = i32::try_from(process).ok().and_then(Pid::from_raw);
        pin(Some(process.expect("a child has a pid")), if apart { self.elsewhere } else { self.here });
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // It was allowed before.
        let _ = sched_setaffinity(None, &self.before);
    }
}

fn pin(process: Option<Pid>, cpu: usize) {
    let mut only = CpuSet::new();
    only.set(cpu);
    sched_setaffinity(process, &only).expect("an allowed CPU can be chosen");
}

/// Nanoseconds on a CPU so far, of the process's first thread.
pub fn time_used(process: u32) -> u64 {
    let schedstat = fs::read_to_string(format!("/proc/{process}/schedstat")).expect("the kernel keeps schedstat");
    let used = schedstat.split(' ').next().and_then(|field| field.parse().ok());
    used.expect("its first field is a number")
}

/// Whether the process's first thread runs with real-time priority (`chrt -f`): proc(5), field 41 of `stat`.
pub fn is_real_time(process: u32) -> bool {
    const SCHED_FIFO: &str = "1";
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let behind_the_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    behind_the_name.split_ascii_whitespace().nth(41 - 3) == Some(SCHED_FIFO)
}
