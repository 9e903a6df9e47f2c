//! `credvend`: the process around the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    environment::forbid_core_dumps(environment::CoreLimit::Soft);
    client::run(std::env::args_os(), &environment::process)
}
