//! `credvend-s3`: the process around the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    environment::forbid_core_dumps(environment::CoreLimit::Hard);
    s3::run(std::env::args_os(), &environment::process)
}
