//! Points in time, as RFC 3339 outside and as milliseconds in the cache.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The one place that reads the clock. Effects call it; decisions take `now` as an argument.
#[allow(clippy::disallowed_methods, reason = "the client's clock")]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

/// How long the machine has been up, sleep included (`CLOCK_BOOTTIME`): this clock cannot be set.
pub(crate) fn since_boot() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let (seconds, nanos) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    seconds.ok().zip(nanos.ok()).map(|(seconds, nanos)| Duration::new(seconds, nanos)).unwrap_or_default()
}

/// The end of the year 9999: beyond it no text can be written and sums could overflow.
const LAST_MILLIS: u64 = 253_402_300_799_999;

/// Whole seconds and `Z`: parsers in the field switch refresh off when they meet anything else.
pub(crate) fn format(at: SystemTime) -> String {
    let whole = Duration::from_secs(at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs());
    // RFC 3339 ends with the year 9999, where no lifetime leads.
    OffsetDateTime::from(UNIX_EPOCH + whole).format(&Rfc3339).unwrap_or_default()
}

/// RFC 3339 with any offset and fraction, cut to whole seconds.
pub(crate) fn parse(text: &str) -> Option<SystemTime> {
    let seconds = u64::try_from(OffsetDateTime::parse(text, &Rfc3339).ok()?.unix_timestamp()).ok()?;
    // An offset can lead into the year 10000, which RFC 3339 cannot write.
    (seconds <= LAST_MILLIS / 1000).then(|| UNIX_EPOCH + Duration::from_secs(seconds))
}

/// For `#[serde(with = "timestamp")]`: milliseconds since 1970.
pub(crate) fn serialize<S: Serializer>(at: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    let millis = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    u64::try_from(millis).unwrap_or(u64::MAX).serialize(serializer)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SystemTime, D::Error> {
    let millis = u64::deserialize(deserializer)?;
    if millis > LAST_MILLIS {
        return Err(serde::de::Error::custom("a time beyond the year 9999"));
    }
    Ok(UNIX_EPOCH + Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_seconds_and_z() {
        let at = UNIX_EPOCH + Duration::from_millis(1_767_225_600_999);
        assert_eq!(format(at), "2026-01-01T00:00:00Z");
    }

    #[test]
    fn any_rfc_3339_is_understood() {
        let expected = UNIX_EPOCH + Duration::from_secs(1_767_225_600);
        for text in ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.987654Z", "2026-01-01T01:00:00+01:00"] {
            assert_eq!(parse(text), Some(expected), "{text}");
        }
        for text in
            ["", "2026-01-01", "1767225600", "2026-01-01T00:00:00", "1969-01-01T00:00:00Z", "9999-12-31T23:59:59-01:00"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
