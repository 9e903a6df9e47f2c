//! Where the credentials are tried: STS, and the identity's bucket and prefix.

use std::path::Path;

use http_client::Endpoint;

use crate::exchange::vending_api::Vended;
use environment::{ConfigError, Partition, Variables};

/// As far as they are known.
#[derive(Clone)]
pub(super) struct Places {
    pub(super) region: Option<String>,
    pub(super) bucket: Option<String>,
    /// Without slashes around it; empty for the whole bucket.
    pub(super) prefix: String,
    /// What the vending API says instead, where the prefix does not lie under it.
    pub(super) granted: Option<String>,
    sts: Option<Endpoint>,
    s3: Option<Endpoint>,
}

impl Places {
    /// Reads the variables that the AWS SDKs and `credvend s3` read.
    pub(super) fn from_env(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let variables = Variables::new(lookup);
        let endpoint = |own: &str, example| {
            let name = [own, "AWS_ENDPOINT_URL"].into_iter().find(|name| variables.optional(name).is_some())?;
            let url = variables.optional(name)?;
            variables.endpoint(name, &url, example)
        };
        let sts = endpoint("AWS_ENDPOINT_URL_STS", "https://sts.eu-west-1.amazonaws.com");
        let s3 = endpoint("AWS_ENDPOINT_URL_S3", "https://s3.eu-west-1.amazonaws.com");
        let [region, bucket, prefix] =
            ["AWS_REGION", "S3_BUCKET", "S3_PATH_PREFIX"].map(|name| variables.optional(name));
        let prefix = prefix.unwrap_or_default().trim_matches('/').to_owned();
        variables.finish(Some(Self { region, bucket, prefix, granted: None, sts, s3 }))
    }

    /// What the environment leaves open, the vending API says.
    pub(super) fn with(&self, vended: &Vended) -> Self {
        let session = vended.credentials.session_token.expose();
        // It is shown. One of them alone is of no use: a bucket without its prefix is another place.
        let is_fine = |text: &String| !text.contains(session) && !text.chars().any(char::is_control);
        let are_fine = [&vended.s3_bucket, &vended.s3_path_prefix, &vended.aws_region].into_iter().all(is_fine);
        let said = |text: &str| (are_fine && !text.is_empty()).then(|| text.to_owned());
        let bucket = self.bucket.clone().or_else(|| said(&vended.s3_bucket));
        let granted = vended.s3_path_prefix.trim_matches('/');
        // A prefix belongs to its bucket: that of another one would name a place that nobody meant.
        let is_their_bucket = are_fine && bucket.as_deref() == Some(vended.s3_bucket.as_str());
        let prefix = if self.prefix.is_empty() && is_their_bucket { granted } else { &self.prefix };
        let is_granted = Path::new(prefix).starts_with(granted);
        Self {
            region: self.region.clone().or_else(|| said(&vended.aws_region)),
            prefix: prefix.to_owned(),
            granted: said(granted).filter(|_| is_their_bucket && !is_granted),
            bucket,
            sts: self.sts.clone(),
            s3: self.s3.clone(),
        }
    }

    /// Where STS is in this region.
    pub(super) fn sts(&self, region: &str) -> Option<Endpoint> {
        self.sts
            .clone()
            .or_else(|| Endpoint::parse(&format!("https://{}/", Partition::service_host("sts", region))).ok())
    }

    /// The URL of a key, or of the bucket itself, where the programs of the field look for it.
    pub(super) fn object(&self, region: &str, bucket: &str, key: &str) -> Option<Endpoint> {
        let key = percent_encoded(key);
        if let Some(s3) = &self.s3 {
            let base = s3.path().trim_end_matches('/');
            return Some(s3.with_path(&format!("{base}/{bucket}/{key}")));
        }
        let suffix = Partition::of_region(region).dns_suffix;
        // S3's certificate covers one label before its name.
        if bucket.contains('.') {
            return Endpoint::parse(&format!("https://s3.{region}.{suffix}/{bucket}/{key}")).ok();
        }
        Endpoint::parse(&format!("https://{bucket}.s3.{region}.{suffix}/{key}")).ok()
    }
}

/// AWS Signature Version 4, canonical URI: all but the unreserved characters, and not the slash of a key.
fn percent_encoded(key: &str) -> String {
    key.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::credentials::Credentials;
    use crate::secret::Secret;

    fn places(pairs: &[(&str, &str)]) -> Places {
        let lookup = |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Places::from_env(&lookup).unwrap()
    }

    #[test]
    fn where_a_key_is() {
        let url = |pairs: &[(&str, &str)], region, bucket| {
            places(pairs).object(region, bucket, "a b/+ä").unwrap().as_str().to_owned()
        };
        assert_eq!(url(&[], "eu-west-1", "logs"), "https://logs.s3.eu-west-1.amazonaws.com/a%20b/%2B%C3%A4");
        assert_eq!(url(&[], "cn-north-1", "a.b"), "https://s3.cn-north-1.amazonaws.com.cn/a.b/a%20b/%2B%C3%A4");
        let own = [("AWS_ENDPOINT_URL", "http://127.0.0.1:1"), ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:2/s3/")];
        assert_eq!(url(&own, "eu-west-1", "logs"), "http://127.0.0.1:2/s3/logs/a%20b/%2B%C3%A4");
        assert_eq!(url(&own[..1], "eu-west-1", "logs"), "http://127.0.0.1:1/logs/a%20b/%2B%C3%A4");
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
            },
            role_arn: String::new(),
            session_name: String::new(),
            s3_bucket: bucket.to_owned(),
            s3_path_prefix: prefix.to_owned(),
            aws_region: String::new(),
        };
        let with = |bucket, prefix| {
            let places = places(&[]).with(&vended(bucket, prefix));
            (places.bucket, places.prefix)
        };
        assert_eq!(with("logs", "a/b/"), (Some("logs".to_owned()), "a/b".to_owned()));
        assert_eq!(with("logs", "a\u{1b}[2J/"), (None, String::new()));
        for bucket in ["b\nok    everything", "CANARY-1", "\u{1b}[2J"] {
            assert_eq!(with(bucket, "a/").0, None, "{bucket}");
        }
    }

    #[test]
    fn where_sts_is() {
        assert_eq!(places(&[]).sts("cn-north-1").unwrap().as_str(), "https://sts.cn-north-1.amazonaws.com.cn/");
        let own = [("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1")];
        assert_eq!(places(&own).sts("eu-west-1").unwrap().as_str(), "http://127.0.0.1:1/");
    }
}
