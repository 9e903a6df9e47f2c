//! How long requests took: counts in steps that grow, so that any number of them takes the same memory.

/// Each step is a quarter longer than the one before.
const GROWTH: f64 = 1.25;
/// The first step ends here, in milliseconds; the last at about a minute.
const FIRST: f64 = 0.1;
const STEPS: usize = 60;

#[derive(Clone)]
pub(super) struct Latency {
    counts: [u32; STEPS],
}

impl Default for Latency {
    fn default() -> Self {
        Self { counts: [0; STEPS] }
    }
}

impl Latency {
    pub(super) fn add(&mut self, millis: f64) {
        let mut end = FIRST;
        let mut step = 0;
        while step < STEPS - 1 && millis > end {
            end *= GROWTH;
            step += 1;
        }
        self.counts[step] = self.counts[step].saturating_add(1);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count = count.saturating_add(more);
        }
    }

    /// So many per mille of the requests took no longer than this, in milliseconds; to a quarter.
    pub(super) fn quantile(&self, per_mille: u64) -> Option<f64> {
        let all: u64 = self.counts.iter().map(|count| u64::from(*count)).sum();
        let mut left = (all * per_mille).div_ceil(1000);
        let mut end = FIRST;
        for count in self.counts {
            left = left.saturating_sub(u64::from(count));
            if left == 0 && all > 0 {
                return Some(end);
            }
            end *= GROWTH;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_to_a_quarter() {
        let mut latency = Latency::default();
        assert_eq!(latency.quantile(500), None);
        for millis in 1..=1000 {
            latency.add(f64::from(millis));
        }
        for (per_mille, expected) in [(1, 1.0), (500, 500.0), (990, 990.0), (1000, 1000.0)] {
            let found = latency.quantile(per_mille).unwrap();
            assert!(found >= expected && found <= expected * GROWTH, "{per_mille}: {found}");
        }
        for odd in [f64::NAN, f64::INFINITY, -1.0, 1e300] {
            latency.add(odd);
        }
        assert!(latency.quantile(1000).unwrap().is_finite());
    }
}
