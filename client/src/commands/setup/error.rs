//! Why no configuration can be printed, and which values may be part of one.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use http_client::{Endpoint, EndpointError};

/// Why no configuration can be printed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetupError {
    /// Each of the formats has special characters of its own. A value without any of them needs no quoting in any format.
    #[error(
        "{what} holds other characters than letters, digits and {SIGNS}, which mean something else in some of the files \
         that programs read: use another one, or write the configuration by hand"
    )]
    NotPlain { what: String },
    /// URLs that only other programs use are checked here, since a password in one would be printed.
    #[error("{name}: {cause}, for example `https://s3.eu-west-1.amazonaws.com`")]
    Url { name: &'static str, cause: EndpointError },
    #[error("`{}` cannot be made an absolute path: {cause}", path.display())]
    Path { path: PathBuf, cause: io::Error },
    /// systemd.syntax(7), "User/Group Name Syntax".
    #[error(
        "the identity `{identity}` cannot have a user of its own: the name `{account}` has more than 31 characters or a \
         dot. Rename the identity"
    )]
    Account { identity: String, account: String },
    #[error("the path of this program is not known: {0}: is /proc there?")]
    Program(io::Error),
    #[error(
        "`{0}` (--listen) cannot be offered to programs: the AWS SDKs take plain http from loopback only, and a fixed port"
    )]
    Listen(SocketAddr),
    /// vector#18591. A restart at each refresh does not help: only root may restart a unit, and a batch that S3 refused before
    /// the restart is lost all the same.
    #[error(
        "Vector reads a credentials file once and never again, and drops every batch that S3 refuses once the keys in it \
         have expired: use `--via endpoint` or `--via process`"
    )]
    VectorReadsFilesOnce,
}

const SIGNS: &str = "_.,:/=+@~-";

/// The text, if it has no special characters. An error does not repeat it, since it may be secret.
pub(super) fn plain<'a>(what: &str, text: &'a str) -> Result<&'a str, SetupError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || SIGNS.contains(c);
    if text.chars().all(is_plain) { Ok(text) } else { Err(SetupError::NotPlain { what: what.to_owned() }) }
}

/// The text, if it is plain; a URL must be one that credvend accepts, without a password.
pub(super) fn plain_value(name: &'static str, value: String) -> Result<String, SetupError> {
    // Scopes are separated by spaces, which every format takes within quotes.
    value.split(' ').try_for_each(|word| plain(name, word).map(drop))?;
    if value.contains("://") {
        Endpoint::parse(&value).map_err(|cause| SetupError::Url { name, cause })?;
    }
    Ok(value)
}

/// A path of this machine, from its root on.
pub(super) fn absolute(what: &str, path: &Path) -> Result<String, SetupError> {
    let path = std::path::absolute(path).map_err(|cause| SetupError::Path { path: path.to_owned(), cause })?;
    // A path that is not UTF-8 has characters that are not plain.
    plain(what, &path.to_string_lossy()).map(str::to_owned)
}
