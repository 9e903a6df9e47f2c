//! What the caller can do about a failure, and so the exit code.

use aws_transport::ProxyFailure;

/// Failures by what the caller does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Change the configuration, the file or the key.
    Configuration,
    /// Type something else.
    Usage,
    /// Ask the person who grants access.
    Refused,
    /// Come back later.
    Unavailable,
}

impl Kind {
    pub(crate) fn of_proxy(failure: &ProxyFailure) -> Self {
        match failure {
            ProxyFailure::Authentication(_) => Self::Refused,
            ProxyFailure::Unusable { .. } => Self::Unavailable,
        }
    }

    /// What the exit code of another program of ours means.
    pub(crate) fn of_exit_code(code: Option<i32>) -> Self {
        match code {
            Some(3) => Self::Refused,
            Some(4) => Self::Unavailable,
            _ => Self::Configuration,
        }
    }

    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Configuration => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::Unavailable => 4,
        }
    }
}
