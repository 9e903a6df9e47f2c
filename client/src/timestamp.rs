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

/// Whole seconds and `Z`: parsers in the field switch refresh off when they meet anything else.
pub(crate) fn format(at: SystemTime) -> String {
    let whole = Duration::from_secs(at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs());
    // RFC 3339 ends with the year 9999, where no lifetime leads.
    OffsetDateTime::from(UNIX_EPOCH + whole).format(&Rfc3339).unwrap_or_default()
}

/// RFC 3339 with any offset and fraction, cut to whole seconds.
pub(crate) fn parse(text: &str) -> Option<SystemTime> {
    let seconds = OffsetDateTime::parse(text, &Rfc3339).ok()?.unix_timestamp();
    UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(seconds).ok()?))
}

/// For `#[serde(with = "timestamp")]`: milliseconds since 1970.
pub(crate) fn serialize<S: Serializer>(at: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    let millis = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    u64::try_from(millis).unwrap_or(u64::MAX).serialize(serializer)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SystemTime, D::Error> {
    // Up to the year 9999, so that no later sum overflows.
    const LAST: u64 = 253_402_300_799_999;
    let millis = u64::deserialize(deserializer)?;
    if millis > LAST {
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
        for text in ["", "2026-01-01", "1767225600", "2026-01-01T00:00:00", "1969-01-01T00:00:00Z"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
