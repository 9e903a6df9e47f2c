//! Durations of one thing done many times.

use std::fmt::Write as _;
use std::time::Duration;

/// Sorted on demand, never empty when asked.
#[derive(Debug, Clone, Default)]
pub struct Samples(Vec<Duration>);

impl Samples {
    pub fn push(&mut self, sample: Duration) {
        self.0.push(sample);
    }

    pub fn extend(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    pub fn count(&self) -> usize {
        self.0.len()
    }

    pub fn median(&self) -> Duration {
        self.percentile(50)
    }

    /// The smallest sample that so many per cent do not exceed (nearest rank).
    pub fn percentile(&self, percent: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100).max(1);
        sorted[rank - 1]
    }

    /// One row of a table: count, minimum, p50, p90, p99.
    pub fn row(&self, name: &str) -> String {
        let mut row = format!("| {name} | {} |", self.count());
        for percent in [0, 50, 90, 99] {
            // Writing to a String cannot fail.
            let _ = write!(row, " {} |", show(self.percentile(percent)));
        }
        row
    }
}

/// The head of a table of rows.
pub const ROW_HEAD: &str = "| what | runs | min | p50 | p90 | p99 |\n|---|--:|--:|--:|--:|--:|";

/// Three digits and the unit in which they read best.
pub fn show(duration: Duration) -> String {
    let microseconds = duration.as_secs_f64() * 1e6;
    match microseconds {
        ..100.0 => format!("{microseconds:.1} µs"),
        ..1_000.0 => format!("{microseconds:.0} µs"),
        ..100_000.0 => format!("{:.2} ms", microseconds / 1e3),
        _ => format!("{:.0} ms", microseconds / 1e3),
    }
}
