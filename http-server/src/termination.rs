//! The signals that end a service.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGTERM (of systemd, containers and Kubernetes) and SIGINT (of a terminal).
pub struct Termination {
    terminate: Signal,
    interrupt: Signal,
}

impl Termination {
    /// From here on neither signal ends the process by itself. Must be called inside of a runtime.
    ///
    /// # Errors
    /// When signals cannot be handled.
    pub fn handle() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for either.
    pub async fn requested(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
