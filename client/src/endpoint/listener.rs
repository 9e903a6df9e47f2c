//! Where the endpoint listens: a loopback address, a unix socket, or the socket that systemd hands over.

use std::fmt;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use listenfd::ListenFd;
use rustix::fs::Mode;
use rustix::process::umask;
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::sync::OnceCell;

use super::peer::Peer;

/// What `--listen` says.
#[derive(Debug, Clone)]
pub(crate) enum ListenAddress {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// Why there is nothing to listen on.
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

/// A listening socket.
pub(crate) struct Listener {
    socket: Socket,
    address: ListenAddress,
    /// Removed when dropped, since it was made here.
    own_path: Option<PathBuf>,
}

enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// A connection of either kind.
pub(crate) enum Stream {
    Tcp(tokio::net::TcpStream),
    Unix(UnixStream),
}

impl Listener {
    /// The one that systemd hands over (`sd_listen_fds(3)`); `None` where it does not.
    pub(crate) fn inherited() -> Result<Option<Self>, ListenError> {
        let mut handed_over = ListenFd::from_env();
        if handed_over.len() == 0 {
            return Ok(None);
        }
        if handed_over.len() > 1 {
            return Err(ListenError::Inherited(io::Error::other("it is more than one")));
        }
        if let Ok(Some(socket)) = handed_over.take_unix_listener(0) {
            return Self::of_unix(socket).map(Some).map_err(ListenError::Inherited);
        }
        let socket = handed_over.take_tcp_listener(0).map_err(ListenError::Inherited)?;
        let Some(socket) = socket else { return Ok(None) };
        loopback(socket.local_addr().map_err(ListenError::Inherited)?)?;
        Self::of_tcp(socket).map(Some).map_err(ListenError::Inherited)
    }

    pub(crate) fn bind(address: &ListenAddress) -> Result<Self, ListenError> {
        let bound = match address {
            ListenAddress::Tcp(address) => std::net::TcpListener::bind(address).and_then(Self::of_tcp),
            ListenAddress::Unix(path) => bind_unix(path),
        };
        bound.map_err(|cause| ListenError::Bind { address: address.to_string(), cause })
    }

    fn of_tcp(socket: std::net::TcpListener) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let address = ListenAddress::Tcp(socket.local_addr()?);
        Ok(Self { socket: Socket::Tcp(TcpListener::from_std(socket)?), address, own_path: None })
    }

    fn of_unix(socket: std::os::unix::net::UnixListener) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let path = socket.local_addr()?.as_pathname().unwrap_or(Path::new("")).to_owned();
        let socket = Socket::Unix(UnixListener::from_std(socket)?);
        Ok(Self { socket, address: ListenAddress::Unix(path), own_path: None })
    }

    /// With the port that was really taken.
    pub(crate) fn listen_address(&self) -> &ListenAddress {
        &self.address
    }

    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match &self.address {
            ListenAddress::Tcp(address) => Some(*address),
            ListenAddress::Unix(_) => None,
        }
    }

    pub(crate) async fn accept(&self) -> io::Result<(Stream, Peer)> {
        match &self.socket {
            Socket::Tcp(socket) => {
                let (stream, theirs) = socket.accept().await?;
                // Small answers should not wait for an acknowledgement; a socket that refuses this still works.
                let _ = stream.set_nodelay(true);
                let peer = Peer::Tcp { ours: stream.local_addr()?, theirs, uid: OnceCell::new() };
                Ok((Stream::Tcp(stream), peer))
            }
            Socket::Unix(socket) => {
                let (stream, _) = socket.accept().await?;
                let uid = stream.peer_cred().ok().map(|credentials| credentials.uid());
                Ok((Stream::Unix(stream), Peer::Unix { uid }))
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(path) = &self.own_path {
            // It may have been removed already, with the whole directory.
            let _ = fs::remove_file(path);
        }
    }
}

fn bind_unix(path: &Path) -> io::Result<Listener> {
    let bound = match bind_for_all(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_abandoned(path) => {
            fs::remove_file(path)?;
            bind_for_all(path)
        }
        other => other,
    };
    let mut listener = Listener::of_unix(bound?)?;
    listener.own_path = Some(path.to_owned());
    Ok(listener)
}

/// Everybody may ask: who gets something is up to the identities. Not by a chmod(2) afterwards: whoever may write the
/// directory could have put a link in the socket's place by then, to any file of ours.
fn bind_for_all(path: &Path) -> io::Result<std::os::unix::net::UnixListener> {
    let before = umask(Mode::empty());
    let bound = std::os::unix::net::UnixListener::bind(path);
    umask(before);
    bound
}

/// What a killed process leaves behind: a socket, and nobody at it.
fn is_abandoned(path: &Path) -> bool {
    // connect(2) is refused by files of every other kind, too, and those are somebody's.
    if !fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket()) {
        return false;
    }
    let connected = std::os::unix::net::UnixStream::connect(path);
    connected.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_a_socket_that_was_left_behind_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("file"), "precious").unwrap();
        std::os::unix::fs::symlink(path("file"), path("link")).unwrap();
        for name in ["file", "link"] {
            assert!(Listener::bind(&ListenAddress::Unix(path(name))).is_err(), "{name}");
            assert_eq!(fs::read(path(name)).unwrap(), b"precious");
        }
        drop(std::os::unix::net::UnixListener::bind(path("socket")).unwrap());
        let listener = Listener::bind(&ListenAddress::Unix(path("socket"))).unwrap();
        let taken = Listener::bind(&ListenAddress::Unix(path("socket"))).err().unwrap().to_string();
        assert!(taken.contains("is it running already") && !taken.contains("127.0.0.1"), "{taken}");
        drop(listener);
        assert!(!path("socket").exists());
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
