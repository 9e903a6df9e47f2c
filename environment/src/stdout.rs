//! Standard output of a service, written by a thread of its own.
//!
//! write(2) on a pipe that is not read waits without end, and a service has one thread for all requests. So lines are
//! queued, the queue is bounded, and a caller that must know that a line was written waits for it without blocking the others.
//! Lines are written in the order in which they were queued, and each of them whole.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd as _;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::oneshot;

/// Lines that wait at once: with two kilobytes each, a megabyte.
const QUEUE: usize = 512;
/// Pause before the next attempt to write to a descriptor that does not block and takes nothing now.
const RETRY_PAUSE: Duration = Duration::from_millis(10);

/// Why a line was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum StdoutError {
    /// The reader stands still.
    #[error("standard output is not read: {QUEUE} lines wait to be written")]
    Full,
    /// write(2) failed.
    #[error("standard output cannot be written ({0})")]
    Failed(ErrorKind),
}

/// A line with its line break, or nothing: then only the receipt is wanted.
struct Line {
    text: String,
    receipt: Option<oneshot::Sender<Result<(), ErrorKind>>>,
}

static QUEUED: Mutex<Option<SyncSender<Line>>> = Mutex::new(None);

/// Queues a line and does not wait. A line that cannot be queued is lost.
pub(crate) fn submit(text: String) {
    // A failure to log cannot be logged.
    let _ = queue(Line { text, receipt: None });
}

/// Writes a line. Waits for as long as the reader does; the caller sets the deadline.
///
/// # Errors
/// When the line is not written, or only a part of it.
pub async fn write_line(line: &str) -> Result<(), StdoutError> {
    written(format!("{line}\n")).await
}

/// Waits until everything that was queued before is written.
///
/// # Errors
/// When the last of it was not.
pub async fn flush() -> Result<(), StdoutError> {
    written(String::new()).await
}

async fn written(text: String) -> Result<(), StdoutError> {
    let (receipt, outcome) = oneshot::channel();
    queue(Line { text, receipt: Some(receipt) })?;
    outcome.await.unwrap_or(Err(ErrorKind::BrokenPipe)).map_err(StdoutError::Failed)
}

fn queue(line: Line) -> Result<(), StdoutError> {
    let mut queued = QUEUED.lock().unwrap_or_else(PoisonError::into_inner);
    let sender = match queued.as_ref() {
        Some(sender) => sender,
        None => queued.insert(start().map_err(|error| StdoutError::Failed(error.kind()))?),
    };
    sender.try_send(line).map_err(|error| match error {
        TrySendError::Full(_) => StdoutError::Full,
        TrySendError::Disconnected(_) => StdoutError::Failed(ErrorKind::BrokenPipe),
    })
}

/// A thread that cannot be made now is tried again with the next line.
fn start() -> io::Result<SyncSender<Line>> {
    // The descriptor itself: the standard library's buffer would keep the rest of a line that failed half-way.
    let stdout = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let (sender, receiver) = sync_channel(QUEUE);
    thread::Builder::new().name("stdout".to_owned()).spawn(move || write_all(stdout, &receiver))?;
    Ok(sender)
}

fn write_all(mut stdout: impl Write, lines: &Receiver<Line>) {
    let (mut last, mut torn) = (Ok(()), false);
    for Line { text, receipt } in lines {
        if !text.is_empty() {
            last = write(&mut stdout, text.as_bytes(), &mut torn);
        }
        if let Some(receipt) = receipt {
            // The waiting caller may have given up.
            let _ = receipt.send(last);
        }
    }
}

/// Writes a line whole, after the line break that a line which failed half-way still needs.
fn write(stdout: &mut impl Write, line: &[u8], torn: &mut bool) -> Result<(), ErrorKind> {
    if *torn {
        write_part(stdout, b"\n").map_err(|(_, kind)| kind)?;
        *torn = false;
    }
    write_part(stdout, line).map_err(|(written, kind)| {
        *torn = written > 0;
        kind
    })
}

/// Where it fails, with how much was written before.
fn write_part(stdout: &mut impl Write, bytes: &[u8]) -> Result<(), (usize, ErrorKind)> {
    let mut written = 0;
    while written < bytes.len() {
        match stdout.write(&bytes[written..]) {
            Ok(0) => return Err((written, ErrorKind::WriteZero)),
            Ok(more) => written += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(RETRY_PAUSE),
            Err(error) => return Err((written, error.kind())),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk with so much room.
    struct Disk {
        room: usize,
        content: Vec<u8>,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.room == 0 {
                return Err(ErrorKind::StorageFull.into());
            }
            let taken = bytes.len().min(self.room).min(2);
            self.room -= taken;
            self.content.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_that_failed_half_way_does_not_damage_the_next() {
        let (mut disk, mut torn) = (Disk { room: 7, content: Vec::new() }, false);
        assert_eq!(write(&mut disk, b"first\n", &mut torn), Ok(()));
        assert_eq!(write(&mut disk, b"second\n", &mut torn), Err(ErrorKind::StorageFull));
        assert_eq!(write(&mut disk, b"third\n", &mut torn), Err(ErrorKind::StorageFull));
        disk.room = 100;
        assert_eq!(write(&mut disk, b"fourth\n", &mut torn), Ok(()));
        assert_eq!(write(&mut disk, b"fifth\n", &mut torn), Ok(()));
        assert_eq!(String::from_utf8(disk.content).unwrap(), "first\ns\nfourth\nfifth\n");
    }
}
