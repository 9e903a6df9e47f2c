//! `credvend`: short-lived AWS credentials for whatever runs on this machine.
//!
//! The pipeline is `idp → exchange → credentials → cache → output`, each a file of the same name; `provider` walks it.

mod atomic_file;
mod cache;
mod cli;
mod commands;
mod config;
mod credentials;
pub mod env_file;
mod error;
mod exchange;
mod fetch;
mod identities;
mod idp;
mod log;
mod output;
mod provider;
mod refresh;
mod secret;
mod timestamp;
mod variables;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Command};
use crate::config::Config;
use crate::env_file::Overlay;
use crate::error::Error;
use crate::log::Log;

/// Runs one command to its end. `environment` looks up a variable of the process.
pub fn run(arguments: impl IntoIterator<Item = OsString>, environment: &dyn Fn(&str) -> Option<String>) -> ExitCode {
    // Ends the process with 2 for a usage error, with 0 for --help and --version.
    let cli = Cli::parse_from(arguments);
    let log = Log::new(cli.log_format, cli.log_level);
    match dispatch(&cli, &log, environment) {
        Ok(code) => code,
        Err(error) => {
            log.error(&error);
            error.kind().exit_code()
        }
    }
}

fn dispatch(cli: &Cli, log: &Log, environment: &dyn Fn(&str) -> Option<String>) -> Result<ExitCode, Error> {
    match cli.command {
        Command::Completions { shell } => return commands::completions::run(shell),
        Command::Man => return commands::man::run(),
        Command::GetCredentials | Command::Doctor { .. } => {}
    }
    let overlay = overlay(cli)?;
    let lookup = |name: &str| {
        let from_process = || if overlay.overrules(name) { None } else { environment(name) };
        overlay.get(name).map(str::to_owned).or_else(from_process)
    };
    let config = Config::from_env(&lookup);
    match cli.command {
        Command::Doctor { json } => commands::doctor::run(config, json, log),
        _ => commands::get_credentials::run(&config?, log),
    }
}

/// The variables that win over the process's own.
fn overlay(cli: &Cli) -> Result<Overlay, Error> {
    if let Some(env_file) = &cli.env_file {
        return Ok(Overlay::read(env_file)?);
    }
    if cli.config.is_none() && cli.identity.is_none() {
        return Ok(Overlay::default());
    }
    let path = cli.config.as_deref().unwrap_or(Path::new(identities::DEFAULT_PATH));
    Ok(identities::read(path, cli.identity.as_deref())?)
}
