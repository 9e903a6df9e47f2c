//! Where a server listens: a TCP address, a unix socket, or the socket that systemd hands over.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use listenfd::ListenFd;
use rustix::fs::Mode;
use rustix::net::sockopt::{set_socket_keepalive, set_tcp_keepidle};
use rustix::process::umask;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use crate::peer::Peer;

/// How long a connection may be silent before TCP asks whether the peer is there.
const KEEP_ALIVE_AFTER: Duration = Duration::from_secs(60);

/// A listening socket.
pub struct Listener {
    socket: Socket,
    address: LocalAddress,
    /// Removed when dropped, since it was made here.
    own_path: Option<PathBuf>,
}

/// Where a [`Listener`] is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocalAddress {
    /// With the port that was really taken.
    Tcp(SocketAddr),
    /// The path of the socket; empty for one without a path.
    Unix(PathBuf),
}

enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// A connection of either kind.
pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Listener {
    /// The socket that systemd hands over (`sd_listen_fds(3)`); `None` where it does not. Must be called inside of a
    /// runtime, as everything that makes a listener.
    ///
    /// # Errors
    /// When it is not one stream socket.
    pub fn inherited() -> io::Result<Option<Self>> {
        let mut handed_over = ListenFd::from_env();
        if handed_over.len() == 0 {
            return Ok(None);
        }
        if handed_over.len() > 1 {
            return Err(io::Error::other("there is more than one"));
        }
        if let Ok(Some(socket)) = handed_over.take_unix_listener(0) {
            return Self::of_unix(socket).map(Some);
        }
        let Some(socket) = handed_over.take_tcp_listener(0)? else { return Ok(None) };
        Self::of_tcp(socket).map(Some)
    }

    /// Listens on an address; port 0 takes a free one.
    ///
    /// # Errors
    /// The system's.
    pub fn bind_tcp(address: SocketAddr) -> io::Result<Self> {
        std::net::TcpListener::bind(address).and_then(Self::of_tcp)
    }

    /// Listens at a path, for all users: who gets something is up to the handler. A socket that a killed process has
    /// left there is replaced, and nothing else is; the path is removed with the listener.
    ///
    /// # Errors
    /// The system's.
    pub fn bind_unix(path: &Path) -> io::Result<Self> {
        let bound = match bind_for_all(path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_abandoned(path) => {
                fs::remove_file(path)?;
                bind_for_all(path)
            }
            other => other,
        };
        let mut listener = Self::of_unix(bound?)?;
        listener.own_path = Some(path.to_owned());
        Ok(listener)
    }

    fn of_tcp(socket: std::net::TcpListener) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let address = LocalAddress::Tcp(socket.local_addr()?);
        Ok(Self { socket: Socket::Tcp(TcpListener::from_std(socket)?), address, own_path: None })
    }

    fn of_unix(socket: std::os::unix::net::UnixListener) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let path = socket.local_addr()?.as_pathname().unwrap_or(Path::new("")).to_owned();
        let socket = Socket::Unix(UnixListener::from_std(socket)?);
        Ok(Self { socket, address: LocalAddress::Unix(path), own_path: None })
    }

    /// Where it is reached.
    pub fn address(&self) -> &LocalAddress {
        &self.address
    }

    pub(crate) async fn accept(&self) -> io::Result<(Stream, Peer)> {
        match &self.socket {
            Socket::Tcp(socket) => {
                let (stream, theirs) = socket.accept().await?;
                // Small responses should not wait for an acknowledgement; a socket that refuses this still works.
                let _ = stream.set_nodelay(true);
                keep_alive(&stream);
                let peer = Peer::tcp(stream.local_addr()?, theirs);
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

/// A peer that has vanished is noticed though nobody writes to it: the routes between forget idle connections.
pub fn keep_alive(stream: &TcpStream) {
    // A socket that refuses this still works.
    let _ = set_socket_keepalive(stream, true).and_then(|()| set_tcp_keepidle(stream, KEEP_ALIVE_AFTER));
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(path) = &self.own_path {
            // It may have been removed already, with the whole directory.
            let _ = fs::remove_file(path);
        }
    }
}

/// Not by a chmod(2) afterwards: another user who may write the directory could have put a link in the socket's place
/// by then, to any file of ours.
fn bind_for_all(path: &Path) -> io::Result<std::os::unix::net::UnixListener> {
    let before = umask(Mode::empty());
    let bound = std::os::unix::net::UnixListener::bind(path);
    umask(before);
    bound
}

/// What a killed process leaves behind: a socket that nobody listens on.
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
            assert!(Listener::bind_unix(&path(name)).is_err(), "{name}");
            assert_eq!(fs::read(path(name)).unwrap(), b"precious");
        }
        drop(std::os::unix::net::UnixListener::bind(path("socket")).unwrap());
        let listener = Listener::bind_unix(&path("socket")).unwrap();
        assert_eq!(Listener::bind_unix(&path("socket")).err().unwrap().kind(), io::ErrorKind::AddrInUse);
        drop(listener);
        assert!(!path("socket").exists());
    }
}
