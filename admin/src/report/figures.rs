//! What is counted: one pass over the lines, and memory that grows with the clients alone.

use std::collections::BTreeMap;

use ::audit::RecordedLine;

use super::latency::Latency;

const HOUR: u64 = 60 * 60 * 1000;
/// Widths of a bar, in hours; the first that gives no more than [`MOST_BARS`].
const WIDTHS: [u64; 6] = [1, 3, 6, 12, 24, 7 * 24];
const MOST_BARS: u64 = 180;

pub(super) struct Figures {
    pub(super) window: Window,
    pub(super) vends: Vec<u64>,
    pub(super) denials: Vec<u64>,
    pub(super) errors: Vec<u64>,
    pub(super) latency: Vec<Latency>,
    /// Code → how often; denials and errors.
    pub(super) codes: BTreeMap<String, Code>,
    /// Issuer and client → what it did.
    pub(super) clients: BTreeMap<(String, String), Client>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// Milliseconds since 1970.
    pub(super) since: u64,
    pub(super) until: u64,
    /// Of a bar, in milliseconds.
    pub(super) width: u64,
    pub(super) bars: usize,
}

#[derive(Default)]
pub(super) struct Code {
    pub(super) count: u64,
    pub(super) is_error: bool,
}

#[derive(Default)]
pub(super) struct Client {
    pub(super) server_name: String,
    pub(super) vends: u64,
    pub(super) denials: u64,
    /// The code of its last denial.
    pub(super) last_code: String,
    /// Milliseconds since 1970; 0 for never.
    pub(super) last_vend: u64,
    /// Vends by bar; empty until there is one.
    pub(super) by_bar: Vec<u32>,
}

impl Window {
    pub(super) fn new(since: u64, until: u64) -> Self {
        let since = since.min(until) / HOUR * HOUR;
        let hours = (until - since) / HOUR + 1;
        let fits = |width: &&u64| hours.div_ceil(**width) <= MOST_BARS;
        // Years of lines have wider bars yet.
        let width = WIDTHS.iter().find(fits).copied().unwrap_or_else(|| hours.div_ceil(MOST_BARS));
        let bars = usize::try_from(hours.div_ceil(width)).unwrap_or(1);
        Self { since, until, width: width * HOUR, bars }
    }

    /// Which bar a time belongs to.
    fn bar(&self, time: u64) -> usize {
        usize::try_from(time.saturating_sub(self.since) / self.width).unwrap_or(usize::MAX).min(self.bars - 1)
    }

    pub(super) fn start_of(&self, bar: usize) -> u64 {
        self.since.saturating_add(self.width.saturating_mul(bar as u64))
    }
}

impl Figures {
    pub(super) fn new(window: Window) -> Self {
        let zeros = || vec![0; window.bars];
        Self {
            window,
            vends: zeros(),
            denials: zeros(),
            errors: zeros(),
            latency: vec![Latency::default(); window.bars],
            codes: BTreeMap::new(),
            clients: BTreeMap::new(),
        }
    }

    pub(super) fn add(&mut self, line: &RecordedLine) {
        let bar = self.window.bar(line.time);
        let is_denial = line.decision == "deny";
        match line.decision.as_str() {
            "allow" if line.is_vend() => self.vends[bar] += 1,
            // An explanation, for instance: nothing was given out, and nothing refused.
            "allow" => return,
            "deny" => self.denials[bar] += 1,
            _ => self.errors[bar] += 1,
        }
        if line.is_vend() {
            if let Some(millis) = line.latency_ms {
                self.latency[bar].add(millis);
            }
        } else {
            let code = self.codes.entry(line.code.clone()).or_default();
            code.count += 1;
            code.is_error = !is_denial;
        }
        let Some(id) = &line.client_id else { return };
        let key = (line.issuer.clone().unwrap_or_default(), id.clone());
        let client = self.clients.entry(key).or_default();
        if let Some(name) = &line.server_name {
            client.server_name.clone_from(name);
        }
        if line.is_vend() {
            client.vends += 1;
            client.last_vend = client.last_vend.max(line.time);
            client.by_bar.resize(self.window.bars, 0);
            client.by_bar[bar] += 1;
        } else if is_denial {
            client.denials += 1;
            client.last_code.clone_from(&line.code);
        }
    }

    /// Those with the most of something, the most first.
    pub(super) fn most(&self, of: impl Fn(&Client) -> u64, count: usize) -> Vec<(&(String, String), &Client)> {
        let mut clients: Vec<_> = self.clients.iter().filter(|(_, client)| of(client) > 0).collect();
        clients.sort_by_key(|(_, client)| std::cmp::Reverse(of(client)));
        clients.truncate(count);
        clients
    }

    pub(super) fn all_latency(&self) -> Latency {
        let mut all = Latency::default();
        for one in &self.latency {
            all.merge(one);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_cover_the_window() {
        for (hours, width, bars) in [(0, 1, 1), (23, 1, 24), (179, 1, 180), (30 * 24 - 1, 6, 120), (24 * 365, 168, 53)]
        {
            let window = Window::new(7 * HOUR, (7 + hours) * HOUR);
            assert_eq!((window.width / HOUR, window.bars), (width, bars), "{hours}");
            assert_eq!(window.bar(window.until), bars - 1, "{hours}");
        }
        let decades = Window::new(0, 50 * 365 * 24 * HOUR);
        assert!(decades.bars <= 180 && decades.bar(decades.until) < decades.bars);
        assert_eq!(Window::new(10 * HOUR, 5 * HOUR).bars, 1, "a window that ends before it begins");
    }

    #[test]
    fn what_counts_as_what() {
        let mut figures = Figures::new(Window::new(0, 3 * HOUR));
        let line = |time: u64, decision: &str, code: &str, key: &str| {
            let key = if key.is_empty() { "null".to_owned() } else { format!("\"{key}\"") };
            RecordedLine::parse(&format!(
                r#"{{"time":{time},"decision":"{decision}","code":"{code}","client_id":"a","access_key_id":{key},"LatencyMs":10.0}}"#
            ))
            .unwrap()
        };
        figures.add(&line(0, "allow", "ok", "ASIA1"));
        figures.add(&line(HOUR + 1, "allow", "ok", "ASIA2"));
        figures.add(&line(HOUR + 1, "allow", "ok", ""));
        figures.add(&line(2 * HOUR, "deny", "client_disabled", ""));
        figures.add(&line(2 * HOUR, "error", "sts_unavailable", ""));
        assert_eq!((&figures.vends[..], &figures.denials[..]), (&[1, 1, 0, 0][..], &[0, 0, 1, 0][..]));
        assert_eq!(figures.errors.iter().sum::<u64>(), 1);
        assert!(figures.codes["sts_unavailable"].is_error && !figures.codes["client_disabled"].is_error);
        let client = figures.most(|client| client.vends, 5)[0].1;
        assert_eq!((client.vends, client.denials, client.last_vend), (2, 1, HOUR + 1));
        assert_eq!(client.by_bar, [1, 1, 0, 0]);
        assert!(figures.most(|_| 0, 5).is_empty());
    }
}
