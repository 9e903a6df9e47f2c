//! What systemd is told (`sd_notify(3)`): a datagram of `NAME=value` lines. Without systemd, nothing.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::time::Interval;

/// How long a manager may be busy with other things.
const SEND_TIMEOUT: Duration = Duration::from_secs(1);

/// Where notifications go, and how often the watchdog wants to hear something.
pub(crate) struct Systemd {
    socket: Option<UnixDatagram>,
    watchdog: Option<Duration>,
}

impl Systemd {
    pub(crate) fn from_env(environment: &dyn Fn(&str) -> Option<String>) -> Self {
        let address = environment("NOTIFY_SOCKET").and_then(|name| address(&name));
        Self { socket: address.and_then(|address| connect(&address)), watchdog: watchdog(environment) }
    }

    /// It listens. Credentials come as soon as they can be had, which STATUS tells.
    pub(crate) fn ready(&self) {
        self.send_blocking("READY=1");
    }

    pub(crate) fn status(&self, status: &str) {
        // A line break would start another assignment.
        self.send(&format!("STATUS={}", status.replace(['\n', '\r'], " ")));
    }

    /// The time tells systemd which reload it is about: the same clock as its own.
    pub(crate) fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        self.send_blocking(&format!("RELOADING=1\nMONOTONIC_USEC={}{:06}", now.tv_sec, now.tv_nsec / 1000));
    }

    pub(crate) fn stopping(&self) {
        self.send("STOPPING=1");
    }

    /// Feeds the watchdog only while the identities are refreshed, so that it restarts a process that is stuck.
    pub(crate) fn alive_if(&self, is_working: bool) {
        if is_working {
            self.send("WATCHDOG=1");
        }
    }

    /// When the watchdog wants to hear something. Must be called inside of a runtime.
    pub(crate) fn watchdog(&self) -> Watchdog {
        Watchdog(self.watchdog.map(tokio::time::interval))
    }

    /// What is waited for, and said only once: its queue may be full for a moment, of ten messages in some containers.
    fn send_blocking(&self, message: &str) {
        let can_wait =
            |is_possible: bool| self.socket.as_ref().is_some_and(|socket| socket.set_nonblocking(!is_possible).is_ok());
        can_wait(true);
        self.send(message);
        can_wait(false);
    }

    fn send(&self, message: &str) {
        if let Some(socket) = &self.socket {
            // A failure cannot be reported: systemd is where reports go.
            let _ = socket.send(message.as_bytes());
        }
    }
}

/// Ticks at half of the watchdog's interval; never, where there is no watchdog.
pub(crate) struct Watchdog(Option<Interval>);

impl Watchdog {
    pub(crate) async fn tick(&mut self) {
        match &mut self.0 {
            Some(interval) => drop(interval.tick().await),
            None => std::future::pending().await,
        }
    }
}

fn address(name: &str) -> Option<SocketAddr> {
    match name.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name).ok(),
        None => SocketAddr::from_pathname(name).ok(),
    }
}

fn connect(address: &SocketAddr) -> Option<UnixDatagram> {
    let socket = UnixDatagram::unbound().ok()?;
    socket.connect_addr(address).ok()?;
    // A manager that hangs must not stop the endpoint.
    socket.set_write_timeout(Some(SEND_TIMEOUT)).ok()?;
    socket.set_nonblocking(true).ok()?;
    Some(socket)
}

/// `sd_watchdog_enabled(3)`: half of the interval is what it recommends.
fn watchdog(environment: &dyn Fn(&str) -> Option<String>) -> Option<Duration> {
    let is_for_us = environment("WATCHDOG_PID").is_none_or(|pid| pid == std::process::id().to_string());
    let microseconds = environment("WATCHDOG_USEC")?.parse().ok().filter(|&microseconds| microseconds > 0)?;
    is_for_us.then(|| Duration::from_micros(microseconds) / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_watchdog_is_fed_twice_in_its_interval() {
        let with = |pid: &str, microseconds: &str| {
            watchdog(&|name| match name {
                "WATCHDOG_PID" => Some(pid.to_owned()),
                "WATCHDOG_USEC" => Some(microseconds.to_owned()),
                _ => None,
            })
        };
        let own = std::process::id().to_string();
        assert_eq!(with(&own, "30000000"), Some(Duration::from_secs(15)));
        assert_eq!(with("1", "30000000"), None);
        assert_eq!(with(&own, "0"), None);
        assert_eq!(watchdog(&|_| None), None);
    }

    #[test]
    fn a_manager_that_is_busy_for_a_moment_is_told_that_it_is_ready() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let receiver = UnixDatagram::bind(&path).unwrap();
        let name = path.to_str().unwrap().to_owned();
        let systemd = Systemd::from_env(&|asked| (asked == "NOTIFY_SOCKET").then(|| name.clone()));
        let socket = systemd.socket.as_ref().unwrap();
        while socket.send(b"WATCHDOG=1").is_ok() {}
        let mut buffer = [0; 200];
        std::thread::scope(|scope| {
            scope.spawn(|| systemd.ready());
            while !buffer.starts_with(b"READY=1") {
                receiver.recv(&mut buffer).unwrap();
            }
        });
        while socket.send(b"WATCHDOG=1").is_ok() {}
    }

    #[test]
    fn what_is_sent_is_one_datagram() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let receiver = UnixDatagram::bind(&path).unwrap();
        let name = path.to_str().unwrap().to_owned();
        let systemd = Systemd::from_env(&|asked| (asked == "NOTIFY_SOCKET").then(|| name.clone()));
        let received = || {
            let mut buffer = [0; 200];
            let length = receiver.recv(&mut buffer).unwrap();
            String::from_utf8(buffer[..length].to_vec()).unwrap()
        };
        systemd.status("a\nREADY=1");
        assert_eq!(received(), "STATUS=a READY=1");
        systemd.reloading();
        let reloading = received();
        let microseconds = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
        assert!(microseconds.parse::<u64>().is_ok(), "{reloading}");
    }
}
