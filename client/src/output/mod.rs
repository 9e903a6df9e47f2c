//! The formats in which credentials and tokens leave this program; nothing else writes them.

pub(crate) mod access_token;
pub(crate) mod consumer_environment;
pub(crate) mod container;
pub(crate) mod credential_process;
pub(crate) mod credentials_file;
pub(crate) mod credentials_json;
pub(crate) mod env;
pub(crate) mod github_job;
pub(crate) mod imds;
pub(crate) mod logstash;
pub(crate) mod query_rows;
pub(crate) mod token_file;

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use crate::credentials::Credentials;
    use crate::secret::Secret;

    /// Until the beginning of 2026.
    pub(crate) fn credentials(secret_access_key: &str, session_token: &str) -> Credentials {
        Credentials {
            access_key_id: "ASIAEXAMPLE".to_owned(),
            secret_access_key: Secret::new(secret_access_key.to_owned()),
            session_token: Secret::new(session_token.to_owned()),
            expires_at: UNIX_EPOCH + Duration::from_millis(1_767_225_600_500),
            obtained_at: UNIX_EPOCH,
            obtained_at_uptime_millis: None,
            clock_offset_millis: 0,
            account_id: None,
            region: None,
        }
    }
}
