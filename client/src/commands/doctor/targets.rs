//! Where the credentials are tried: STS, and the bucket and prefix of the identity.

use environment::{ConfigError, Endpoint, Partition, Target, Variables};

use crate::exchange::vending_api::Vended;

/// As far as they are known.
#[derive(Clone)]
pub(super) struct Targets {
    pub(super) s3: Target,
    /// The prefix that the vending API names instead, where the identity's does not lie under it.
    pub(super) granted: Option<String>,
    sts: Option<Endpoint>,
}

impl Targets {
    /// Reads the variables that the AWS SDKs and `credvend s3` read.
    pub(super) fn from_env(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let variables = Variables::new(lookup);
        let (s3, sts) = (Target::from_env(&variables), variables.aws_endpoint("STS"));
        variables.finish(Some(Self { s3, granted: None, sts }))
    }

    /// Where the identity may write.
    pub(super) fn target(&self) -> Target {
        let prefix = self.granted.clone().unwrap_or_else(|| self.s3.prefix.clone());
        Target { prefix, ..self.s3.clone() }
    }

    /// What the environment leaves open, the vending API says.
    pub(super) fn with(&self, vended: &Vended) -> Self {
        let session = vended.credentials.session_token.expose();
        // It is shown. One of them alone is of no use: a bucket without its prefix is another target.
        let is_fine = |text: &String| !text.contains(session) && !text.chars().any(char::is_control);
        let are_fine = [&vended.s3_bucket, &vended.s3_path_prefix, &vended.aws_region].into_iter().all(is_fine);
        let said = |text: &str| (are_fine && !text.is_empty()).then(|| text.to_owned());
        let bucket = self.s3.bucket.clone().or_else(|| said(&vended.s3_bucket));
        let granted = vended.s3_path_prefix.trim_matches('/');
        let granted = if granted.is_empty() { String::new() } else { format!("{granted}/") };
        // A prefix belongs to its bucket: with another bucket it would name a target that was not meant.
        let is_their_bucket = are_fine && bucket.as_deref() == Some(vended.s3_bucket.as_str());
        let prefix =
            if self.s3.prefix.is_empty() && is_their_bucket { granted.clone() } else { self.s3.prefix.clone() };
        let is_granted = prefix.starts_with(&granted);
        let region = self.s3.region.clone().or_else(|| said(&vended.aws_region));
        Self {
            granted: said(&granted).filter(|_| is_their_bucket && !is_granted),
            s3: Target { region, bucket, prefix, ..self.s3.clone() },
            sts: self.sts.clone(),
        }
    }

    /// Where STS is in this region.
    pub(super) fn sts(&self, region: &str) -> Option<Endpoint> {
        self.sts
            .clone()
            .or_else(|| Endpoint::parse(&format!("https://{}/", Partition::service_host("sts", region))).ok())
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::credentials::Credentials;
    use crate::secret::Secret;

    fn targets(pairs: &[(&str, &str)]) -> Targets {
        let lookup = |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Targets::from_env(&lookup).unwrap()
    }

    #[test]
    fn what_the_api_says_is_taken_as_far_as_it_can_be_shown() {
        let vended = |bucket: &str, prefix: &str| Vended {
            credentials: Credentials {
                access_key_id: "ASIA".to_owned(),
                secret_access_key: Secret::new("secret".to_owned()),
                session_token: Secret::new("CANARY".to_owned()),
                expires_at: UNIX_EPOCH,
                obtained_at: UNIX_EPOCH,
                obtained_at_uptime_millis: None,
                clock_offset_millis: 0,
                account_id: None,
                region: None,
            },
            role_arn: String::new(),
            session_name: String::new(),
            s3_bucket: bucket.to_owned(),
            s3_path_prefix: prefix.to_owned(),
            aws_region: String::new(),
        };
        let with = |bucket, prefix| {
            let found = targets(&[]).with(&vended(bucket, prefix));
            (found.s3.bucket, found.s3.prefix)
        };
        assert_eq!(with("logs", "a/b/"), (Some("logs".to_owned()), "a/b/".to_owned()));
        assert_eq!(with("logs", "a\u{1b}[2J/"), (None, String::new()));
        for bucket in ["b\nok    everything", "CANARY-1", "\u{1b}[2J"] {
            assert_eq!(with(bucket, "a/").0, None, "{bucket}");
        }
    }

    #[test]
    fn where_sts_is() {
        assert_eq!(targets(&[]).sts("cn-north-1").unwrap().as_str(), "https://sts.cn-north-1.amazonaws.com.cn/");
        let own = [("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1")];
        assert_eq!(targets(&own).sts("eu-west-1").unwrap().as_str(), "http://127.0.0.1:1/");
    }
}
