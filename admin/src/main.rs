//! `credvend-admin`: the process around the library.

use std::process::ExitCode;
use std::time::SystemTime;

#[allow(clippy::disallowed_methods)] // Time enters here, once a run, and is an argument from here on.
fn main() -> ExitCode {
    environment::forbid_core_dumps(environment::CoreLimit::Soft);
    admin::run(std::env::args_os(), &environment::process, SystemTime::now())
}
