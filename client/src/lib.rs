//! `credvend`: short-lived AWS credentials for whatever runs on this machine.
//!
//! The pipeline is `idp → exchange → credentials → cache → output`; `freshness/provider` walks it.

mod access_token;
mod cli;
mod commands;
mod consequence;
mod credentials;
mod endpoint;
mod error;
mod exchange;
mod files;
mod freshness;
mod idp;
mod output;
mod secret;
mod settings;
mod signature_v4;
mod systemd;
mod timestamp;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Command};
use crate::error::Error;
use crate::settings::sources::Sources;
use environment::Log;

/// Runs one command to its end. `environment` looks up a variable of the process.
pub fn run(arguments: impl IntoIterator<Item = OsString>, environment: &dyn Fn(&str) -> Option<String>) -> ExitCode {
    // Ends the process with 2 for a usage error, with 0 for --help and --version.
    let cli = Cli::parse_from(arguments);
    let log = Log::of_command("credvend", cli.log_format, cli.log_level);
    match dispatch(&cli, log, environment) {
        Ok(code) => code,
        Err(error) => {
            log.failure(&error, error.kind().name());
            error.kind().exit_code()
        }
    }
}

fn dispatch(cli: &Cli, log: Log, environment: &dyn Fn(&str) -> Option<String>) -> Result<ExitCode, Error> {
    let sources = Sources { options: &cli.identity, environment };
    match &cli.command {
        Command::GetCredentials(arguments) => commands::get_credentials::run(arguments, &sources.config()??, log),
        Command::CredentialDaemon(arguments) => commands::credential_daemon::run(arguments, &sources, log),
        Command::Token(arguments) => commands::token::run(arguments, &sources, log),
        Command::TokenDaemon(arguments) => commands::token_daemon::run(arguments, &sources, log),
        Command::Env(arguments) => commands::env::run(arguments, &sources.config()??, log),
        Command::Exec(arguments) => commands::exec::run(arguments, &sources, log),
        Command::Setup(arguments) => commands::setup::run(arguments, &sources),
        Command::Serve(arguments) => commands::serve::run(arguments, &sources, log),
        Command::Secret(arguments) => commands::secret::run(arguments, &sources, log),
        Command::Query(arguments) => commands::query::run(arguments, &sources, log),
        Command::S3(arguments) => commands::s3::run(&sources, arguments),
        Command::Doctor(arguments) => commands::doctor::run(arguments, &sources, log),
        Command::Completions { shell } => commands::completions::run(*shell),
        Command::Man => commands::man::run(),
    }
}
