//! What systemd gives and is told: sockets that it has opened, notifications, the watchdog.

use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use tests::process::{Process, binary};
use tokio::net::UnixDatagram;

use super::{Served, send, send_unix, token_file};
use crate::machine::Machine;

/// Opens a socket and becomes the client with it, as systemd does: number 3, and its own process id.
const ACTIVATE: &str = "
import os, socket, sys
kind, address = sys.argv[1], sys.argv[2]
if kind == 'unix':
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(address)
else:
    listening = socket.socket(socket.AF_INET)
    listening.bind((address, 0))
if kind == 'datagram':
    listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
else:
    listening.listen()
os.dup2(listening.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[3], sys.argv[3:])
";

fn activated(machine: &Machine, kind: &str, address: &str, arguments: &[&str]) -> Process {
    let mut command = Command::new("python3");
    command.args(["-c", ACTIVATE, kind, address]).arg(binary("credvend")).args(["--log-level", "info", "serve"]);
    command.args(arguments).env_clear().envs(machine.environment());
    Process::spawn(command)
}

#[tokio::test]
async fn a_socket_that_systemd_has_opened() {
    let machine = Machine::start().await;
    let token = token_file(&machine);
    let mut tcp = activated(&machine, "tcp", "127.0.0.1", &["--token-file", token.to_str().unwrap()]);
    let address = tcp.wait_for("listening on http://").await;
    assert_ne!(address, "127.0.0.1:9911");
    let header = std::fs::read_to_string(&token).unwrap();
    send(&address, "GET", "/credentials", &[("authorization", &header)]).await.credentials();

    let socket = machine.home.path().join("socket");
    let mut unix = activated(&machine, "unix", socket.to_str().unwrap(), &[]);
    unix.wait_for("listening on unix:").await;
    send_unix(&socket, "/credentials").await.credentials();
    unix.stop().await;
    assert!(socket.exists(), "it is systemd's");

    let mut open = activated(&machine, "tcp", "0.0.0.0", &["--token-file", token.to_str().unwrap()]);
    assert_eq!(open.exit_code().await, Some(1));
    assert!(open.output().contains("is reached from other machines"), "{}", open.output());
    let mut datagram = activated(&machine, "datagram", "127.0.0.1", &["--token-file", token.to_str().unwrap()]);
    assert_eq!(datagram.exit_code().await, Some(1));
    assert!(datagram.output().contains("the socket that systemd hands over"), "{}", datagram.output());
}

/// The manager's end.
struct Manager(UnixDatagram);

impl Manager {
    async fn next(&self) -> String {
        let mut buffer = [0; 4096];
        let received = tokio::time::timeout(Duration::from_secs(60), self.0.recv(&mut buffer)).await;
        let length = received.expect("something is told").unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    async fn wait_for(&self, start: &str) -> String {
        loop {
            let message = self.next().await;
            if message.starts_with(start) {
                return message;
            }
        }
    }
}

#[tokio::test]
async fn systemd_is_told_what_happens() {
    let machine = Machine::start().await;
    let path = machine.home.path().join("notify");
    let manager = Manager(UnixDatagram::bind(&path).unwrap());
    let changes = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "200000")];
    let mut served = Served::on(machine, &[], &changes).await;
    assert_eq!(manager.next().await, "READY=1", "first of all: it listens");
    let status = manager.wait_for("STATUS=credentials valid until ").await;
    assert!(status.contains("; next refresh 20"), "{status}");
    for _ in 0..3 {
        assert_eq!(manager.wait_for("WATCHDOG").await, "WATCHDOG=1");
    }
    served.process.signal(Signal::HUP);
    let reloading = manager.wait_for("RELOADING=1").await;
    assert!(reloading.split_once("\nMONOTONIC_USEC=").unwrap().1.parse::<u64>().is_ok(), "{reloading}");
    manager.wait_for("READY=1").await;
    served.process.signal(Signal::TERM);
    manager.wait_for("STOPPING=1").await;
    assert_eq!(served.process.exit_code().await, Some(0));
}

#[tokio::test]
async fn systemd_is_told_what_fails() {
    let machine = Machine::start().await;
    machine.service.upstream.break_service(
        tests::upstream::Service::Token,
        tests::upstream::Fault::Status(400, r#"{"error":"invalid_client"}"#.to_owned()),
    );
    let path = machine.home.path().join("notify");
    let manager = Manager(UnixDatagram::bind(&path).unwrap());
    let changes = [("NOTIFY_SOCKET", path.to_str().unwrap())];
    let _served = Served::on(machine, &[], &changes).await;
    let status = manager.wait_for("STATUS=no credentials: ").await;
    assert!(status.contains("/oauth2/token") && !status.contains("CANARY"), "{status}");
}

/// Something is under way while an identity provider or the vending API says nothing: no reason for a restart, which
/// would only ask once more.
#[tokio::test]
async fn the_watchdog_does_not_bite_while_a_service_is_slow() {
    use tests::upstream::{Fault, Service as Upstream};
    const PINGS: usize = 10;
    for (slow, command) in [
        (Upstream::Token, &["serve", "--listen", "127.0.0.1:0", "--token-file"][..]),
        (Upstream::Sts, &["serve", "--listen", "127.0.0.1:0", "--token-file"]),
        (Upstream::Token, &["credential-daemon", "--creds-dir"]),
        (Upstream::Sts, &["credential-daemon", "--creds-dir"]),
        (Upstream::Token, &["token-daemon", "--bearer", "--token-file"]),
    ] {
        let machine = Machine::start().await;
        machine.service.upstream.break_service(slow, Fault::Slow);
        let path = machine.home.path().join("notify");
        let manager = Manager(UnixDatagram::bind(&path).unwrap());
        let target = machine.home.path().join("target");
        let arguments = [command, &[target.to_str().unwrap()]].concat();
        let changes = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "200000")];
        let process = Process::spawn(machine.command(&arguments, &changes));
        let mut pings = 0;
        // What was sent before the request was under way does not count.
        while pings < PINGS {
            let message = manager.next().await;
            assert!(!message.starts_with("STATUS=credentials valid"), "{command:?}: {message}");
            let is_under_way = !machine.service.upstream.received(slow).is_empty();
            pings += usize::from(is_under_way && message == "WATCHDOG=1");
        }
        assert!(!process.output().contains("panicked"), "{}", process.output());
    }
}
