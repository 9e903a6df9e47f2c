//! `credvend man`: the manual page, for `credvend man | man -l -`.

use std::process::ExitCode;

use clap::CommandFactory as _;
use manual_page::manual_page;

use super::print;
use crate::cli::Cli;
use crate::error::Error;

pub(crate) fn run() -> Result<ExitCode, Error> {
    print(&manual_page(&Cli::command()).map_err(Error::Output)?)?;
    Ok(ExitCode::SUCCESS)
}
