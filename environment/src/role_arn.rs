//! The ARN of an IAM role.

use std::fmt;

use crate::region::Partition;

/// `arn:PARTITION:iam::ACCOUNT:role/PATH/NAME`, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleArn(String);

impl RoleArn {
    /// `None` for anything that is not the ARN of a role.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let &["arn", partition, "iam", "", account, resource] = parts.as_slice() else { return None };
        let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        let is_role = resource.strip_prefix("role/").is_some_and(|name| !name.is_empty() && !name.ends_with('/'));
        // IAM, CreateRole: what names and paths are made of, and a length that no ARN reaches.
        let is_plain = text.len() <= 2048 && text.bytes().all(|byte| byte.is_ascii_graphic());
        let is_partition = partition == "aws" || partition.starts_with("aws-");
        (is_partition && is_account && is_role && is_plain).then(|| Self(text.to_owned()))
    }

    /// The whole ARN.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `aws`, `aws-cn`, `aws-us-gov`, …
    #[must_use]
    pub fn partition(&self) -> &str {
        self.0.split(':').nth(1).unwrap_or_default()
    }

    /// Twelve digits.
    #[must_use]
    pub fn account_id(&self) -> &str {
        self.0.split(':').nth(4).unwrap_or_default()
    }

    /// The role's name, without its path.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// The URL of STS in this region.
    ///
    /// # Errors
    /// The name of the partition that the region belongs to, where the role belongs to another one.
    pub fn sts(&self, region: &str) -> Result<String, &'static str> {
        let partition = Partition::of_region(region);
        if partition.name != self.partition() {
            return Err(partition.name);
        }
        Ok(format!("https://{}", Partition::service_host("sts", region)))
    }
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
            "arn:awsx:iam::123456789012:role/a",
            "arn:aws:sts::123456789012:assumed-role/a/b",
            "arn:aws:iam:eu-west-1:123456789012:role/a",
            "arn:aws:iam::123456789012:role/a b",
            "arn:aws:iam::123456789012:role/a\n",
        ] {
            assert!(RoleArn::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn its_parts() {
        let arn = RoleArn::parse("arn:aws-us-gov:iam::123456789012:role/path/web-01").unwrap();
        assert_eq!((arn.partition(), arn.account_id(), arn.name()), ("aws-us-gov", "123456789012", "web-01"));
    }

    #[test]
    fn where_sts_is() {
        let sts = |partition: &str, region: &str| {
            let arn = RoleArn::parse(&format!("arn:{partition}:iam::123456789012:role/a")).unwrap();
            arn.sts(region).map_err(str::to_owned)
        };
        assert_eq!(sts("aws", "eu-west-1").unwrap(), "https://sts.eu-west-1.amazonaws.com");
        assert_eq!(sts("aws-eusc", "eusc-de-east-1").unwrap(), "https://sts.eusc-de-east-1.amazonaws.eu");
        assert_eq!(sts("aws-cn", "eu-west-1").unwrap_err(), "aws");
    }
}
