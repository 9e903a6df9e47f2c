//! From a grant to the parameters of `AssumeRole`: names, tags and the session policy.
//!
//! Everything a session is called comes from verified claims and the mapping, never from the request.

use std::fmt::Write as _;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use environment::RoleArn;
use jwt::Claims;
use thiserror::Error;

use crate::authorize::{Grant, Restriction};
use crate::s3_prefix;

/// Longest `RoleSessionName` and `SourceIdentity` (STS API reference).
const MAX_NAME_LENGTH: usize = 64;
/// Longest value of a session tag (STS API reference).
const MAX_TAG_LENGTH: usize = 256;
/// Longest session policy in characters (STS API reference).
const MAX_POLICY_LENGTH: usize = 2048;

/// `SESSION_IDENTITY`: what a session carries besides its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionIdentity {
    /// `SourceIdentity` and session tags.
    Tags,
    /// `RoleSessionName` only, for roles whose trust policy allows `sts:AssumeRole` alone.
    Name,
}

/// The parameters of `sts:AssumeRole`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssumeRole {
    /// `RoleArn`.
    pub role_arn: RoleArn,
    /// `RoleSessionName`: on every S3 data event.
    pub session_name: String,
    /// `SourceIdentity`: on every event of the session, and it survives further role changes.
    pub source_identity: Option<String>,
    /// `Tags`: an IAM policy can deny by them, which is how sessions are revoked.
    pub tags: Vec<(&'static str, String)>,
    /// `Policy`.
    pub policy: Option<String>,
    /// `DurationSeconds`.
    pub duration: Duration,
    /// `ExternalId`.
    pub external_id: Option<String>,
}

/// Why a grant cannot be made into a session.
#[derive(Debug, Error)]
pub enum SessionError {
    /// STS would refuse it.
    #[error(
        "the session policy is {length} characters long; STS takes {MAX_POLICY_LENGTH}: shorten `session_policy` or `s3_path_prefix` of the mapping item"
    )]
    PolicyTooLong {
        /// How long it is.
        length: usize,
    },
    /// A generated policy has to name a bucket.
    #[error("the mapping item asks for `session_policy` s3-prefix, but the service has no S3_BUCKET")]
    NoBucket,
}

impl AssumeRole {
    /// The session for `grant`.
    ///
    /// # Errors
    /// When the session policy cannot be made or is longer than STS takes.
    pub fn new(claims: &Claims, grant: &Grant, bucket: &str) -> Result<Self, SessionError> {
        let client_id = claims.client_id();
        let policy = match &grant.restriction {
            Restriction::RoleOnly => None,
            Restriction::Inline(policy) => Some(policy.clone()),
            Restriction::S3Prefix if bucket.is_empty() => return Err(SessionError::NoBucket),
            Restriction::S3Prefix => Some(s3_prefix::policy(grant, bucket)),
        };
        if let Some(length) = policy.as_ref().map(|policy| policy.chars().count())
            && length > MAX_POLICY_LENGTH
        {
            return Err(SessionError::PolicyTooLong { length });
        }
        let (source_identity, tags) = match grant.identity {
            SessionIdentity::Name => (None, Vec::new()),
            SessionIdentity::Tags => {
                let mut tags = vec![("client_id", tag_value(client_id))];
                tags.extend(grant.server_name.as_deref().map(|name| ("server_name", tag_value(name))));
                (Some(source_identity(client_id)), tags)
            }
        };
        Ok(Self {
            role_arn: grant.role_arn.clone(),
            session_name: session_name(grant.server_name.as_deref(), client_id),
            source_identity,
            tags,
            policy,
            duration: grant.duration,
            external_id: grant.external_id.clone(),
        })
    }
}

/// `{server_name}-{client_id}`, different for different clients. A `-` in the client id could as well be the end of the
/// server's name, so such a name is not kept plain.
fn session_name(server_name: Option<&str>, client_id: &str) -> String {
    let plain = match server_name {
        Some(server_name) => format!("{server_name}-{client_id}"),
        None => client_id.to_owned(),
    };
    if client_id.contains('-') {
        hashed_name(&plain, server_name, client_id)
    } else {
        name(&plain, server_name, client_id)
    }
}

/// The client id alone.
fn source_identity(client_id: &str) -> String {
    name(client_id, None, client_id)
}

/// `plain` where it lies in the alphabet of STS, `[\w+=,.@-]{2,64}`; hashed where a character would have to be replaced
/// or the end cut.
fn name(plain: &str, server_name: Option<&str>, client_id: &str) -> String {
    let fits = (2..=MAX_NAME_LENGTH).contains(&plain.len()) && plain.chars().all(is_plain_name_character);
    if fits { plain.to_owned() } else { hashed_name(plain, server_name, client_id) }
}

/// As much of `plain` as fits, then `=` and 16 hexadecimal digits of a SHA-256 over both parts. A plain name never
/// holds `=`, so the two forms do not meet.
fn hashed_name(plain: &str, server_name: Option<&str>, client_id: &str) -> String {
    let suffix = hex_prefix(format!("{}\0{client_id}", server_name.unwrap_or_default()).as_bytes());
    let legal = plain.chars().map(|c| if is_plain_name_character(c) { c } else { '_' });
    let kept: String = legal.take(MAX_NAME_LENGTH - 1 - suffix.len()).collect();
    format!("{kept}={suffix}")
}

fn is_plain_name_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || "_+,.@-".contains(character)
}

/// A tag value in STS's alphabet (letters, digits, spaces and `_.:/=+-@`), hashed where it would not be the original.
fn tag_value(text: &str) -> String {
    // `=` is legal as well, but marks a hashed value.
    let fits = |character: char| character.is_ascii_alphanumeric() || " _.:/+-@".contains(character);
    if text.len() <= MAX_TAG_LENGTH && text.chars().all(fits) {
        return text.to_owned();
    }
    let suffix = hex_prefix(text.as_bytes());
    let kept: String =
        text.chars().map(|c| if fits(c) { c } else { '_' }).take(MAX_TAG_LENGTH - 1 - suffix.len()).collect();
    format!("{kept}={suffix}")
}

fn hex_prefix(bytes: &[u8]) -> String {
    digest(&SHA256, bytes).as_ref()[..8].iter().fold(String::with_capacity(16), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_stay_plain_where_they_are_unambiguous() {
        assert_eq!(
            session_name(Some("server-01"), "1h57kf5cpq17m0eml12EXAMPLE"),
            "server-01-1h57kf5cpq17m0eml12EXAMPLE"
        );
        assert_eq!(session_name(None, "1h57kf5cpq17m0eml12EXAMPLE"), "1h57kf5cpq17m0eml12EXAMPLE");
    }

    #[test]
    fn distinct_clients_have_distinct_legal_names() {
        let long = "x".repeat(300);
        let servers = [None, Some("a"), Some("a-b"), Some("a b"), Some("a_b"), Some("ä"), Some(long.as_str())];
        let clients =
            ["c", "b-c", "a-c", "b_c", "b c", "-", "=", "a=b", "repo:o/r:ref:refs/heads/main", "ä", long.as_str()];
        let legal =
            |name: &str| (2..=64).contains(&name.len()) && name.chars().all(|c| is_plain_name_character(c) || c == '=');
        let mut names = HashSet::new();
        let mut identities = HashSet::new();
        let mut tags = HashSet::new();
        for client in clients.iter().copied().chain(["a!b", &tag_value("a!b")]) {
            assert!(tags.insert(tag_value(client)), "the tag of {client} stands for two clients");
            let identity = source_identity(client);
            assert!(legal(&identity), "{identity}");
            assert!(identities.insert(identity.clone()), "{identity} stands for two clients");
            for server in servers {
                let name = session_name(server, client);
                assert!(legal(&name), "{name}");
                assert!(names.insert(name.clone()), "{name} stands for two clients");
            }
        }
    }
}
