//! `credvend man`: the manual page, for `credvend man | man -l -`.

use std::process::ExitCode;

use clap::CommandFactory as _;

use super::print;
use crate::cli::Cli;
use crate::error::Error;

pub(crate) fn run() -> Result<ExitCode, Error> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page).map_err(Error::Output)?;
    print(&page)?;
    Ok(ExitCode::SUCCESS)
}
