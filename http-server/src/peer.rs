//! Who is at the other end of a connection.

use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::LazyLock;
use std::thread;

use environment::contains;
use ipnet::IpNet;
use tokio::sync::{OnceCell, oneshot};

use crate::permits::Source;
use crate::socket_owner;

/// The other end.
pub enum Peer {
    /// Of a unix socket.
    Unix {
        /// The user who opened the connection (`SO_PEERCRED`).
        uid: Option<u32>,
    },
    /// Of a TCP connection.
    Tcp {
        /// This end.
        ours: SocketAddr,
        /// The other end.
        theirs: SocketAddr,
        /// See [`Peer::uid`].
        uid: OnceCell<Option<u32>>,
    },
}

impl Peer {
    pub(crate) fn tcp(ours: SocketAddr, theirs: SocketAddr) -> Self {
        let is_local = theirs.ip().is_loopback() || theirs.ip() == ours.ip();
        // Where the kernel cannot be asked, a request that needs to know the user looks it up in a table.
        let uid = if is_local { socket_owner::owner(theirs, ours).ok() } else { Some(None) };
        Self::Tcp { ours, theirs, uid: OnceCell::new_with(uid) }
    }

    /// Whose share of the permits its connection takes.
    pub(crate) fn source(&self) -> Source {
        match self {
            Self::Unix { uid } => uid.map_or(Source::Unknown, Source::User),
            Self::Tcp { theirs, uid, .. } => {
                uid.get().copied().flatten().map_or_else(|| Source::Address(network_of(theirs.ip())), Source::User)
            }
        }
    }

    /// Whether its address lies in one of these networks.
    pub(crate) fn is_in(&self, networks: &[IpNet]) -> bool {
        self.ip().is_some_and(|address| contains(networks, address))
    }

    /// Whether it is the peer of a unix socket.
    pub fn is_unix(&self) -> bool {
        matches!(self, Self::Unix { .. })
    }

    /// The address of a TCP peer.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Unix { .. } => None,
            Self::Tcp { theirs, .. } => Some(theirs.ip()),
        }
    }

    /// The local user who opened the connection, looked up once for all its requests; `None` for a TCP peer on another
    /// machine, and where the user cannot be told.
    pub async fn uid(&self) -> Option<u32> {
        match self {
            Self::Unix { uid } => uid.filter(|uid| is_told_apart(*uid)),
            Self::Tcp { ours, theirs, uid } => {
                let (ours, theirs) = (*ours, *theirs);
                let found = *uid.get_or_init(|| look_up(theirs, ours)).await;
                found.filter(|uid| is_told_apart(*uid))
            }
        }
    }
}

/// The address itself, or the first one of its network for IPv6, where a machine has a whole /64 to choose from (RFC 6177).
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// On a thread of its own, since a machine with many connections has a long table. Not on one of the runtime's, which
/// panics where no thread can be had: then nobody can tell the user.
async fn look_up(theirs: SocketAddr, ours: SocketAddr) -> Option<u32> {
    let (found, user) = oneshot::channel();
    let looking = move || {
        // The connection may have ended meanwhile.
        let _ = found.send(owner(theirs, ours));
    };
    thread::Builder::new().name("peer".to_owned()).spawn(looking).ok()?;
    user.await.ok()?
}

/// `user_namespaces(7)`: a namespace (a rootless container, `PrivateUsers=`) shows all users without a mapping as one
/// uid, which is `nobody` elsewhere.
fn is_told_apart(uid: u32) -> bool {
    static UNMAPPED: LazyLock<Option<u32>> = LazyLock::new(|| {
        let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
        let overflow = fs::read_to_string("/proc/sys/kernel/overflowuid").unwrap_or_default();
        (!knows_all_users(&map)).then(|| overflow.trim().parse().unwrap_or(65_534))
    });
    *UNMAPPED != Some(uid)
}

/// Of the first namespace, and of a system without any, where there is no map.
fn knows_all_users(map: &str) -> bool {
    let fields: Vec<_> = map.split_ascii_whitespace().collect();
    fields.is_empty() || fields == ["0", "0", "4294967295"]
}

/// The user of the socket whose local end is `local`, connected to `remote` on this machine.
fn owner(local: SocketAddr, remote: SocketAddr) -> Option<u32> {
    // An IPv4 connection of a socket of IPv6 is in the other table, as ::ffff:a.b.c.d.
    ["/proc/net/tcp", "/proc/net/tcp6"]
        .into_iter()
        .find_map(|table| owner_in(&fs::read_to_string(table).ok()?, local, remote))
}

/// proc(5), /proc/net/tcp: `sl local_address rem_address st tx:rx tr:when retrnsmt uid …`
fn owner_in(table: &str, local: SocketAddr, remote: SocketAddr) -> Option<u32> {
    const ESTABLISHED: &str = "01";
    let forms = |address: SocketAddr| [hexadecimal(address), mapped(address).map(hexadecimal).unwrap_or_default()];
    let (locals, remotes) = (forms(local), forms(remote));
    table.lines().skip(1).find_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let (local, remote, state) = (fields.next()?, fields.next()?, fields.next()?);
        let is_it = locals.iter().zip(&remotes).any(|(l, r)| l == local && r == remote);
        // A socket that has been closed belongs to nobody, and is shown as root's.
        if !is_it || state != ESTABLISHED {
            return None;
        }
        fields.nth(3)?.parse().ok()
    })
}

fn mapped(address: SocketAddr) -> Option<SocketAddr> {
    match address {
        SocketAddr::V4(v4) => Some(SocketAddr::new(v4.ip().to_ipv6_mapped().into(), v4.port())),
        SocketAddr::V6(_) => None,
    }
}

/// As the kernel prints it: words of 32 bits in the machine's own order of bytes, the port as a number.
fn hexadecimal(address: SocketAddr) -> String {
    let octets: Vec<u8> = match address {
        SocketAddr::V4(v4) => v4.ip().octets().into(),
        SocketAddr::V6(v6) => v6.ip().octets().into(),
    };
    let mut text = String::with_capacity(37);
    for word in octets.as_chunks::<4>().0 {
        // Writing to a String cannot fail.
        let _ = write!(text, "{:08X}", u32::from_ne_bytes(*word));
    }
    let _ = write!(text, ":{:04X}", address.port());
    text
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn the_owner_of_a_connection_and_of_no_other() {
        for own in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(own) else { continue };
            let ours = listener.local_addr().unwrap();
            let stream = TcpStream::connect(ours).unwrap();
            let (mut accepted, theirs) = listener.accept().unwrap();
            assert_eq!(owner(theirs, ours), Some(rustix::process::geteuid().as_raw()));
            let mut other = theirs;
            other.set_port(1);
            assert_eq!(owner(other, ours), None);
            drop(stream);
            accepted.read_to_end(&mut Vec::new()).unwrap();
            assert_eq!(owner(theirs, ours), None, "it is closed");
        }
    }

    #[test]
    fn a_network_of_ipv6_is_one_source() {
        for (address, source) in [
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2::", "2001:db8:1:2::"),
            ("2001:db8:1:3::1", "2001:db8:1:3::"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("192.0.2.1", "192.0.2.1"),
        ] {
            assert_eq!(network_of(address.parse().unwrap()).to_string(), source, "{address}");
        }
    }

    #[test]
    fn a_namespace_does_not_know_all_users() {
        assert!(knows_all_users("         0          0 4294967295\n") && knows_all_users(""));
        assert!(!knows_all_users("         0       1000          1\n         1     100000      65536\n"));
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn a_socket_of_ipv6_that_speaks_ipv4() {
        let table = "  sl  local_address …\n   0: 0000000000000000FFFF00000100007F:CE9A \
                     0000000000000000FFFF00000100007F:26B7 01 00000000:00000000 00:00000000 00000000  4711        0 1";
        let [local, remote] = ["127.0.0.1:52890", "127.0.0.1:9911"].map(|text| text.parse().unwrap());
        assert_eq!(owner_in(table, local, remote), Some(4711));
        assert_eq!(owner_in(table, remote, local), None);
        assert_eq!(owner_in(&table.replace(" 01 ", " 06 "), local, remote), None);
    }
}
