//! `credvend s3 …`: runs `credvend-s3`, as git runs its subcommands, so that the credential helper stays small.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use crate::error::Error;
use crate::settings::known_variables::{self, Child};
use crate::settings::sources::Sources;

const PROGRAM: &str = "credvend-s3";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Arguments of credvend-s3; see `credvend s3 --help`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
    arguments: Vec<OsString>,
}

/// Returns only when it cannot be run.
pub(crate) fn run(sources: &Sources<'_>, arguments: &Arguments) -> Result<ExitCode, Error> {
    let options = sources.options;
    let lookup = sources.lookup()?;
    let given = [
        ("--env-file", options.env_file.as_ref().map(OsString::from)),
        ("--identity", options.identity.as_ref().map(OsString::from)),
        ("--config", options.config.as_ref().map(OsString::from)),
    ];
    let given = given.into_iter().filter_map(|(name, value)| Some([OsString::from(name), value?]));
    let mut command = Command::new(program());
    // It would run this program for them otherwise.
    command.env("CREDVEND_S3_VARIABLES_ARE_SET", "true");
    command.args(given.flatten()).args(&arguments.arguments);
    for name in known_variables::of(Child::S3) {
        match lookup(name) {
            Some(value) => command.env(name, value),
            // Also what a file says in another spelling: the process's own must not win there.
            None => command.env_remove(name),
        };
    }
    let cause = command.exec();
    Err(Error::Program { program: PROGRAM.to_owned(), cause })
}

/// The one that was installed beside this program, else the one in `PATH`.
fn program() -> PathBuf {
    let beside = || -> io::Result<PathBuf> { Ok(std::env::current_exe()?.with_file_name(PROGRAM)) };
    beside().ok().filter(|path| path.exists()).unwrap_or_else(|| PROGRAM.into())
}
