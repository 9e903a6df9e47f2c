//! Where results go: each client has a folder of its own, and a query belongs to whoever's folder its result lies in.

use environment::Variables;

const NAME: &str = "ATHENA_OUTPUT_BUCKET";
const EXAMPLE: &str = "s3://example-results/athena/";
/// **kept**: below it, one folder a client.
const FOLDER: &str = "client-creds-queries/";
/// Where Athena puts the data of CREATE TABLE AS that names no place of its own, below the place that it was given.
const TABLES: &str = "tables/";

/// `ATHENA_OUTPUT_BUCKET`.
#[derive(Debug, Clone)]
pub struct Output(String);

/// A client's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnerFolder(String);

impl Output {
    /// Faults are noted in `variables`.
    pub fn from_env(variables: &Variables<'_>) -> Option<Self> {
        let text = variables.required(NAME, EXAMPLE)?;
        let output = Self::parse(&text);
        if output.is_none() {
            variables.fault(NAME, format_args!("`{text}` is not a place in S3, for example `{EXAMPLE}`"));
        }
        output
    }

    fn parse(text: &str) -> Option<Self> {
        let place = text.strip_prefix("s3://")?.trim_end_matches('/');
        let bucket = place.split('/').next().unwrap_or_default();
        let is_bucket = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
        let is_odd = |segment: &str| segment.is_empty() || segment == "." || segment == "..";
        if !(3..=63).contains(&bucket.len()) || !bucket.bytes().all(is_bucket) || place.split('/').any(is_odd) {
            return None;
        }
        Some(Self(format!("s3://{place}/{FOLDER}")))
    }

    /// The folder of a client, by the name that stands for it everywhere: no name holds a slash.
    #[must_use]
    pub fn folder(&self, owner: &str) -> OwnerFolder {
        OwnerFolder(format!("{}{owner}/", self.0))
    }
}

impl OwnerFolder {
    /// What Athena is given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a result lies in it: the folder is its exact parent.
    #[must_use]
    pub fn holds(&self, location: &str) -> bool {
        let Some(rest) = location.strip_prefix(&self.0) else { return false };
        let file = rest.strip_prefix(TABLES).unwrap_or(rest);
        !file.is_empty() && !file.contains('/')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        for (text, folder) in [
            ("s3://bucket", Some("s3://bucket/client-creds-queries/a/")),
            ("s3://bucket/", Some("s3://bucket/client-creds-queries/a/")),
            ("s3://bucket/x/y", Some("s3://bucket/x/y/client-creds-queries/a/")),
            ("s3://bucket/x/y/", Some("s3://bucket/x/y/client-creds-queries/a/")),
            ("bucket", None),
            ("s3://", None),
            ("s3:///x", None),
            ("s3://Bucket/", None),
            ("s3://bucket/x//y", None),
            ("s3://bucket/../y", None),
            ("https://bucket/", None),
        ] {
            let parsed = Output::parse(text).map(|output| output.folder("a"));
            assert_eq!(parsed.as_ref().map(OwnerFolder::as_str), folder, "{text}");
        }
    }

    #[test]
    fn only_the_exact_parent_owns() {
        let folder = Output::parse("s3://bucket/x").unwrap().folder("a");
        for mine in ["id.csv", "id.txt", "id", "tables/id"] {
            assert!(folder.holds(&format!("s3://bucket/x/client-creds-queries/a/{mine}")), "{mine}");
        }
        for other in [
            "s3://bucket/x/client-creds-queries/a/",
            "s3://bucket/x/client-creds-queries/a/b/id.csv",
            "s3://bucket/x/client-creds-queries/a/tables/",
            "s3://bucket/x/client-creds-queries/a/tables/b/id",
            "s3://bucket/x/client-creds-queries/ab/id.csv",
            "s3://bucket/x/client-creds-queries/id.csv",
            "s3://bucket/client-creds-queries/a/id.csv",
            "s3://other/x/client-creds-queries/a/id.csv",
            "",
        ] {
            assert!(!folder.holds(other), "{other}");
        }
    }
}
