//! Which user a TCP socket of this machine belongs to, asked of the kernel about that one socket (`sock_diag(7)`):
//! /proc/net/tcp lists all sockets of the machine, which takes too long to do for each connection.

use std::net::{IpAddr, SocketAddr};

use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with};

// linux/sock_diag.h, linux/netlink.h, linux/inet_diag.h
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLM_F_REQUEST: u16 = 1;
const NLMSG_ERROR: u16 = 2;
const HEADER_BYTES: usize = 16;
const REQUEST_BYTES: usize = 72;
const ESTABLISHED: u8 = 1;
const TCP: u8 = 6;

/// The user of the socket whose local end is `local`, connected to `remote` on this machine; `None` where there is none.
///
/// # Errors
/// When the kernel cannot be asked: a sandbox without `AF_NETLINK`, a kernel without `tcp_diag`.
pub(crate) fn owner(local: SocketAddr, remote: SocketAddr) -> Result<Option<u32>, Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, Some(netlink::SOCK_DIAG))?;
    send(&socket, &request(local, remote), SendFlags::empty())?;
    // The kernel has replied before send(2) returns.
    let mut reply = [0; 512];
    let (length, _) = recv(&socket, &mut reply, RecvFlags::empty())?;
    owner_in(reply.get(..length).unwrap_or_default(), local, remote)
}

/// `struct nlmsghdr`, and `struct inet_diag_req_v2` for exactly one socket.
fn request(local: SocketAddr, remote: SocketAddr) -> [u8; REQUEST_BYTES] {
    let mut bytes = [0; REQUEST_BYTES];
    let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
    put(0, &72_u32.to_ne_bytes());
    put(4, &SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    put(6, &NLM_F_REQUEST.to_ne_bytes());
    let family = if local.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    put(HEADER_BYTES, &[u8::try_from(family.as_raw()).unwrap_or_default(), TCP]);
    put(HEADER_BYTES + 4, &u32::MAX.to_ne_bytes());
    put(HEADER_BYTES + 8, &local.port().to_be_bytes());
    put(HEADER_BYTES + 10, &remote.port().to_be_bytes());
    put(HEADER_BYTES + 12, &octets(local.ip()));
    put(HEADER_BYTES + 28, &octets(remote.ip()));
    // INET_DIAG_NOCOOKIE
    put(HEADER_BYTES + 48, &[0xff; 8]);
    bytes
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().into(),
        IpAddr::V6(v6) => v6.octets().into(),
    }
}

/// `struct nlmsghdr`, and `struct inet_diag_msg` or an error number.
fn owner_in(reply: &[u8], local: SocketAddr, remote: SocketAddr) -> Result<Option<u32>, Errno> {
    let word = |at: usize| reply.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes);
    let kind = reply.get(4..6).and_then(|kind| kind.try_into().ok()).map(u16::from_ne_bytes);
    if kind == Some(NLMSG_ERROR) {
        let number = word(HEADER_BYTES).map(u32::cast_signed).map_or(0, i32::wrapping_neg);
        let error = Errno::from_raw_os_error(number);
        return if error == Errno::NOENT { Ok(None) } else { Err(error) };
    }
    // In place of a connection the kernel may name a listening socket of the same port. One that has been closed belongs
    // to nobody, and is shown as root's.
    let ports = [local.port().to_be_bytes(), remote.port().to_be_bytes()].concat();
    let is_it = kind == Some(SOCK_DIAG_BY_FAMILY)
        && reply.get(HEADER_BYTES + 1) == Some(&ESTABLISHED)
        && reply.get(HEADER_BYTES + 4..HEADER_BYTES + 8) == Some(&ports[..]);
    Ok(word(HEADER_BYTES + 64).filter(|_| is_it))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn the_owner_of_a_connection_and_of_no_other() {
        // The third is a socket of IPv6 that speaks IPv4.
        for (own, way) in [("127.0.0.1:0", "127.0.0.1"), ("[::1]:0", "[::1]"), ("127.0.0.1:0", "[::ffff:127.0.0.1]")] {
            let Ok(listener) = TcpListener::bind(own) else { continue };
            let ours = listener.local_addr().unwrap();
            let stream = TcpStream::connect(format!("{way}:{}", ours.port())).unwrap();
            let (mut accepted, theirs) = listener.accept().unwrap();
            assert_eq!(owner(theirs, ours), Ok(Some(rustix::process::geteuid().as_raw())), "{way}");
            let mut other = theirs;
            other.set_port(1);
            assert_eq!(owner(other, ours), Ok(None));
            assert_eq!(owner(ours, other), Ok(None), "a listening socket is none");
            drop(stream);
            accepted.read_to_end(&mut Vec::new()).unwrap();
            assert_eq!(owner(theirs, ours), Ok(None), "it is closed");
        }
    }

    #[test]
    fn replies_that_are_not_understood() {
        let address: SocketAddr = "127.0.0.1:1".parse().unwrap();
        for length in 0..100 {
            assert_eq!(owner_in(&vec![0; length], address, address), Ok(None));
        }
    }
}
