//! Where the endpoint listens: a loopback address, a unix socket, or the socket that systemd hands over.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use http_server::{Listener, LocalAddress};

/// What `--listen` says.
#[derive(Debug, Clone)]
pub(crate) enum ListenAddress {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// Why the listener cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListenError {
    #[error("`{0}` is not an address; use for example 127.0.0.1:9911, [::1]:9911 or unix:/run/credvend/socket")]
    Malformed(String),
    #[error(
        "`{0}` is reached from other machines: credentials go to programs of this machine only, over plain http; use \
         127.0.0.1, [::1] or a unix socket"
    )]
    NotLoopback(SocketAddr),
    #[error("cannot listen on {address}: {cause}{}", hint(address, cause))]
    Bind { address: String, cause: io::Error },
    #[error("the socket that systemd hands over cannot be used: {0}; its unit needs exactly one ListenStream=")]
    Inherited(io::Error),
    #[error(
        "any program that can be made to send a request to {0} would get credentials: name a file for the token with \
         --token-file"
    )]
    Open(String),
}

fn hint(address: &str, cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::AddrInUse if address.starts_with("unix:") => {
            ": is it running already? If what lies there is something else, name another path"
        }
        io::ErrorKind::AddrInUse => ": is it running already? 127.0.0.1:0 takes a free port",
        io::ErrorKind::NotFound => ": create the directory, or let systemd do it with RuntimeDirectory=",
        _ => "",
    }
}

impl ListenAddress {
    pub(crate) fn any_port() -> Self {
        Self::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
    }

    /// With the port that was really taken.
    pub(crate) fn of(listener: &Listener) -> Self {
        match listener.address() {
            LocalAddress::Tcp(address) => Self::Tcp(*address),
            LocalAddress::Unix(path) => Self::Unix(path.clone()),
        }
    }
}

impl FromStr for ListenAddress {
    type Err = ListenError;

    fn from_str(text: &str) -> Result<Self, ListenError> {
        if let Some(path) = text.strip_prefix("unix:") {
            let is_absolute = path.starts_with('/') && !path.ends_with('/');
            return if is_absolute {
                Ok(Self::Unix(path.into()))
            } else {
                Err(ListenError::Malformed(text.to_owned()))
            };
        }
        let named = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
        let address = named.as_deref().unwrap_or(text).parse().map_err(|_| ListenError::Malformed(text.to_owned()))?;
        loopback(address).map(Self::Tcp)
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(formatter, "http://{address}"),
            Self::Unix(path) => write!(formatter, "unix:{}", path.display()),
        }
    }
}

fn loopback(address: SocketAddr) -> Result<SocketAddr, ListenError> {
    if address.ip().is_loopback() { Ok(address) } else { Err(ListenError::NotLoopback(address)) }
}

/// The socket that systemd hands over (`sd_listen_fds(3)`); `None` where it does not.
pub(crate) fn inherited() -> Result<Option<Listener>, ListenError> {
    let listener = Listener::inherited().map_err(ListenError::Inherited)?;
    if let Some(LocalAddress::Tcp(address)) = listener.as_ref().map(Listener::address) {
        loopback(*address)?;
    }
    Ok(listener)
}

pub(crate) fn bind(address: &ListenAddress) -> Result<Listener, ListenError> {
    let bound = match address {
        ListenAddress::Tcp(address) => Listener::bind_tcp(*address),
        ListenAddress::Unix(path) => Listener::bind_unix(path),
    };
    bound.map_err(|cause| ListenError::Bind { address: address.to_string(), cause })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_path_that_is_taken_has_a_hint_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let address = ListenAddress::Unix(folder.path().join("socket"));
        let listener = bind(&address).unwrap();
        let taken = bind(&address).err().unwrap().to_string();
        assert!(taken.contains("is it running already") && !taken.contains("127.0.0.1"), "{taken}");
        drop(listener);
    }

    #[test]
    fn loopback_and_unix_only() {
        for (text, shown) in [
            ("127.0.0.1:9911", "http://127.0.0.1:9911"),
            ("localhost:9911", "http://127.0.0.1:9911"),
            ("[::1]:1", "http://[::1]:1"),
            ("unix:/run/a", "unix:/run/a"),
        ] {
            assert_eq!(text.parse::<ListenAddress>().unwrap().to_string(), shown);
        }
        for text in ["0.0.0.0:9911", "[::]:9911", "10.0.0.1:1", "169.254.169.254:80"] {
            let refused = text.parse::<ListenAddress>().unwrap_err().to_string();
            assert!(refused.contains("is reached from other machines"), "{refused}");
        }
        for text in ["", "9911", "127.0.0.1", "unix:", "unix:relative", "unix:/run/", "example.com:80", "/run/socket"] {
            assert!(matches!(text.parse::<ListenAddress>(), Err(ListenError::Malformed(_))), "{text}");
        }
    }
}
