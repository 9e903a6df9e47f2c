//! Bytes into a pipe or a device, on a thread of its own: a reader that stands still holds up that thread, and not the one
//! that hears SIGTERM.

use std::io::{self, Write};

use bytes::Bytes;
use tokio::sync::mpsc::{self, Sender};
use tokio::task::{JoinError, JoinHandle};

/// Pieces that wait for the reader; each is what came in one go.
const BACKLOG: usize = 4;

/// The near end of that thread.
pub(crate) struct Writer {
    pieces: Sender<Bytes>,
    thread: JoinHandle<io::Result<()>>,
}

impl Writer {
    pub(crate) fn start(mut target: impl Write + Send + 'static) -> Self {
        let (pieces, mut waiting) = mpsc::channel::<Bytes>(BACKLOG);
        let thread = tokio::task::spawn_blocking(move || {
            while let Some(bytes) = waiting.blocking_recv() {
                target.write_all(&bytes)?;
            }
            target.flush()
        });
        Self { pieces, thread }
    }

    /// An error is the last thing that it says.
    pub(crate) async fn write(&mut self, bytes: Bytes) -> io::Result<()> {
        if self.pieces.send(bytes).await.is_ok() {
            return Ok(());
        }
        // It ends before this one only by an error.
        (&mut self.thread).await.unwrap_or_else(panicked)
    }

    /// Waits until all is written.
    pub(crate) async fn finish(self) -> io::Result<()> {
        drop(self.pieces);
        self.thread.await.unwrap_or_else(panicked)
    }
}

fn panicked(error: JoinError) -> io::Result<()> {
    Err(io::Error::other(error))
}
