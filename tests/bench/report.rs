//! The report: one line a figure of the table to reach, and below it what each part saw.

use std::fmt::Write as _;
use std::time::Duration;

use crate::machine;
use crate::samples::show;

/// A figure with its target, and the same thing done by somebody else in the same run.
pub struct Figure {
    pub what: &'static str,
    /// The part of the bench that measures it.
    pub part: &'static str,
    pub ours: Quantity,
    pub reach: Quantity,
    pub peers: Vec<(&'static str, Quantity)>,
}

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Quantity {
    Time(Duration),
    /// Divided by 1,024 × 1,024.
    Memory(u64),
    /// Divided by 1,000 × 1,000.
    Size(u64),
    Count(u64),
}

impl Quantity {
    fn number(self) -> f64 {
        match self {
            Self::Time(time) => time.as_secs_f64(),
            #[allow(clippy::cast_precision_loss)] // Nothing here comes near 2^52.
            Self::Memory(number) | Self::Size(number) | Self::Count(number) => number as f64,
        }
    }

    fn show(self) -> String {
        match self {
            Self::Time(time) => show(time),
            Self::Memory(_) => format!("{:.1} MiB", self.number() / 1_048_576.0),
            Self::Size(_) => format!("{:.2} MB", self.number() / 1e6),
            Self::Count(number) => number.to_string(),
        }
    }
}

impl Figure {
    fn reached(&self) -> bool {
        self.ours.number() <= self.reach.number()
    }

    fn row(&self) -> String {
        let peers = self.peers.iter().map(|(name, peer)| {
            let ratio = self.ours.number() / peer.number();
            let digits = if ratio < 0.1 { 3 } else { 2 };
            format!("{name} {} (×{ratio:.digits$})", peer.show())
        });
        format!(
            "| {} | {} | ≤ {} | {} | {} | `scripts/bench {}` |",
            self.what,
            self.ours.show(),
            self.reach.show(),
            if self.reached() { "reached" } else { "**missed**" },
            peers.collect::<Vec<_>>().join(" · "),
            self.part,
        )
    }
}

/// What one part of the bench has to say.
#[derive(Default)]
pub struct Part {
    pub title: &'static str,
    pub figures: Vec<Figure>,
    /// Markdown: tables of samples, and how they were taken.
    pub details: String,
}

const HEAD: &str = "# Benchmarks

Written by the commands in the table; edit nothing here. Every figure is a median unless its name says otherwise, taken over
loopback with canned upstream services, beside its peers in the same run. `×` is ours divided by the peer's: below 1 is
better than the peer. Compare ratios, not microseconds, with a run on another machine.
";

/// The whole report in Markdown.
pub fn render(parts: &[Part]) -> String {
    let mut text = format!("{HEAD}\n{}\n\n", machine::describe());
    text.push_str("| figure | here | reach | | peers in the same run | command |\n|---|--:|--:|---|---|---|\n");
    for figure in parts.iter().flat_map(|part| &part.figures) {
        let _ = writeln!(text, "{}", figure.row());
    }
    for part in parts {
        let _ = write!(text, "\n## {}\n\n{}\n", part.title, part.details.trim());
    }
    text
}
