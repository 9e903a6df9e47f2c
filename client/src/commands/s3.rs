//! `credvend s3 …`: runs `credvend-s3`, as git runs its subcommands, so that the credential helper stays small.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use crate::error::Error;
use crate::settings::sources::Sources;

const PROGRAM: &str = "credvend-s3";

/// What an environment file or an identity may say for it, too.
const VARIABLES: [&str; 10] = [
    "AWS_REGION",
    "S3_BUCKET",
    "S3_PATH_PREFIX",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "CREDVEND_CACHE_DIR",
    "SSL_CERT_FILE",
    "AWS_CA_BUNDLE",
    "HTTPS_PROXY",
    "NO_PROXY",
];

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// What credvend-s3 shall do; see `credvend s3 --help`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
    arguments: Vec<OsString>,
}

/// Returns only when it cannot be run.
pub(crate) fn run(sources: &Sources<'_>, arguments: &Arguments) -> Result<ExitCode, Error> {
    let options = sources.options;
    let lookup = sources.lookup()?;
    let variables = VARIABLES.into_iter().filter_map(|name| Some((name, lookup(name)?)));
    let given = [
        ("--env-file", options.env_file.as_ref().map(OsString::from)),
        ("--identity", options.identity.as_ref().map(OsString::from)),
        ("--config", options.config.as_ref().map(OsString::from)),
    ];
    let given = given.into_iter().filter_map(|(name, value)| Some([OsString::from(name), value?]));
    let cause = Command::new(program()).args(given.flatten()).args(&arguments.arguments).envs(variables).exec();
    Err(Error::Program { program: PROGRAM.to_owned(), cause })
}

/// The one that was installed beside this program, else the one in `PATH`.
fn program() -> PathBuf {
    let beside = || -> io::Result<PathBuf> { Ok(std::env::current_exe()?.with_file_name(PROGRAM)) };
    beside().ok().filter(|path| path.exists()).unwrap_or_else(|| PROGRAM.into())
}
