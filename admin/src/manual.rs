//! The manual page and the completion scripts, from the definition of the command line.

use clap::CommandFactory as _;
use clap_complete::Shell;
use manual_page::manual_page;

use crate::cli::Cli;
use crate::error::Error;
use crate::output;

pub(crate) fn completions(shell: Shell) -> Result<(), Error> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "credvend-admin", &mut script);
    output::print(&script)
}

pub(crate) fn man() -> Result<(), Error> {
    output::print(&manual_page(&Cli::command()).map_err(Error::Output)?)
}
