//! Dates as operators write them.

use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A date on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DateArgument {
    /// A point in time, to the second.
    At(u64),
    /// So many days from now.
    In(Duration),
    /// None at all.
    Never,
}

impl DateArgument {
    /// Seconds since 1970, or `None` for never.
    pub(crate) fn epoch_seconds(self, now: SystemTime) -> Option<u64> {
        let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        match self {
            Self::At(seconds) => Some(seconds),
            Self::In(duration) => Some(seconds.saturating_add(duration).as_secs()),
            Self::Never => None,
        }
    }
}

impl FromStr for DateArgument {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORMS: &str = "expected 2027-01-31T12:00:00Z, 2027-01-31 (UTC), +90d or never";
        if text == "never" {
            return Ok(Self::Never);
        }
        if let Some(days) = text.strip_prefix('+') {
            let days: u32 = days.strip_suffix('d').and_then(|days| days.parse().ok()).ok_or(FORMS)?;
            return Ok(Self::In(DAY.saturating_mul(days)));
        }
        // A date alone is its first second, in UTC.
        let whole = if text.len() == "2027-01-31".len() { format!("{text}T00:00:00Z") } else { text.to_owned() };
        let at = OffsetDateTime::parse(&whole, &Rfc3339).map_err(|_| FORMS)?;
        u64::try_from(at.unix_timestamp()).map(Self::At).map_err(|_| "the date lies before 1970")
    }
}

/// A point in the past on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PastArgument {
    /// A point in time, to the second.
    At(u64),
    /// So long ago.
    Ago(Duration),
}

impl PastArgument {
    /// Milliseconds since 1970, as audit lines count.
    pub(crate) fn epoch_millis(self, now: SystemTime) -> u64 {
        match self {
            Self::At(seconds) => seconds.saturating_mul(1000),
            Self::Ago(duration) => {
                epoch_millis(now).saturating_sub(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
            }
        }
    }
}

impl FromStr for PastArgument {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORMS: &str = "expected 30m, 24h, 7d, 2027-01-31 (UTC) or 2027-01-31T12:00:00Z";
        if let Ok(ago) = parse_duration(text) {
            return Ok(Self::Ago(ago));
        }
        match text.parse() {
            Ok(DateArgument::At(seconds)) => Ok(Self::At(seconds)),
            _ => Err(FORMS),
        }
    }
}

/// So long: `30m`, `24h` or `7d`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, &'static str> {
    const FORMS: &str = "expected 30m, 24h or 7d";
    let seconds = match text.as_bytes().last() {
        Some(b'm') => 60,
        Some(b'h') => 60 * 60,
        Some(b'd') => DAY.as_secs(),
        _ => return Err(FORMS),
    };
    let number = text[..text.len() - 1].parse::<u32>().ok().filter(|_| !text.starts_with('+'));
    number.map(|number| Duration::from_secs(seconds).saturating_mul(number)).ok_or(FORMS)
}

/// Milliseconds since 1970.
pub(crate) fn epoch_millis(now: SystemTime) -> u64 {
    u64::try_from(now.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

/// RFC 3339, in UTC.
pub(crate) fn text(epoch_seconds: u64) -> Option<String> {
    let at = OffsetDateTime::from_unix_timestamp(i64::try_from(epoch_seconds).ok()?).ok()?;
    at.format(&Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_date() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        for (text, seconds) in [
            ("2027-01-31", Some(1_801_353_600)),
            ("2027-01-31T12:00:00Z", Some(1_801_396_800)),
            ("2027-01-31T14:00:00+02:00", Some(1_801_396_800)),
            ("+90d", Some(1_007_776_000)),
            ("+0d", Some(1_000_000_000)),
            ("never", None),
        ] {
            let date: DateArgument = text.parse().unwrap();
            assert_eq!(date.epoch_seconds(now), seconds, "{text}");
        }
        for text in [
            "",
            "+",
            "+d",
            "90d",
            "+-1d",
            "+1h",
            "2027-13-01",
            "2027-02-30",
            "31.01.2027",
            "1801396800",
            "1969-12-31",
            "Never",
        ] {
            assert!(text.parse::<DateArgument>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_lies_in_the_past() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        for (text, seconds) in [
            ("30m", 999_998_200),
            ("24h", 999_913_600),
            ("90d", 992_224_000),
            ("0h", 1_000_000_000),
            ("99999d", 0),
            ("2001-01-01", 978_307_200),
        ] {
            let past: PastArgument = text.parse().unwrap();
            assert_eq!(past.epoch_millis(now), seconds * 1000, "{text}");
        }
        for text in ["", "h", "24", "+24h", "-1h", "1w", "1.5h", "never", "+90d", "yesterday", "24 h", "é"] {
            assert!(text.parse::<PastArgument>().is_err(), "{text}");
        }
    }

    #[test]
    fn dates_are_shown_in_utc() {
        assert_eq!(text(1_801_396_800).as_deref(), Some("2027-01-31T12:00:00Z"));
        assert_eq!(text(u64::MAX), None);
    }
}
