//! Where an identity's objects are.

use crate::endpoint::Endpoint;
use crate::region::Partition;
use crate::variables::Variables;

/// Bucket, prefix and S3 itself, as far as the environment names them.
#[derive(Clone)]
pub struct Target {
    /// `AWS_REGION`
    pub region: Option<String>,
    /// `S3_BUCKET`
    pub bucket: Option<String>,
    /// `S3_PATH_PREFIX`: empty, or ending in a slash.
    pub prefix: String,
    /// `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL`: S3, where it is not the region's own.
    pub endpoint: Option<Endpoint>,
    /// `AWS_USE_FIPS_ENDPOINT`
    pub use_fips: bool,
    /// `AWS_USE_DUALSTACK_ENDPOINT`
    pub use_dual_stack: bool,
}

impl Target {
    /// Reads the variables; what is wrong with them is noted there.
    #[must_use]
    pub fn from_env(variables: &Variables<'_>) -> Self {
        Self {
            region: variables.optional("AWS_REGION"),
            bucket: variables.optional("S3_BUCKET"),
            prefix: prefix(variables).unwrap_or_default(),
            endpoint: variables.aws_endpoint("S3"),
            use_fips: variables.flag("AWS_USE_FIPS_ENDPOINT").unwrap_or_default(),
            use_dual_stack: variables.flag("AWS_USE_DUALSTACK_ENDPOINT").unwrap_or_default(),
        }
    }

    /// The URL of a key, or of the bucket itself for an empty key. Path-style where S3 is not AWS's own, and where the
    /// bucket's name has dots: the certificate covers one label before S3's name.
    #[must_use]
    pub fn object(&self, region: &str, bucket: &str, key: &str) -> Option<Endpoint> {
        let key = percent_encoded(key);
        if let Some(endpoint) = &self.endpoint {
            let base = endpoint.path().trim_end_matches('/');
            return Some(endpoint.with_path(&format!("{base}/{bucket}/{key}")));
        }
        let host = self.service_host(region);
        let url = if bucket.contains('.') {
            format!("https://{host}/{bucket}/{key}")
        } else {
            format!("https://{bucket}.{host}/{key}")
        };
        Endpoint::parse(&url).ok()
    }

    /// AWS General Reference, "Amazon Simple Storage Service endpoints".
    fn service_host(&self, region: &str) -> String {
        let service = if self.use_fips { "s3-fips" } else { "s3" };
        let service = if self.use_dual_stack { format!("{service}.dualstack") } else { service.to_owned() };
        Partition::service_host(&service, region)
    }
}

/// A prefix that another reader could resolve to another one, or that no role has, is a fault.
fn prefix(variables: &Variables<'_>) -> Option<String> {
    const NAME: &str = "S3_PATH_PREFIX";
    let prefix = variables.optional(NAME)?;
    if prefix.split('/').any(|folder| matches!(folder, "." | "..")) {
        let problem = "holds `.` or `..` as a folder: S3 takes it literally, many tools resolve it";
        variables.fault(NAME, format_args!("`{prefix}` {problem}"));
        return None;
    }
    if prefix.starts_with('/') {
        variables.fault(NAME, format_args!("`{prefix}` begins with a slash, and no key of a role's prefix does"));
        return None;
    }
    Some(if prefix.ends_with('/') { prefix } else { format!("{prefix}/") })
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
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Target, String> {
        let lookup = |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let variables = Variables::new(&lookup);
        let target = Target::from_env(&variables);
        variables.finish(Some(target)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_prefix_ends_in_a_slash_and_has_one_meaning() {
        for (given, expected) in
            [("", ""), ("logs/web", "logs/web/"), (" logs/web/ ", "logs/web/"), ("a/..b", "a/..b/")]
        {
            assert_eq!(read(&[("S3_PATH_PREFIX", given)]).unwrap().prefix, expected);
        }
        for given in ["/logs/", "logs/../x/", "./logs", "logs/."] {
            let problem = read(&[("S3_PATH_PREFIX", given)]).err().unwrap();
            assert!(problem.starts_with("S3_PATH_PREFIX: "), "{problem}");
        }
        let problem = read(&[("AWS_USE_FIPS_ENDPOINT", "yes"), ("AWS_ENDPOINT_URL_S3", "http://s3.example")]);
        let problem = problem.err().unwrap();
        assert!(problem.contains("AWS_USE_FIPS_ENDPOINT: ") && problem.contains("AWS_ENDPOINT_URL_S3: "), "{problem}");
    }

    /// Terraform and the service are compared with the same table.
    #[test]
    fn the_client_takes_every_prefix_that_terraform_takes() {
        let table: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/cases/server-rules/table.json")).unwrap();
        for row in table["prefixes"].as_array().unwrap() {
            let target = read(&[("S3_PATH_PREFIX", row["value"].as_str().unwrap())]);
            assert_eq!(target.is_ok(), row["client"] == true, "{row}");
            if row["terraform"] == true {
                assert_eq!(target.unwrap().prefix, row["value"].as_str().unwrap());
            }
        }
    }

    #[test]
    fn where_a_key_is() {
        let url = |pairs: &[(&str, &str)], region, bucket| {
            read(pairs).unwrap().object(region, bucket, "a b/+ä").unwrap().as_str().to_owned()
        };
        assert_eq!(url(&[], "eu-west-1", "logs"), "https://logs.s3.eu-west-1.amazonaws.com/a%20b/%2B%C3%A4");
        assert_eq!(url(&[], "cn-north-1", "a.b"), "https://s3.cn-north-1.amazonaws.com.cn/a.b/a%20b/%2B%C3%A4");
        let fips = [("AWS_USE_FIPS_ENDPOINT", "true"), ("AWS_USE_DUALSTACK_ENDPOINT", "TRUE")];
        let host = "https://logs.s3-fips.dualstack.us-east-1.amazonaws.com";
        assert_eq!(url(&fips, "us-east-1", "logs"), format!("{host}/a%20b/%2B%C3%A4"));
        let own = [("AWS_ENDPOINT_URL", "http://127.0.0.1:1"), ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:2/s3/")];
        assert_eq!(url(&own, "eu-west-1", "logs"), "http://127.0.0.1:2/s3/logs/a%20b/%2B%C3%A4");
        assert_eq!(url(&own[..1], "eu-west-1", "logs"), "http://127.0.0.1:1/logs/a%20b/%2B%C3%A4");
    }
}
