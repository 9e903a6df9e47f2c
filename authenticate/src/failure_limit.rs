//! At most so many refused tokens a minute and source, within this process.
//!
//! What a refused token costs is limited, never a good one: behind one address there may be many clients, and one of them
//! that is broken or hostile must not shut the others out. So every token is verified with the keys that are held, which
//! takes less than reading the request does. A source over its limit makes nobody look for a key that is not held, and is
//! told by a 429 to wait.

use std::net::IpAddr;
use std::time::SystemTime;

use crate::buckets::Buckets;
use crate::error::AuthenticationError;

/// A token bucket a source.
pub struct FailureLimit(Buckets<Source>);

/// An IPv4 address, or the 64 bits of an IPv6 address that belong to one network (RFC 4291 §2.5.4): whoever has one
/// address of those has all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Source {
    V4([u8; 4]),
    V6(u128),
}

impl Source {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.octets()),
            IpAddr::V6(address) => Self::V6(address.to_bits() >> 64),
        }
    }
}

impl FailureLimit {
    /// A minute's worth may come at once.
    #[must_use]
    pub fn new(per_minute: u32) -> Self {
        Self(Buckets::new(per_minute, f64::from(per_minute)))
    }

    /// Whether the next refused token of this source is one too many. A direct invocation has no source: who may send one
    /// is AWS's to decide.
    #[must_use]
    pub fn is_exceeded(&self, source: Option<IpAddr>, now: SystemTime) -> bool {
        source.is_some_and(|address| self.0.is_empty(&Source::of(address), now))
    }

    /// Counts a token that was refused. What its source is told is the refusal, or that there were too many.
    #[must_use]
    pub fn counted(&self, error: AuthenticationError, source: Option<IpAddr>, now: SystemTime) -> AuthenticationError {
        let is_refused_token = error.refusal().status == 401;
        match source.filter(|_| is_refused_token).map(|address| self.0.take(Source::of(address), now)) {
            Some(Err(retry_after)) => AuthenticationError::TooManyRefused { reason: error.to_string(), retry_after },
            Some(Ok(())) | None => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jwt::TokenError;

    use super::*;
    use crate::jwks::KeyError;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn status(limit: &FailureLimit, source: &str, seconds: u64) -> u16 {
        let refused = AuthenticationError::Token(TokenError::UntrustedIssuer);
        limit.counted(refused, source.parse().ok(), at(seconds)).refusal().status
    }

    #[test]
    fn a_source_is_told_to_wait_when_it_has_sent_too_many() {
        let limit = FailureLimit::new(3);
        let source = "192.0.2.1".parse().ok();
        for _ in 0..3 {
            assert!(!limit.is_exceeded(source, at(0)));
            assert_eq!(status(&limit, "192.0.2.1", 0), 401);
        }
        assert!(limit.is_exceeded(source, at(0)));
        let error = limit.counted(AuthenticationError::Token(TokenError::UntrustedIssuer), source, at(0));
        let (refusal, sentence) = (error.refusal(), error.to_string());
        assert_eq!(
            (refusal.status, refusal.code, refusal.retry_after),
            (429, "rate_limited", Some(Duration::from_secs(20)))
        );
        assert!(sentence.contains(&TokenError::UntrustedIssuer.to_string()), "{sentence}");
        assert!(!limit.is_exceeded(source, at(20)));
        assert_eq!(status(&limit, "192.0.2.1", 20), 401);
        assert_eq!(status(&limit, "192.0.2.2", 0), 401, "another source");
    }

    #[test]
    fn a_network_of_ipv6_is_one_source() {
        let limit = FailureLimit::new(1);
        for (source, verdict) in [
            ("2001:db8:0:1::1", 401),
            ("2001:db8:0:1:ffff::2", 429),
            ("2001:db8:0:2::1", 401),
            ("192.0.2.1", 401),
            ("::ffff:192.0.2.1", 429),
            ("192.0.2.2", 401),
            ("::ffff:192.0.2.2", 429),
        ] {
            assert_eq!(status(&limit, source, 0), verdict, "{source}");
        }
    }

    /// What is down is not the source's fault, and an invocation by AWS itself has no source.
    #[test]
    fn only_refused_tokens_of_a_source_count() {
        let limit = FailureLimit::new(1);
        for _ in 0..5 {
            let down = AuthenticationError::Key(KeyError::Unavailable { issuer: "https://a".to_owned() });
            assert_eq!(limit.counted(down, "192.0.2.1".parse().ok(), at(0)).refusal().status, 503);
            assert_eq!(status(&limit, "nowhere", 0), 401);
        }
        assert!(!limit.is_exceeded("192.0.2.1".parse().ok(), at(0)) && !limit.is_exceeded(None, at(0)));
    }
}
