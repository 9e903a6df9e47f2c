//! What the AWS SDKs read from a `credential_process`: version 1, one line of JSON.

use serde::Serialize;

use crate::credentials::Credentials;
use crate::timestamp;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Output<'a> {
    version: u8,
    access_key_id: &'a str,
    secret_access_key: &'a str,
    session_token: &'a str,
    expiration: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<&'a str>,
}

impl<'a> Output<'a> {
    pub(super) fn new(credentials: &'a Credentials) -> Self {
        Self {
            version: 1,
            access_key_id: &credentials.access_key_id,
            secret_access_key: credentials.secret_access_key.expose(),
            session_token: credentials.session_token.expose(),
            expiration: timestamp::format(credentials.expires_at),
            account_id: credentials.account_id.as_deref(),
        }
    }
}

pub(crate) fn format(credentials: &Credentials) -> String {
    // Strings and a number: serializing them cannot fail.
    let mut line = serde_json::to_string(&Output::new(credentials)).unwrap_or_default();
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::secret::Secret;

    #[test]
    fn one_line_of_exactly_these_members() {
        let credentials = Credentials {
            access_key_id: "ASIAEXAMPLE".to_owned(),
            secret_access_key: Secret::new("k/e+y".to_owned()),
            session_token: Secret::new("t\"n".to_owned()),
            expires_at: UNIX_EPOCH + Duration::from_millis(1_767_225_600_500),
            obtained_at: UNIX_EPOCH,
            obtained_at_uptime_millis: None,
            clock_offset_millis: 0,
            account_id: None,
            region: None,
        };
        assert_eq!(
            format(&credentials),
            "{\"Version\":1,\"AccessKeyId\":\"ASIAEXAMPLE\",\"SecretAccessKey\":\"k/e+y\",\
             \"SessionToken\":\"t\\\"n\",\"Expiration\":\"2026-01-01T00:00:00Z\"}\n"
        );
        let text = format(&credentials.of_account(Some("123456789012")));
        assert!(text.ends_with(",\"Expiration\":\"2026-01-01T00:00:00Z\",\"AccountId\":\"123456789012\"}\n"), "{text}");
    }
}
