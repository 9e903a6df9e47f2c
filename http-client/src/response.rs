//! A whole response.

use std::time::{Duration, SystemTime};

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

/// A response, read to its end. No `Debug`: the body may be a credential.
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
    pub(crate) headers: HeaderMap,
}

impl Response {
    /// A header, where it is there once or more and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// How long the server asks us to stay away (RFC 9110 §10.2.3: seconds or a date).
    pub fn retry_after(&self, now: SystemTime) -> Option<Duration> {
        let value = self.header(RETRY_AFTER.as_str())?.trim();
        if let Ok(seconds) = value.parse() {
            return Some(Duration::from_secs(seconds));
        }
        // The date is the server's: measured from its own clock, a wrong one on this side does no harm.
        let at = parse_http_date(value)?;
        Some(at.duration_since(self.date().unwrap_or(now)).unwrap_or_default())
    }

    /// The server's clock.
    pub fn date(&self) -> Option<SystemTime> {
        parse_http_date(self.header(DATE.as_str())?)
    }
}

/// RFC 9110 §5.6.7, its preferred form only: the obsolete two have not been seen from a server in decades.
fn parse_http_date(text: &str) -> Option<SystemTime> {
    OffsetDateTime::parse(text, &Rfc2822).ok().map(SystemTime::from)
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderName;

    use super::*;

    fn response(headers: &[(&'static str, &'static str)]) -> Response {
        let headers =
            headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect();
        Response { status: 503, body: Vec::new(), headers }
    }

    #[test]
    fn retry_after_in_seconds_or_as_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let wait = |value| response(&[("retry-after", value)]).retry_after(now);
        assert_eq!(wait("7"), Some(Duration::from_secs(7)));
        assert_eq!(wait("Sun, 06 Nov 1994 08:50:37 GMT"), Some(Duration::from_mins(1)));
        assert_eq!(wait("Sun, 06 Nov 1994 08:00:00 GMT"), Some(Duration::ZERO));
        for odd in ["", "-1", "soon", "1.5", "99999999999999999999999"] {
            assert_eq!(wait(odd), None, "{odd}");
        }
        assert_eq!(response(&[]).retry_after(now), None);
    }

    #[test]
    fn a_date_counts_from_the_servers_own_clock() {
        let response =
            response(&[("retry-after", "Sun, 06 Nov 1994 08:50:37 GMT"), ("date", "Sun, 06 Nov 1994 08:50:07 GMT")]);
        assert_eq!(response.retry_after(SystemTime::UNIX_EPOCH), Some(Duration::from_secs(30)));
    }
}
