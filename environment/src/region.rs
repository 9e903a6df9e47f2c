//! Regions and the partitions that they belong to.

/// A partition of AWS: regions with one set of accounts and one DNS suffix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition {
    /// `aws`, `aws-cn`, …: the second field of its ARNs.
    pub name: &'static str,
    /// What the host names of its services end with.
    pub dns_suffix: &'static str,
    region_prefix: &'static str,
}

/// botocore's partitions.json. The last one begins every region.
const PARTITIONS: [Partition; 8] = [
    partition("aws-cn", "cn-", "amazonaws.com.cn"),
    partition("aws-us-gov", "us-gov-", "amazonaws.com"),
    partition("aws-iso", "us-iso-", "c2s.ic.gov"),
    partition("aws-iso-b", "us-isob-", "sc2s.sgov.gov"),
    partition("aws-iso-e", "eu-isoe-", "cloud.adc-e.uk"),
    partition("aws-iso-f", "us-isof-", "csp.hci.ic.gov"),
    partition("aws-eusc", "eusc-", "amazonaws.eu"),
    partition("aws", "", "amazonaws.com"),
];

const fn partition(name: &'static str, region_prefix: &'static str, dns_suffix: &'static str) -> Partition {
    Partition { name, dns_suffix, region_prefix }
}

impl Partition {
    /// The partition that `region` belongs to.
    #[must_use]
    pub fn of_region(region: &str) -> Self {
        let found = PARTITIONS.into_iter().find(|partition| region.starts_with(partition.region_prefix));
        found.unwrap_or(PARTITIONS[PARTITIONS.len() - 1])
    }

    /// The host of a service in `region`, such as `sts.eu-west-1.amazonaws.com`.
    #[must_use]
    pub fn service_host(service: &str, region: &str) -> String {
        format!("{service}.{region}.{}", Self::of_region(region).dns_suffix)
    }

    /// The host of a Cognito user pool's domain prefix (Amazon Cognito Developer Guide, "Using your own domain" and
    /// "Amazon Cognito in AWS `GovCloud`").
    #[must_use]
    pub fn cognito_domain_host(prefix: &str, region: &str) -> String {
        let service = if Self::of_region(region).name == "aws-us-gov" { "auth-fips" } else { "auth" };
        format!("{prefix}.{service}.{region}.amazoncognito.com")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_services() {
        for (region, name, host) in [
            ("eu-west-1", "aws", "sts.eu-west-1.amazonaws.com"),
            ("cn-north-1", "aws-cn", "sts.cn-north-1.amazonaws.com.cn"),
            ("us-gov-west-1", "aws-us-gov", "sts.us-gov-west-1.amazonaws.com"),
            ("eusc-de-east-1", "aws-eusc", "sts.eusc-de-east-1.amazonaws.eu"),
            ("us-isob-east-1", "aws-iso-b", "sts.us-isob-east-1.sc2s.sgov.gov"),
        ] {
            assert_eq!(Partition::of_region(region).name, name);
            assert_eq!(Partition::service_host("sts", region), host);
        }
    }

    #[test]
    fn hosts_of_cognito() {
        let host = Partition::cognito_domain_host;
        assert_eq!(host("pool", "eu-west-1"), "pool.auth.eu-west-1.amazoncognito.com");
        assert_eq!(host("pool", "us-gov-west-1"), "pool.auth-fips.us-gov-west-1.amazoncognito.com");
    }
}
