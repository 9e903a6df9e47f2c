//! Another user of the machine who wants to keep everybody else from their credentials.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use rustix::process::{Resource, Rlimit, Uid, getrlimit, setrlimit};
use rustix::thread::set_thread_res_uid;
use tests::process::Process;

use super::{Served, send_unix};
use crate::machine::Machine;

/// Nobody on any machine has it.
const STRANGER: u32 = 54_322;
const SOCKETS: usize = 3_000;
const CALLS: usize = 25;

#[derive(Clone)]
enum Address {
    Tcp(String),
    Unix(PathBuf),
}

enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    fn open(address: &Address, sent: &[u8]) -> Option<Self> {
        let mut socket = match address {
            Address::Tcp(address) => Self::Tcp(TcpStream::connect(address).ok()?),
            Address::Unix(path) => Self::Unix(UnixStream::connect(path).ok()?),
        };
        // One that has been refused already is none the worse for that.
        let _ = match &mut socket {
            Self::Tcp(stream) => stream.write_all(sent),
            Self::Unix(stream) => stream.write_all(sent),
        };
        Some(socket)
    }

    fn is_ended_by_a_response(&mut self) -> bool {
        let mut response = Vec::new();
        let _ = match self {
            Self::Tcp(stream) => stream.read_to_end(&mut response),
            Self::Unix(stream) => stream.read_to_end(&mut response),
        };
        let response = String::from_utf8_lossy(&response).to_ascii_lowercase();
        (response.starts_with("http/1.1 503 ") || response.starts_with("http/1.1 408 "))
            && response.contains("\r\nconnection: close\r\n")
    }
}

/// All sockets, opened by another user: only this thread is that user.
fn flood(address: Address, sent: &'static [u8]) -> Vec<Socket> {
    let opened = std::thread::spawn(move || {
        let stranger = Uid::from_raw(STRANGER);
        set_thread_res_uid(stranger, stranger, stranger).expect("root can be anybody");
        (0..SOCKETS).filter_map(|_| Socket::open(&address, sent)).collect::<Vec<_>>()
    });
    opened.join().expect("sockets can be opened")
}

fn may_be_another_user() -> bool {
    let files = getrlimit(Resource::Nofile);
    let needed = u64::try_from(SOCKETS + 1_000).expect("a small number");
    if !rustix::process::geteuid().is_root() || files.maximum.is_some_and(|maximum| maximum < needed) {
        eprintln!("skipped: only root can be another user, with that many sockets");
        return false;
    }
    let current = files.current.map(|current| current.max(needed));
    setrlimit(Resource::Nofile, Rlimit { current, ..files }).expect("within the maximum");
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_sockets_of_one_user_starve_nobody() {
    if !may_be_another_user() {
        return;
    }
    for sent in [&b""[..], b"G", b"GET /credentials HTTP/1.1\r\nhost: 127.0.0.1\r\n"] {
        let mut served = Served::start(&[]).await;
        served.ask("/credentials").await.credentials();
        let address = Address::Tcp(served.address.clone());
        let mut sockets = tokio::task::spawn_blocking(move || flood(address, sent)).await.unwrap();
        for _ in 0..CALLS {
            served.ask("/credentials").await.credentials();
        }
        // The calls came through because sockets of the other user made room, and not because their deadlines were over.
        served.process.wait_for("there are too many at once").await;
        // Those that made room were told so, since some programs hang on a connection that just ends.
        let ended = |sockets: &mut [Socket]| sockets.iter_mut().all(Socket::is_ended_by_a_response);
        tokio::task::spawn_blocking(move || assert!(ended(&mut sockets[..500]), "{sent:?}")).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_over_a_unix_socket() {
    if !may_be_another_user() {
        return;
    }
    let machine = Machine::start().await;
    std::fs::set_permissions(machine.home.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let path = machine.home.path().join("socket");
    let listen = format!("unix:{}", path.display());
    let mut process = Process::spawn(machine.command(&["--log-level", "info", "serve", "--listen", &listen], &[]));
    process.wait_for("listening on unix:").await;
    send_unix(&path, "/credentials").await.credentials();
    let address = Address::Unix(path.clone());
    let sockets = tokio::task::spawn_blocking(move || flood(address, b"GET / ")).await.unwrap();
    for _ in 0..CALLS {
        send_unix(&path, "/credentials").await.credentials();
    }
    drop(sockets);
    let said = process.wait_for("there are too many at once").await;
    assert!(said.contains(&STRANGER.to_string()), "the log names the user: {said}");
}
