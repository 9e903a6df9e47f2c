//! From a grant to the parameters of `AssumeRole`: names, tags and the session policy.
//!
//! Everything a session is called comes from verified claims and the mapping, never from the request.

use std::fmt::Write as _;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use environment::RoleArn;
use thiserror::Error;

use crate::authorize::{Grant, Narrowing, Restriction};
use crate::caller::Caller;
use crate::role_mapping::{RoleMapping, SessionPolicy};
use crate::s3_prefix;
use crate::table::SCOPE_PREFIX;

/// The session tag that names the client.
pub const CLIENT_TAG: &str = "client_id";
/// Longest `RoleSessionName` and `SourceIdentity` (STS API reference).
const MAX_NAME_LENGTH: usize = 64;
/// Longest value of a session tag (STS API reference).
const MAX_TAG_LENGTH: usize = 256;
/// Longest session policy in characters (STS API reference).
pub const MAX_POLICY_LENGTH: usize = 2048;

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
    /// The member of the request body that has narrowed `policy`, if one has.
    pub narrowed_member: Option<&'static str>,
}

/// Why a grant cannot be made into a session.
#[derive(Debug, Error)]
pub enum SessionError {
    /// STS would refuse it.
    #[error(
        "the session policy is {length} characters long, and STS takes {MAX_POLICY_LENGTH}: shorten `s3_path_prefix` of the mapping item"
    )]
    PolicyTooLong {
        /// How long it is.
        length: usize,
    },
    /// The policy fits the item, but not what the caller has narrowed it to.
    #[error("`{member}` cannot be narrowed: {problem}")]
    NotNarrowable {
        /// Member of the request body.
        member: &'static str,
        /// Why.
        problem: &'static str,
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
    pub fn new<'a>(caller: impl Into<Caller<'a>>, grant: &Grant, bucket: &str) -> Result<Self, SessionError> {
        let (client_id, issuer) = (caller.into().client_id(), grant.naming_issuer.as_deref());
        let (source_identity, tags) = match grant.identity {
            SessionIdentity::Name => (None, Vec::new()),
            SessionIdentity::Tags => {
                let mut tags = vec![(CLIENT_TAG, client_tag(client_id, issuer))];
                tags.extend(item_tags(grant.server_name.as_deref(), &grant.s3_path_prefix));
                (Some(source_identity(client_id, issuer)), tags)
            }
        };
        Ok(Self {
            role_arn: grant.role_arn.clone(),
            session_name: session_name(grant.server_name.as_deref(), client_id, issuer),
            source_identity,
            tags,
            policy: policy(grant, bucket)?,
            duration: grant.duration,
            external_id: grant.external_id.clone(),
            narrowed_member: match &grant.restriction {
                Restriction::S3Prefix(Some(narrowing)) => Some(narrowing.member),
                _ => None,
            },
        })
    }
}

/// The tags that an item gives to a session, whoever the client is.
fn item_tags(server_name: Option<&str>, s3_path_prefix: &str) -> Vec<(&'static str, String)> {
    let server_name = server_name.map(|name| ("server_name", tag_value(name)));
    // A session that is not for S3 has none.
    let prefix = (!s3_path_prefix.is_empty()).then(|| ("s3_prefix", prefix_tag(s3_path_prefix)));
    server_name.into_iter().chain(prefix).collect()
}

/// The tags of an item's sessions where nothing was narrowed, for programs that judge items. Those of a scope's item have each
/// client's own id beside.
#[must_use]
pub fn tags_of_item(mapping: &RoleMapping, plainly_named_issuer: Option<&str>) -> Vec<(&'static str, String)> {
    let issuer = mapping.issuer.as_deref().filter(|issuer| plainly_named_issuer != Some(issuer));
    let client = (!mapping.key.starts_with(SCOPE_PREFIX)).then(|| ("client_id", client_tag(&mapping.key, issuer)));
    client.into_iter().chain(item_tags(mapping.server_name.as_deref(), &mapping.s3_path_prefix)).collect()
}

/// The session policy of an item where nothing was narrowed, for programs that judge items; `None` where it has none.
#[must_use]
pub fn item_policy(mapping: &RoleMapping, bucket: &str) -> Option<String> {
    match mapping.session_policy.as_ref()? {
        SessionPolicy::S3Prefix => {
            Some(s3_prefix::policy(&mapping.role_arn, &mapping.s3_path_prefix, mapping.s3_permissions, bucket))
        }
        SessionPolicy::Inline(policy) => Some(policy.clone()),
    }
}

fn policy(grant: &Grant, bucket: &str) -> Result<Option<String>, SessionError> {
    let narrowing = match &grant.restriction {
        Restriction::RoleOnly => return Ok(None),
        Restriction::Inline(policy) => return Ok(Some(policy.clone())),
        Restriction::S3Prefix(narrowing) => narrowing.as_ref(),
    };
    // A policy that only the caller asks for is the caller's fault where it cannot be made.
    let asked_for_by_caller = narrowing.filter(|narrowing| !narrowing.item_restricts);
    if bucket.is_empty() {
        return Err(match asked_for_by_caller {
            Some(Narrowing { member, .. }) => {
                SessionError::NotNarrowable { member, problem: "the service has no S3_BUCKET to name in a policy" }
            }
            None => SessionError::NoBucket,
        });
    }
    let of = |prefix: &str, level| s3_prefix::policy(&grant.role_arn, prefix, level, bucket);
    let policy = of(&grant.s3_path_prefix, grant.s3_permissions);
    let length = policy.chars().count();
    if length <= MAX_POLICY_LENGTH {
        return Ok(Some(policy));
    }
    let fits = |item: &&Narrowing| of(&item.item_prefix, item.item_permissions).chars().count() <= MAX_POLICY_LENGTH;
    Err(match asked_for_by_caller.or(narrowing.filter(fits)) {
        Some(Narrowing { member, .. }) => {
            SessionError::NotNarrowable { member, problem: "the session policy would be longer than STS takes" }
        }
        None => SessionError::PolicyTooLong { length },
    })
}

/// `{server_name}-{client_id}`, different for different clients. A `-` in the client id could as well be the end of the
/// server's name, so such a name is not kept plain.
fn session_name(server_name: Option<&str>, client_id: &str, issuer: Option<&str>) -> String {
    let plain = match server_name {
        Some(server_name) => format!("{server_name}-{client_id}"),
        None => client_id.to_owned(),
    };
    match issuer {
        Some(issuer) => marked(&plain, &client_hash(issuer, client_id), MAX_NAME_LENGTH, is_plain_name_character),
        None if client_id.contains('-') => hashed_name(&plain, server_name, client_id),
        None => name(&plain, server_name, client_id),
    }
}

/// The name that stands for a client wherever one of ours does, in `SourceIdentity` or not: its id, or a hash where that
/// would not fit or belongs to another issuer. Never a server's name.
#[must_use]
pub fn client_name<'a>(caller: impl Into<Caller<'a>>, grant: &Grant) -> String {
    source_identity(caller.into().client_id(), grant.naming_issuer.as_deref())
}

/// The client id alone, and what tells its issuer from others.
fn source_identity(client_id: &str, issuer: Option<&str>) -> String {
    match issuer {
        Some(issuer) => marked(client_id, &client_hash(issuer, client_id), MAX_NAME_LENGTH, is_plain_name_character),
        None => name(client_id, None, client_id),
    }
}

/// `plain` where it lies in the alphabet of STS, `[\w+=,.@-]{2,64}`; hashed where a character would have to be replaced
/// or the end cut.
fn name(plain: &str, server_name: Option<&str>, client_id: &str) -> String {
    let fits = (2..=MAX_NAME_LENGTH).contains(&plain.len()) && plain.chars().all(is_plain_name_character);
    if fits { plain.to_owned() } else { hashed_name(plain, server_name, client_id) }
}

fn hashed_name(plain: &str, server_name: Option<&str>, client_id: &str) -> String {
    let hash = hex_prefix(format!("{}\0{client_id}", server_name.unwrap_or_default()).as_bytes());
    marked(plain, &hash, MAX_NAME_LENGTH, is_plain_name_character)
}

/// The same 16 digits in name, `SourceIdentity` and tag. No issuer's URL holds a NUL, so the two parts cannot be split
/// in another way.
fn client_hash(issuer: &str, client_id: &str) -> String {
    hex_prefix(format!("{issuer}\0{client_id}").as_bytes())
}

/// As much of `plain` as fits, then `=` and 16 hexadecimal digits of a SHA-256. A plain name or tag never holds `=`, so
/// the two forms do not meet.
fn marked(plain: &str, hash: &str, max_length: usize, is_legal: fn(char) -> bool) -> String {
    let legal = plain.chars().map(|c| if is_legal(c) { c } else { '_' });
    let kept: String = legal.take(max_length - 1 - hash.len()).collect();
    format!("{kept}={hash}")
}

fn is_plain_name_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || "_+,.@-".contains(character)
}

fn client_tag(client_id: &str, issuer: Option<&str>) -> String {
    match issuer {
        Some(issuer) => marked(client_id, &client_hash(issuer, client_id), MAX_TAG_LENGTH, is_plain_tag_character),
        None => tag_value(client_id),
    }
}

/// A tag value in STS's alphabet (letters, digits, spaces and `_.:/=+-@`), hashed where it would not be the original.
fn tag_value(text: &str) -> String {
    if text.len() <= MAX_TAG_LENGTH && text.chars().all(is_plain_tag_character) {
        return text.to_owned();
    }
    marked(text, &hex_prefix(text.as_bytes()), MAX_TAG_LENGTH, is_plain_tag_character)
}

/// `=` is legal as well, but marks a hashed value.
fn is_plain_tag_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || " _.:/+-@".contains(character)
}

/// The granted prefix without the slash at its end, for `${aws:PrincipalTag/s3_prefix}/*` in the policies of shared roles.
/// Distinct prefixes have distinct tags; one slash at the end makes no other prefix, a second one does.
///
/// A prefix that STS takes in no tag is hashed, so such a policy opens nothing; the roles that do not look at the tag
/// go on working, which a refusal would end. `=` stays as it is, since `host=web-01/` is a common form of prefixes, but a
/// prefix that looks like a hashed one is hashed as well. So is the empty one, which is not `/`.
fn prefix_tag(prefix: &str) -> String {
    let kept = prefix.strip_suffix('/').unwrap_or(prefix);
    let is_legal =
        |c: char| c.is_ascii_alphanumeric() || " _.:/=+-@".contains(c) || (c <= '\u{ff}' && c.is_alphanumeric());
    let is_plain = !prefix.is_empty() && kept.chars().all(is_legal) && !looks_marked(kept);
    if is_plain && kept.chars().count() <= MAX_TAG_LENGTH {
        return kept.to_owned();
    }
    marked(kept, &hex_prefix(kept.as_bytes()), MAX_TAG_LENGTH, is_plain_tag_character)
}

/// Whether it ends as what [`marked`] makes.
fn looks_marked(text: &str) -> bool {
    let end = text.rsplit_once('=').map(|(_, end)| end.as_bytes());
    end.is_some_and(|end| end.len() == 16 && end.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
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
            session_name(Some("server-01"), "1h57kf5cpq17m0eml12EXAMPLE", None),
            "server-01-1h57kf5cpq17m0eml12EXAMPLE"
        );
        assert_eq!(session_name(None, "1h57kf5cpq17m0eml12EXAMPLE", None), "1h57kf5cpq17m0eml12EXAMPLE");
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
        let issuers = [None, Some("https://idp.example.com"), Some("https://idp.example.com/"), Some("https://idp")];
        let clients = clients.into_iter().map(str::to_owned).chain(["a!b".to_owned(), tag_value("a!b")]);
        for (client, issuer) in clients.flat_map(|client| issuers.map(|issuer| (client.clone(), issuer))) {
            let tag = client_tag(&client, issuer);
            assert!(tag.len() <= MAX_TAG_LENGTH && tag.chars().all(|c| is_plain_tag_character(c) || c == '='), "{tag}");
            assert!(tags.insert(tag), "the tag of {client} at {issuer:?} stands for two clients");
            let identity = source_identity(&client, issuer);
            assert!(legal(&identity), "{identity}");
            assert!(identities.insert(identity.clone()), "{identity} stands for two clients");
            for server in servers {
                let name = session_name(server, &client, issuer);
                assert!(legal(&name), "{name}");
                assert!(names.insert(name.clone()) || issuer.is_some(), "{name} stands for two clients");
            }
        }
        for server in servers {
            let of = |issuer| session_name(server, "app1", issuer);
            assert!(issuers[1..].iter().all(|issuer| of(*issuer) != of(None)), "{server:?}");
            assert_ne!(of(issuers[1]), of(issuers[2]));
            assert_ne!(session_name(server, "app1", issuers[1]), session_name(server, "app2", issuers[1]));
        }
    }

    #[test]
    fn one_hash_leads_through_name_identity_and_tag() {
        let issuer = Some("https://idp.example.com");
        let hash = client_hash("https://idp.example.com", "app1");
        assert_eq!(session_name(Some("web-01"), "app1", issuer), format!("web-01-app1={hash}"));
        assert_eq!(source_identity("app1", issuer), format!("app1={hash}"));
        assert_eq!(client_tag("app1", issuer), format!("app1={hash}"));
    }

    /// A hash would keep a shared role from its own prefix, and hide a server's name in the trail.
    #[test]
    fn what_terraform_takes_is_kept_as_it_is() {
        let table: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/cases/server-rules/table.json")).unwrap();
        let values = |of: &str, taken: &str| -> Vec<String> {
            let rows = table[of].as_array().unwrap().iter().filter(|row| row[taken] == true);
            rows.map(|row| row["value"].as_str().unwrap().to_owned()).collect()
        };
        for prefix in values("prefixes", "shared_role") {
            assert_eq!(format!("{}/", prefix_tag(&prefix)), prefix);
        }
        for name in values("names", "terraform") {
            assert_eq!(tag_value(&name), name);
            assert_eq!(session_name(Some(&name), "6h0example1", None), format!("{name}-6h0example1"));
        }
    }

    #[test]
    fn a_prefix_is_a_tag_or_opens_nothing() {
        for (prefix, tag) in [
            ("logs/web-01/", "logs/web-01"),
            ("logs/host=web-01/year=2026", "logs/host=web-01/year=2026"),
            ("logs/k\u{f6}ln/", "logs/k\u{f6}ln"),
            ("a b/c:d@e+f.g_h/", "a b/c:d@e+f.g_h"),
            ("a//", "a/"),
            ("a///", "a//"),
            ("/", ""),
            ("day=0123456789ABCDEF", "day=0123456789ABCDEF"),
            ("day=0123456789abcde", "day=0123456789abcde"),
        ] {
            assert_eq!(prefix_tag(prefix), tag);
        }
        let long = "x".repeat(257);
        for prefix in ["logs/(a)/", "logs/*", "logs/${aws:username}", "\u{4e00}/", long.as_str()] {
            let tag = prefix_tag(prefix);
            assert!(tag.chars().count() <= MAX_TAG_LENGTH, "{tag}");
            let (kept, hash) = tag.rsplit_once('=').unwrap();
            assert!(hash.len() == 16 && kept.chars().all(is_plain_tag_character), "{tag}");
        }
    }

    #[test]
    fn distinct_prefixes_have_distinct_tags() {
        let long = "x".repeat(257);
        let mut prefixes = vec![String::new(), "/".into(), "//".into(), long.clone(), format!("{long}x")];
        for stem in ["a", "a(b)", "a_b_", "host=web-01", "a=0123456789abcdef", "\u{4e00}", "a b", "A"] {
            prefixes.extend([
                stem.to_owned(),
                format!("{stem}//"),
                format!("{stem}///"),
                format!("{stem}/b"),
                format!("{stem}//b"),
            ]);
        }
        // What another prefix is hashed to, twice over.
        for _ in 0..2 {
            let tags: Vec<_> =
                prefixes.iter().map(|prefix| prefix_tag(prefix)).filter(|tag| looks_marked(tag)).collect();
            prefixes.extend(tags);
        }
        prefixes.sort();
        prefixes.dedup();
        let mut tags = std::collections::HashMap::new();
        for prefix in &prefixes {
            let tag = prefix_tag(prefix);
            assert!(tag.chars().count() <= MAX_TAG_LENGTH, "{tag}");
            if let Some(other) = tags.insert(tag.clone(), prefix) {
                panic!("{prefix} and {other} have one tag, {tag}");
            }
        }
        assert_eq!(prefix_tag("a/"), prefix_tag("a"), "they are one prefix");
    }
}
