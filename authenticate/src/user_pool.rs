//! The Cognito pool as deployments of old name it: by region and pool id, which make the issuer together.

use environment::{Lookup, Partition, Variables};

const POOL: &str = "COGNITO_USER_POOL_ID";

/// The issuer that `COGNITO_USER_POOL_ID` and the first of `regions` that is set name.
#[must_use]
pub fn pool_issuer(lookup: Lookup<'_>, regions: &[&str]) -> Option<String> {
    let value = |name: &str| lookup(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
    let (region, pool) = (regions.iter().find_map(|name| value(name))?, value(POOL)?);
    Some(format!("https://{}/{pool}", Partition::service_host("cognito-idp", &region)))
}

/// Notes what is wrong with the two. The first of `regions` makes no sense without a pool.
pub fn check_pool(variables: &Variables<'_>, regions: &[&'static str]) {
    let region = regions.iter().find_map(|name| variables.optional(name));
    let pool = variables.optional(POOL);
    let missing = match regions.first() {
        Some(own) if variables.is_set(own) && pool.is_none() => Some(POOL),
        Some(own) if pool.is_some() && region.is_none() => Some(*own),
        _ => None,
    };
    if let Some(missing) = missing {
        variables.missing(missing, "the region and the pool name the issuer together");
    }
    if let (Some(region), Some(pool)) = (region, pool) {
        let is_pool = pool.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        if !is_pool || !pool.starts_with(&format!("{region}_")) {
            let example = format!("{region}_AbCdEfGhI");
            variables.fault(POOL, format_args!("`{pool}` is not a pool of {region}, for example `{example}`"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_region_that_is_set_counts() {
        for (pairs, issuer) in [
            (
                &[("A", "eu-west-1"), ("B", "us-east-1"), (POOL, "p")][..],
                Some("https://cognito-idp.eu-west-1.amazonaws.com/p"),
            ),
            (
                &[("A", " "), ("B", "cn-north-1"), (POOL, "p")][..],
                Some("https://cognito-idp.cn-north-1.amazonaws.com.cn/p"),
            ),
            (&[("A", "eu-west-1")][..], None),
            (&[(POOL, "p")][..], None),
        ] {
            let lookup = |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
            assert_eq!(pool_issuer(&lookup, &["A", "B"]).as_deref(), issuer, "{pairs:?}");
        }
    }
}
