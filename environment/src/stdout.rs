//! Standard output of a service, written by a thread of its own.
//!
//! write(2) on a pipe that is not read waits without end, and a service has one thread for all requests. So lines are
//! queued, the queue is bounded, and a caller that must know that a line was written waits for it without blocking the others.
//! Lines are written in the order in which they were queued, and each of them whole.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::mem;
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// Lines that wait at once: with two kilobytes each, eight megabytes.
const QUEUE: usize = 4096;
/// Pause before the next attempt to write to a descriptor that does not block and takes nothing now.
const RETRY_PAUSE: Duration = Duration::from_millis(10);
/// Lines that nobody waits for are written together, up to so many bytes: each write(2) costs as much as a line.
const BATCH_BYTES: usize = 64 * 1024;
/// After a batch, so that the next one is not a single line, and not each line wakes the thread.
const BATCH_PAUSE: Duration = Duration::from_millis(1);

/// Why a line was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum StdoutError {
    /// The reader stands still.
    #[error("standard output is not read: {QUEUE} lines wait to be written")]
    Full,
    /// write(2) failed.
    #[error("standard output cannot be written ({0})")]
    Failed(ErrorKind),
    /// It is still waiting to be written.
    #[error("standard output was not read in time")]
    Late,
}

enum Line {
    /// Nobody waits for it.
    Plain(String),
    Awaited(Arc<Mutex<Text>>, oneshot::Sender<Result<(), ErrorKind>>),
}

/// A line with its line break, or nothing: then only the receipt is wanted.
enum Text {
    Waiting(String),
    /// With the line that corrects this one, where it is no longer true.
    Writing(Option<String>),
    Written(Result<(), ErrorKind>),
}

static QUEUED: OnceLock<SyncSender<Line>> = OnceLock::new();
static STARTING: Mutex<()> = Mutex::new(());
/// What became of the last line.
static LAST: Mutex<Result<(), ErrorKind>> = Mutex::new(Ok(()));
/// Whether it failed: to read this costs nothing, and a lock that all cores take for each line does.
static HAS_FAILED: AtomicBool = AtomicBool::new(false);

/// Queues a line and does not wait. A line that cannot be queued is lost.
pub(crate) fn submit(text: String) {
    // A failure to log cannot be logged.
    let _ = queue(Line::Plain(text));
}

/// Queues a line with its line break, for a service that answers more requests than it can wait for lines. Those that are
/// queued are lost with the process. A line that is not queued is left where it is.
///
/// # Errors
/// When there is no room, and when the last line could not be written; then [`flush`] tells whether the next one can.
pub fn enqueue(line: &mut String) -> Result<(), StdoutError> {
    if HAS_FAILED.load(Ordering::Acquire) {
        LAST.lock().unwrap_or_else(PoisonError::into_inner).map_err(StdoutError::Failed)?;
    }
    queue(Line::Plain(mem::take(line))).map_err(|(unqueued, error)| {
        if let Line::Plain(text) = unqueued {
            *line = text;
        }
        error
    })
}

/// Writes a line. If that takes too long, `late` takes its place, or follows it where its writing has begun: whoever was
/// told that a line is not written must not find another story on record.
///
/// # Errors
/// When the line is not written within that time, or only a part of it.
pub async fn write_line(line: &str, within: Duration, late: impl FnOnce() -> String) -> Result<(), StdoutError> {
    written(format!("{line}\n"), within, || format!("{}\n", late())).await
}

/// Waits until everything that was queued before is written.
///
/// # Errors
/// When the last of it was not, or not within that time.
pub async fn flush(within: Duration) -> Result<(), StdoutError> {
    written(String::new(), within, String::new).await
}

async fn written(text: String, within: Duration, late: impl FnOnce() -> String) -> Result<(), StdoutError> {
    let (receipt, outcome) = oneshot::channel();
    let text = Arc::new(Mutex::new(Text::Waiting(text)));
    queue(Line::Awaited(Arc::clone(&text), receipt)).map_err(|(_, error)| error)?;
    match timeout(within, outcome).await {
        Ok(outcome) => outcome.unwrap_or(Err(ErrorKind::BrokenPipe)).map_err(StdoutError::Failed),
        Err(_) => correct(&mut lock(&text), late),
    }
}

fn correct(text: &mut Text, late: impl FnOnce() -> String) -> Result<(), StdoutError> {
    *text = match text {
        // It was, at the last moment.
        Text::Written(outcome) => return outcome.map_err(StdoutError::Failed),
        Text::Waiting(_) => Text::Waiting(late()),
        Text::Writing(_) => Text::Writing(Some(late())),
    };
    Err(StdoutError::Late)
}

fn lock(text: &Mutex<Text>) -> MutexGuard<'_, Text> {
    text.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A line that is not queued comes back.
fn queue(line: Line) -> Result<(), (Line, StdoutError)> {
    let sender = match queued() {
        Ok(sender) => sender,
        Err(error) => return Err((line, StdoutError::Failed(error.kind()))),
    };
    sender.try_send(line).map_err(|error| match error {
        TrySendError::Full(line) => (line, StdoutError::Full),
        TrySendError::Disconnected(line) => (line, StdoutError::Failed(ErrorKind::BrokenPipe)),
    })
}

/// A thread that cannot be made now is tried again with the next line.
fn queued() -> io::Result<&'static SyncSender<Line>> {
    if let Some(sender) = QUEUED.get() {
        return Ok(sender);
    }
    let _one_at_a_time = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    match QUEUED.get() {
        Some(sender) => Ok(sender),
        None => start().map(|sender| QUEUED.get_or_init(|| sender)),
    }
}

fn start() -> io::Result<SyncSender<Line>> {
    // The descriptor itself: the standard library's buffer would keep the rest of a line that failed half-way.
    let stdout = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let (sender, receiver) = sync_channel(QUEUE);
    thread::Builder::new().name("stdout".to_owned()).spawn(move || write_all(stdout, &receiver))?;
    Ok(sender)
}

fn write_all(mut stdout: impl Write, lines: &Receiver<Line>) {
    let (mut last, mut torn) = (Ok(()), false);
    let (mut next, mut batch) = (None, Vec::new());
    while let Some(line) = next.take().or_else(|| lines.recv().ok()) {
        match line {
            Line::Awaited(text, receipt) => {
                last = write_awaited(&mut stdout, &text, last, &mut torn);
                // Whoever waited may have given up.
                let _ = receipt.send(last);
            }
            Line::Plain(text) => {
                next = gather(&text, lines, &mut batch);
                last = write(&mut stdout, &batch, &mut torn);
                batch.clear();
                if next.is_none() {
                    thread::sleep(BATCH_PAUSE);
                }
            }
        }
        *LAST.lock().unwrap_or_else(PoisonError::into_inner) = last;
        HAS_FAILED.store(last.is_err(), Ordering::Release);
    }
}

/// Takes this line and those behind it that nobody waits for; the first one that somebody does is left over.
fn gather(text: &str, lines: &Receiver<Line>, batch: &mut Vec<u8>) -> Option<Line> {
    batch.extend_from_slice(text.as_bytes());
    while batch.len() < BATCH_BYTES {
        match lines.try_recv().ok()? {
            Line::Plain(text) => batch.extend_from_slice(text.as_bytes()),
            awaited @ Line::Awaited(..) => return Some(awaited),
        }
    }
    None
}

/// Writes a line and, where it is no longer true by then, the line that corrects it. Nothing to write changes nothing.
fn write_awaited(
    stdout: &mut impl Write,
    text: &Mutex<Text>,
    last: Result<(), ErrorKind>,
    torn: &mut bool,
) -> Result<(), ErrorKind> {
    let waiting = mem::replace(&mut *lock(text), Text::Writing(None));
    let written = match waiting {
        Text::Waiting(line) if !line.is_empty() => write(stdout, line.as_bytes(), torn),
        _ => last,
    };
    let begun = mem::replace(&mut *lock(text), Text::Written(written));
    match begun {
        Text::Writing(Some(correction)) => write(stdout, correction.as_bytes(), torn),
        _ => written,
    }
}

/// Writes lines whole, after the line break that a line which failed half-way still needs.
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

    /// What is on record of a line, given where its writing was when its writer gave up.
    #[test]
    fn a_line_that_is_late_is_corrected() {
        let late = || "corrected".to_owned();
        let outcome = |mut text: Text| {
            let told = correct(&mut text, late);
            let kept = match text {
                Text::Waiting(line) => line,
                Text::Writing(correction) => format!("begun, then {}", correction.unwrap_or_default()),
                Text::Written(_) => "written".to_owned(),
            };
            (told, kept)
        };
        let failed = ErrorKind::StorageFull;
        for (text, told, kept) in [
            (Text::Waiting("allow".to_owned()), Err(StdoutError::Late), "corrected"),
            (Text::Writing(None), Err(StdoutError::Late), "begun, then corrected"),
            (Text::Written(Ok(())), Ok(()), "written"),
            (Text::Written(Err(failed)), Err(StdoutError::Failed(failed)), "written"),
        ] {
            assert_eq!(outcome(text), (told, kept.to_owned()));
        }
    }
}
