//! The role's ARN and the region, which together say where STS is.

use std::fmt;

/// `arn:PARTITION:iam::ACCOUNT:role/PATH/NAME`, checked.
pub(crate) struct RoleArn(String);

/// Partition, what its regions begin with, and where its names end (botocore's partitions.json).
const PARTITIONS: [(&str, &[&str], &str); 8] = [
    ("aws-cn", &["cn-"], "amazonaws.com.cn"),
    ("aws-us-gov", &["us-gov-"], "amazonaws.com"),
    ("aws-iso", &["us-iso-"], "c2s.ic.gov"),
    ("aws-iso-b", &["us-isob-"], "sc2s.sgov.gov"),
    ("aws-iso-e", &["eu-isoe-"], "cloud.adc-e.uk"),
    ("aws-iso-f", &["us-isof-"], "csp.hci.ic.gov"),
    ("aws-eusc", &["eusc-"], "amazonaws.eu"),
    // Last: every other region.
    ("aws", &[""], "amazonaws.com"),
];

impl RoleArn {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let &["arn", partition, "iam", "", account, resource] = parts.as_slice() else { return None };
        let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        let is_role = resource.strip_prefix("role/").is_some_and(|name| !name.is_empty() && !name.ends_with('/'));
        // IAM, CreateRole: what names and paths are made of, and a length that no ARN reaches.
        let is_plain = text.len() <= 2048 && text.bytes().all(|byte| byte.is_ascii_graphic());
        (partition.starts_with("aws") && is_account && is_role && is_plain).then(|| Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    fn partition(&self) -> &str {
        self.0.split(':').nth(1).unwrap_or_default()
    }

    /// STS of this region, or the partition that the region belongs to where the role belongs to another one.
    pub(crate) fn sts(&self, region: &str) -> Result<String, &'static str> {
        let (partition, suffix) = partition(region);
        if partition != self.partition() {
            return Err(partition);
        }
        Ok(format!("https://sts.{region}.{suffix}"))
    }
}

/// Partition of a region, and where the names of its services end.
pub(crate) fn partition(region: &str) -> (&'static str, &'static str) {
    let found =
        PARTITIONS.into_iter().find(|(_, prefixes, _)| prefixes.iter().any(|prefix| region.starts_with(prefix)));
    // The last one begins every region.
    let (partition, _, suffix) = found.unwrap_or(PARTITIONS[PARTITIONS.len() - 1]);
    (partition, suffix)
}

impl fmt::Display for RoleArn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_and_nothing_else() {
        for good in ["arn:aws:iam::123456789012:role/a", "arn:aws-cn:iam::123456789012:role/path/to/a+=,.@-_"] {
            assert_eq!(RoleArn::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "web-01",
            "arn:aws:iam::123456789012:user/a",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:iam::12345:role/a",
            "arn:aws:sts::123456789012:assumed-role/a/b",
            "arn:aws:iam:eu-west-1:123456789012:role/a",
            "arn:aws:iam::123456789012:role/a b",
        ] {
            assert!(RoleArn::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn where_sts_is() {
        let sts = |partition: &str, region: &str| {
            let arn = RoleArn::parse(&format!("arn:{partition}:iam::123456789012:role/a")).unwrap();
            arn.sts(region).map_err(str::to_owned)
        };
        assert_eq!(sts("aws", "eu-west-1").unwrap(), "https://sts.eu-west-1.amazonaws.com");
        assert_eq!(sts("aws-cn", "cn-north-1").unwrap(), "https://sts.cn-north-1.amazonaws.com.cn");
        assert_eq!(sts("aws-us-gov", "us-gov-west-1").unwrap(), "https://sts.us-gov-west-1.amazonaws.com");
        assert_eq!(sts("aws-eusc", "eusc-de-east-1").unwrap(), "https://sts.eusc-de-east-1.amazonaws.eu");
        assert_eq!(sts("aws-cn", "eu-west-1").unwrap_err(), "aws");
    }
}
