//! AWS credentials as this program holds and caches them.

use std::time::{Duration, SystemTime};

use environment::is_host;
use serde::{Deserialize, Serialize};

use crate::freshness::refresh::Perishable;
use crate::secret::Secret;
use crate::timestamp;

/// What is wrong when the service does not say by which clock they end, and the local one is ahead.
pub(crate) const ALREADY_EXPIRED: &str = "the credentials have already expired: compare the clocks of both sides";

/// Clocks of machines differ by a little, and a response takes its time.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(60);

/// Temporary AWS credentials. No `Debug`; serialized for the cache only, `output/` knows the formats for the outside.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Credentials {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: Secret,
    pub(crate) session_token: Secret,
    #[serde(with = "timestamp")]
    pub(crate) expires_at: SystemTime,
    /// By this machine's clock.
    #[serde(with = "timestamp")]
    pub(crate) obtained_at: SystemTime,
    /// The machine's uptime then: the wall clock may be set, this one only stops when the machine does.
    #[serde(default)]
    pub(crate) obtained_at_uptime_millis: Option<u64>,
    /// The service's clock minus this machine's at that moment, where they really differ: a machine whose clock is
    /// wrong still knows for how long its credentials last.
    #[serde(default)]
    pub(crate) clock_offset_millis: i64,
    /// The AWS account that they belong to, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) account_id: Option<String>,
    /// The region that the vending API named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) region: Option<String>,
}

impl Credentials {
    /// Checks what a service gave, whose clock said `date` (the response's `Date`), or says what is wrong with it.
    pub(crate) fn check(
        given: vending_api::Credentials,
        date: Option<SystemTime>,
        now: SystemTime,
    ) -> Result<Self, &'static str> {
        let vending_api::Credentials { access_key_id, secret_access_key, session_token, expiration } = given;
        if access_key_id.is_empty() || secret_access_key.is_empty() || session_token.is_empty() {
            return Err("a part of the credentials is empty");
        }
        // A line break would be another line of a file, or another variable of a shell.
        if [&access_key_id, &secret_access_key, &session_token].iter().any(|part| !is_plain(part)) {
            return Err("a part of the credentials holds a character that none of AWS's has");
        }
        let expires_at = timestamp::parse(&expiration).ok_or("`expiration` is not an RFC 3339 time")?;
        let checked = Self {
            access_key_id,
            secret_access_key: Secret::new(secret_access_key),
            session_token: Secret::new(session_token),
            expires_at,
            obtained_at: now,
            obtained_at_uptime_millis: u64::try_from(timestamp::since_boot().as_millis()).ok(),
            clock_offset_millis: date.map(|date| offset(date, now)).unwrap_or_default(),
            account_id: None,
            region: None,
        };
        if checked.lifetime().is_zero() { Err(ALREADY_EXPIRED) } else { Ok(checked) }
    }

    /// With their account: the first of `ids` that has twelve digits.
    pub(crate) fn of_account<'a>(self, ids: impl IntoIterator<Item = &'a str>) -> Self {
        let is_id = |id: &&str| id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit());
        Self { account_id: ids.into_iter().find(is_id).map(str::to_owned), ..self }
    }

    /// With the region that the vending API named: part of a file's line, so nothing but a region's name.
    pub(crate) fn in_region(self, region: &str) -> Self {
        Self { region: (!region.is_empty() && is_host(region)).then(|| region.to_owned()), ..self }
    }
}

impl Perishable for Credentials {
    fn obtained_at(&self) -> SystemTime {
        self.obtained_at
    }

    /// `expires_at` is what AWS calls it.
    fn ends_at(&self) -> SystemTime {
        let offset = Duration::from_millis(self.clock_offset_millis.unsigned_abs());
        if self.clock_offset_millis > 0 { self.expires_at - offset } else { self.expires_at + offset }
    }

    fn salt(&self) -> &str {
        &self.access_key_id
    }

    /// After a restart of the machine it is more, and only the wall clock can tell.
    fn least_age(&self) -> Duration {
        let then = self.obtained_at_uptime_millis.map(Duration::from_millis);
        then.map(|then| timestamp::since_boot().saturating_sub(then)).unwrap_or_default()
    }
}

/// `date` minus `now`, where it is more than what is usual.
fn offset(date: SystemTime, now: SystemTime) -> i64 {
    let (difference, sign) = match date.duration_since(now) {
        Ok(ahead) => (ahead, 1),
        Err(behind) => (behind.duration(), -1),
    };
    // No clock is wrong by more than a year; and with this bound no sum of times overflows.
    let is_real = difference > CLOCK_TOLERANCE && difference < Duration::from_secs(366 * 86_400);
    if is_real { i64::try_from(difference.as_millis()).map_or(0, |millis| sign * millis) } else { 0 }
}

fn is_plain(part: &str) -> bool {
    part.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::freshness::refresh::Freshness;

    fn check(secret_access_key: &str, expiration: &str) -> Result<Credentials, &'static str> {
        let given = vending_api::Credentials {
            access_key_id: "ASIAEXAMPLE".to_owned(),
            secret_access_key: secret_access_key.to_owned(),
            session_token: "token".to_owned(),
            expiration: expiration.to_owned(),
        };
        Credentials::check(given, None, timestamp::parse("2026-01-01T00:00:00Z").unwrap())
    }

    /// Their hour is an hour, whatever this machine thinks the time is.
    #[test]
    fn a_wrong_clock_does_not_change_a_lifetime() {
        let time = |text: &str| timestamp::parse(text).unwrap();
        for (now, middle, end) in [
            ("2026-01-01T00:00:30Z", "2026-01-01T00:31:00Z", "2026-01-01T01:00:00Z"),
            ("2025-12-31T22:00:00Z", "2025-12-31T22:31:00Z", "2025-12-31T23:00:00Z"),
            ("2026-01-01T05:00:00Z", "2026-01-01T05:31:00Z", "2026-01-01T06:00:00Z"),
        ] {
            let given = vending_api::Credentials {
                access_key_id: "ASIAEXAMPLE".to_owned(),
                secret_access_key: "key".to_owned(),
                session_token: "token".to_owned(),
                expiration: "2026-01-01T01:00:00Z".to_owned(),
            };
            let date = Some(time("2026-01-01T00:00:00Z"));
            let credentials = Credentials::check(given, date, time(now)).unwrap_or_else(|problem| panic!("{problem}"));
            assert_eq!(credentials.freshness(time(now)), Freshness::Fresh);
            assert_eq!(credentials.freshness(time(middle)), Freshness::Refreshable);
            assert_eq!(credentials.freshness(time(end)), Freshness::Expired);
            assert_eq!(timestamp::format(credentials.expires_at), "2026-01-01T01:00:00Z");
        }
    }

    #[test]
    fn only_whole_and_living_credentials_pass() {
        check("key", "2026-01-01T01:00:00Z").unwrap_or_else(|problem| panic!("{problem}"));
        for (key, expiration) in
            [("", "2026-01-01T01:00:00Z"), ("key", "tomorrow"), ("key", ""), ("key", "2026-01-01T00:00:00Z")]
        {
            assert!(check(key, expiration).is_err(), "{key} {expiration}");
        }
    }

    /// The clock was set back by two hours after they came, and then half an hour has passed.
    #[test]
    fn time_that_has_passed_counts_when_the_clock_is_set_back() {
        let mut credentials = check("key", "2026-01-01T01:00:00Z").unwrap_or_else(|problem| panic!("{problem}"));
        let clock = timestamp::parse("2025-12-31T22:30:00Z").unwrap();
        let uptime = u64::try_from(timestamp::since_boot().as_millis()).unwrap();
        credentials.obtained_at_uptime_millis = uptime.checked_sub(1000);
        assert_eq!(credentials.freshness(clock), Freshness::Refreshable);
        assert!(credentials.left(clock) <= Duration::from_secs(3599));
        // The clock of a machine that has just started says nothing about how long it was off.
        credentials.obtained_at_uptime_millis = Some(uptime + 1_000_000);
        assert_eq!(credentials.freshness(clock), Freshness::Refreshable);
    }

    #[test]
    fn an_account_is_twelve_digits_and_a_region_a_name() {
        let of = |id, region| {
            let checked = check("key", "2026-01-01T01:00:00Z").unwrap_or_else(|_| panic!());
            let checked = checked.of_account(Some(id)).in_region(region);
            (checked.account_id, checked.region)
        };
        assert_eq!(of("123456789012", "eu-west-1"), (Some("123456789012".to_owned()), Some("eu-west-1".to_owned())));
        for (id, region) in [("", ""), ("12345678901", "eu west"), ("12345678901a", "eu\nx"), ("123456789012\n", "a/b")]
        {
            assert_eq!(of(id, region), (None, None), "{id:?} {region:?}");
        }
        let first = |ids: &[&'static str]| {
            let checked = check("key", "2026-01-01T01:00:00Z").unwrap_or_else(|_| panic!());
            checked.of_account(ids.iter().copied()).account_id
        };
        assert_eq!(first(&["123456789012", "210987654321"]).as_deref(), Some("123456789012"));
        assert_eq!(first(&["", "210987654321"]).as_deref(), Some("210987654321"));
    }

    #[test]
    fn the_cache_form_reads_back() {
        let stored = serde_json::to_vec(&check("key", "2026-01-01T01:00:00Z").unwrap_or_else(|_| panic!())).unwrap();
        let read: Credentials = serde_json::from_slice(&stored).unwrap();
        assert_eq!(timestamp::format(read.expires_at), "2026-01-01T01:00:00Z");
        assert_eq!(read.secret_access_key.expose(), "key");
    }
}
