//! `credvend completions SHELL`.

use std::process::ExitCode;

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::print;
use crate::cli::Cli;
use crate::error::Error;

pub(crate) fn run(shell: Shell) -> Result<ExitCode, Error> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "credvend", &mut script);
    print(&script)?;
    Ok(ExitCode::SUCCESS)
}
