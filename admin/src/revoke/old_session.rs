//! A session as the client has them, made before its sessions are denied: what it may not do any more, theirs may not.

use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata as _;
use grant::Caller;
use grant::session::AssumeRole;
use grant::sts::{Sts, StsError};
use serde_json::json;
use tokio::time::Instant;

/// How long a refusal is waited for: IAM shows a change within seconds.
const DEADLINE: Duration = Duration::from_secs(60);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// An upload that nobody has begun. To end it changes nothing, and every level of a mapping may.
const UPLOAD_ID: &str = "credvend-revocation-probe";
/// AWS's shortest.
pub(super) const LIFETIME: Duration = Duration::from_secs(900);

/// What the session does: nothing that leaves a trace in the bucket.
pub(super) struct Call {
    bucket: String,
    key: String,
}

pub(super) struct OldSession {
    s3: Client,
    call: Call,
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Allowed,
    Refused,
    Other(String),
}

impl Call {
    /// Below the client's own prefix.
    pub(super) fn new(bucket: &str, prefix: &str) -> Self {
        let key = format!("{}/{UPLOAD_ID}", prefix.strip_suffix('/').unwrap_or(prefix));
        Self { bucket: bucket.to_owned(), key }
    }

    /// A session policy for this call and nothing else.
    pub(super) fn policy(&self, partition: &str) -> String {
        let resource = format!("arn:{partition}:s3:::{}/{}", self.bucket, self.key);
        let statement = json!({"Effect": "Allow", "Action": "s3:AbortMultipartUpload", "Resource": resource});
        json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
    }
}

impl OldSession {
    /// Assumes the role with the caller's own credentials, and tries the call: only what was allowed before can be seen to be
    /// refused. Otherwise, why nothing can be shown.
    pub(super) async fn open(
        settings: &SdkConfig,
        caller: Caller<'_>,
        session: &AssumeRole,
        call: Call,
        now: SystemTime,
    ) -> Result<Self, String> {
        let sts = Sts::new(aws_sdk_sts::Client::new(settings), None);
        let assumed = sts.assume_role(caller, session, now).await.map_err(|error| match error {
            StsError::RoleNotAssumable { .. } => {
                "neither its trust policy nor your own policies let you assume it as the client".to_owned()
            }
            error => error.to_string(),
        })?;
        let credentials = assumed.credentials;
        let credentials = Credentials::new(
            credentials.access_key_id,
            credentials.secret_access_key,
            Some(credentials.session_token),
            None,
            "probe",
        );
        let config = aws_sdk_s3::config::Builder::from(settings).credentials_provider(credentials);
        // Few servers but AWS's have a name for each bucket.
        let s3 = Client::from_conf(config.force_path_style(settings.endpoint_url().is_some()).build());
        let session = Self { s3, call };
        match session.try_call().await {
            Outcome::Allowed => Ok(session),
            Outcome::Refused => Err("a session of it may not even end an upload below the client's prefix".to_owned()),
            Outcome::Other(problem) => Err(format!("S3 does not say what a session of it may do ({problem})")),
        }
    }

    /// When the call was refused, if it was.
    pub(super) async fn refused(&self) -> Option<Instant> {
        let deadline = Instant::now() + DEADLINE;
        let mut pause = FIRST_PAUSE;
        loop {
            let outcome = self.try_call().await;
            let now = Instant::now();
            match outcome {
                Outcome::Refused => return Some(now),
                _ if now >= deadline => return None,
                _ => tokio::time::sleep(pause).await,
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn try_call(&self) -> Outcome {
        let Call { bucket, key } = &self.call;
        let abort = self.s3.abort_multipart_upload().bucket(bucket).key(key).upload_id(UPLOAD_ID);
        match abort.send().await {
            Ok(_) => Outcome::Allowed,
            Err(error) => match error.code() {
                Some("NoSuchUpload") => Outcome::Allowed,
                Some("AccessDenied") => Outcome::Refused,
                Some(code) => Outcome::Other(code.to_owned()),
                None => Outcome::Other("it cannot be reached".to_owned()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_call_lies_below_the_prefix() {
        for (prefix, key) in [("logs/a/", "logs/a/credvend-revocation-probe"), ("x", "x/credvend-revocation-probe")] {
            let call = Call::new("b", prefix);
            assert_eq!(call.key, key);
            assert!(call.policy("aws-cn").contains(&format!("\"arn:aws-cn:s3:::b/{key}\"")));
        }
    }
}
