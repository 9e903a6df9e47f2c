//! How far a transfer is, on a terminal's stderr and nowhere else.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Often enough to look alive.
const INTERVAL: Duration = Duration::from_millis(200);

/// Counts bytes, and draws where stderr is a terminal.
pub(crate) struct Progress {
    done: AtomicU64,
    total: AtomicU64,
    drawing: Option<Mutex<Drawing>>,
}

struct Drawing {
    started: Instant,
    drawn: Option<Instant>,
}

impl Progress {
    pub(crate) fn new() -> Self {
        let drawing = io::stderr().is_terminal().then(|| Mutex::new(Drawing { started: Instant::now(), drawn: None }));
        Self { done: AtomicU64::new(0), total: AtomicU64::new(0), drawing }
    }

    /// So many bytes more are known to be ahead.
    pub(crate) fn expect(&self, bytes: u64) {
        self.total.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn advance(&self, bytes: u64) {
        self.done.fetch_add(bytes, Ordering::Relaxed);
        self.draw();
    }

    fn draw(&self) {
        let Some(Ok(mut drawing)) = self.drawing.as_ref().map(Mutex::lock) else { return };
        // Nothing is drawn for what is over in a moment.
        if drawing.drawn.unwrap_or(drawing.started).elapsed() < INTERVAL {
            return;
        }
        let (done, total) = (self.done.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed));
        let line = line(done, total, drawing.started.elapsed());
        drawing.drawn = Some(Instant::now());
        let _ = io::stderr().write_all(format!("\r{line}\x1b[K").as_bytes());
    }

    /// Takes the bar away, so that what is printed next stands alone.
    pub(crate) fn clear(&self) {
        let Some(Ok(mut drawing)) = self.drawing.as_ref().map(Mutex::lock) else { return };
        if drawing.drawn.take().is_some() {
            let _ = io::stderr().write_all(b"\r\x1b[K");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

fn line(done: u64, total: u64, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64().max(0.001);
    #[allow(clippy::cast_precision_loss)] // It is looked at, not counted with.
    let rate = done as f64 / seconds;
    if total == 0 {
        return format!("{} · {}/s", size(done), size_of(rate));
    }
    let done = done.min(total);
    format!("{:3} % of {} · {}/s", u128::from(done) * 100 / u128::from(total), size(total), size_of(rate))
}

#[allow(clippy::cast_precision_loss)] // As above.
fn size(bytes: u64) -> String {
    size_of(bytes as f64)
}

fn size_of(bytes: f64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut number, mut unit) = (bytes, 0);
    while number >= 1024.0 && unit + 1 < units.len() {
        number /= 1024.0;
        unit += 1;
    }
    let digits = usize::from(unit > 0);
    format!("{number:.digits$} {}", units[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line() {
        let mebibyte = 1024 * 1024;
        assert_eq!(line(50 * mebibyte, 200 * mebibyte, Duration::from_secs(2)), " 25 % of 200.0 MiB · 25.0 MiB/s");
        assert_eq!(line(700, 0, Duration::from_secs(1)), "700 B · 700 B/s");
        assert_eq!(line(9, 8, Duration::from_secs(1)), "100 % of 8 B · 9 B/s", "more came than was known of");
    }
}
