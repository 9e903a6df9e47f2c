//! Why `serve --print-env` prints nothing.

/// Why no environment can be printed for a program.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConsumerError {
    #[error(
        "no AWS SDK takes credentials from a unix socket; without --listen, or with a loopback address, it is served over TCP"
    )]
    UnixSocket,
    #[error("port 0 takes another port at each start: name a port in --listen")]
    AnyPort,
    #[error("name the program's identity with --identity: {0}")]
    Ambiguous(String),
    #[error("no program could get credentials from this endpoint: add --token-file or --imds")]
    Closed,
}
