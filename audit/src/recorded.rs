//! An audit line that is read back.

use serde::Deserialize;

/// What stands in a line of any of the programs; a member that a program or an older version does not write is `None`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[allow(missing_docs)]
pub struct RecordedLine {
    /// Milliseconds since 1970.
    pub time: u64,
    /// `allow`, `deny` or `error`.
    pub decision: String,
    /// `ok`, or the error's code.
    pub code: String,
    #[serde(default)]
    pub request_id: String,
    #[serde(default)]
    pub route: String,
    pub reason: Option<String>,
    pub client_id: Option<String>,
    pub issuer: Option<String>,
    pub server_name: Option<String>,
    pub role_arn: Option<String>,
    pub session_name: Option<String>,
    pub access_key_id: Option<String>,
    #[serde(default)]
    pub scopes: Vec<String>,
    pub source_ip: Option<String>,
    pub jti: Option<String>,
    pub token_sha256: Option<String>,
    /// All steps together, in milliseconds.
    #[serde(rename = "LatencyMs")]
    pub latency_ms: Option<f64>,
}

impl RecordedLine {
    /// `None` where the text is no audit line: another line of the log, or half of one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Whether credentials were given out.
    #[must_use]
    pub fn is_vend(&self) -> bool {
        self.decision == "allow" && self.access_key_id.is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::fmt;
    use std::time::{Duration, UNIX_EPOCH};

    use serde::Serialize;

    use super::*;
    use crate::{Decision, Metric, Outcome, Record, RequestFacts, Shown, Trail};

    #[derive(Default, Serialize)]
    struct Members {
        server_name: Option<String>,
        access_key_id: Option<String>,
    }

    #[derive(Debug)]
    struct Refused;

    impl fmt::Display for Refused {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("no")
        }
    }

    impl Outcome for Refused {
        type Members = Members;

        fn code(&self) -> &'static str {
            "client_disabled"
        }

        fn decision(&self) -> Decision {
            Decision::Deny
        }
    }

    struct Found;

    impl Shown<Refused> for Found {
        fn record(&self, record: &mut Record<Members>) {
            record.presented("token");
            record.members.server_name = Some("web-01".to_owned());
            record.members.access_key_id = Some("ASIA".to_owned());
        }
    }

    /// Each line that is written can be read, by the names that it was written under.
    #[test]
    fn what_is_written_is_read() {
        let mut trail: Trail<Refused> = Trail::new(Some([192, 0, 2, 1].into()), false);
        trail.step("find", || Ok::<_, Refused>(Found)).unwrap();
        let facts = RequestFacts {
            request_id: "r-1",
            route: "POST /credentials",
            now: UNIX_EPOCH + Duration::from_millis(1_800_000_000_123),
            cold_start: true,
            jwks_refetches: 1,
            namespace: "credvend",
            metric: Metric::Decision("Vends"),
            amounts: &[],
        };
        let read = RecordedLine::parse(&trail.line(&facts, None)).unwrap();
        assert_eq!((read.time, read.decision.as_str(), read.code.as_str()), (1_800_000_000_123, "allow", "ok"));
        assert_eq!((read.request_id.as_str(), read.route.as_str()), ("r-1", "POST /credentials"));
        assert_eq!(read.server_name.as_deref(), Some("web-01"));
        assert_eq!(read.source_ip.as_deref(), Some("192.0.2.1"));
        assert!(read.is_vend() && read.reason.is_none() && read.client_id.is_none() && read.token_sha256.is_some());
        assert!(read.latency_ms.is_some());
        let read = RecordedLine::parse(&trail.line(&facts, Some(&Refused))).unwrap();
        assert_eq!((read.decision.as_str(), read.code.as_str()), ("deny", "client_disabled"));
        assert!(!read.is_vend() && read.reason.as_deref() == Some("no"));
        let plain = trail.plain_line("r-2", "GET /x", UNIX_EPOCH, None);
        assert_eq!(RecordedLine::parse(&plain).unwrap().request_id, "r-2");
    }

    #[test]
    fn other_lines_of_a_log_are_none() {
        for text in ["", "START RequestId: 1", r#"{"time":"2027","level":"warn","message":"x"}"#, "[]", r#"{"time":1"#]
        {
            assert_eq!(RecordedLine::parse(text), None, "{text}");
        }
    }
}
