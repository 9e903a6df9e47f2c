//! One file a subcommand; `daemon` is what two of them share.

pub(crate) mod completions;
pub(crate) mod credential_daemon;
pub(crate) mod daemon;
pub(crate) mod doctor;
pub(crate) mod env;
pub(crate) mod exec;
pub(crate) mod get_credentials;
pub(crate) mod man;
pub(crate) mod query;
pub(crate) mod s3;
pub(crate) mod secret;
pub(crate) mod serve;
pub(crate) mod setup;
pub(crate) mod token;
pub(crate) mod token_daemon;

use std::io::{self, Write as _};

use crate::error::Error;

/// Writes a result to standard output. A reader that has gone (`… | head -1`) is no failure.
fn print(text: &[u8]) -> Result<(), Error> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::Output(error)),
        _ => Ok(()),
    }
}
