//! `credvend-s3`: objects of one S3 bucket, reached as `credvend s3 …`.
//!
//! A program of its own, so that the credential helper stays small: only this one knows the S3 part of the AWS SDK.

mod beneath;
mod chain;
mod checksum;
mod cli;
mod config;
mod credential_helper;
mod credentials;
mod delete;
mod download;
mod error;
mod interruption;
mod key;
mod kind;
mod list;
mod output;
mod progress;
mod request;
mod response;
mod store;
mod upload;
mod workers;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;
use environment::Lookup;

use crate::cli::{Cli, Command};
use crate::config::Config;
use crate::credential_helper::Helper;
use crate::error::Error;
use crate::interruption::unless_interrupted;
use crate::output::Output;
use crate::store::Store;

/// Runs one command to its end. `environment` looks up a variable of the process.
pub fn run(arguments: impl IntoIterator<Item = OsString>, environment: Lookup<'_>) -> ExitCode {
    // Ends the process with 2 for a usage error, with 0 for --help and --version.
    let cli = Cli::parse_from(arguments);
    match start(&cli, environment) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::error(&error);
            error.exit_code()
        }
    }
}

fn start(cli: &Cli, environment: Lookup<'_>) -> Result<(), Error> {
    let helper = Helper::new(&cli.identity);
    if let Some(helper) = &helper
        && environment(credential_helper::VARIABLES_ARE_SET).is_none()
    {
        return Err(helper.restart().into());
    }
    let config = Config::from_env(environment, helper.is_some())?;
    let output = Output::new(cli.json);
    // What can be refused is refused before anything is connected, read or written.
    let job = match &cli.command {
        Command::Upload(upload) => Job::Upload(upload::Plan::new(upload, &config.path_prefix)?),
        Command::Download(download) => Job::Download(download::Plan::new(download, &config.path_prefix)?),
        Command::List(list) => {
            config.path_prefix.check_beginning(&list.prefix)?;
            Job::List(&list.prefix)
        }
        Command::Delete(delete) => {
            config.path_prefix.check(&delete.key)?;
            Job::Delete(delete)
        }
    };
    // One thread: the network and the disk are what a transfer waits for.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Runtime)?;
    let outcome = runtime.block_on(async {
        let store = Store::open(&cli.identity, config).await?;
        let outcome = unless_interrupted(Box::pin(job.run(&store, output))).await;
        store.abort_orphans().await;
        outcome?
    });
    // A thread may be reading a standard input that never ends.
    runtime.shutdown_background();
    outcome
}

/// A command that has been looked at and may be run.
enum Job<'a> {
    Upload(upload::Plan<'a>),
    Download(download::Plan<'a>),
    List(&'a str),
    Delete(&'a cli::Delete),
}

impl Job<'_> {
    async fn run(self, store: &Store, output: Output) -> Result<(), Error> {
        match self {
            Self::Upload(plan) => upload::run(store, plan, output).await,
            Self::Download(plan) => download::run(store, plan, output).await,
            Self::List(prefix) => list::run(store, prefix, output).await,
            Self::Delete(delete) => delete::run(store, delete, output).await,
        }
    }
}
