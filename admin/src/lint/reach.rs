//! How far the policies of a role reach in S3.

use crate::policy_document::{PolicyDocument, Statement};

/// On objects.
const OBJECT: [&str; 8] = [
    "s3:GetObject",
    "s3:PutObject",
    "s3:DeleteObject",
    "s3:PutObjectAcl",
    "s3:GetObjectVersion",
    "s3:DeleteObjectVersion",
    "s3:PutObjectTagging",
    "s3:RestoreObject",
];
/// On a bucket, of which the parameter `prefix` shows a part.
const LISTING: [&str; 2] = ["s3:ListBucket", "s3:ListBucketVersions"];
/// On a bucket as a whole.
const BUCKET: [&str; 4] = ["s3:PutBucketPolicy", "s3:DeleteBucket", "s3:PutBucketAcl", "s3:PutLifecycleConfiguration"];

/// What a session is held to.
pub(super) struct Bounds<'a> {
    /// Empty where it is not known: then every bucket's name fits.
    pub(super) bucket: &'a str,
    pub(super) prefix: &'a str,
    /// Values of the tags that sessions carry, by name; none under `SESSION_IDENTITY=name`.
    pub(super) tags: &'a [(&'a str, &'a str)],
}

/// The first permission that lies beyond the bounds, in words. Denials are not counted on.
pub(super) fn beyond(policies: &[PolicyDocument], bounds: &Bounds<'_>) -> Option<String> {
    let statements = policies.iter().flat_map(PolicyDocument::statements);
    statements
        .filter(|statement| statement.allows() && is_for(*statement, bounds))
        .find_map(|one| of_statement(one, bounds))
}

fn of_statement(statement: Statement<'_>, bounds: &Bounds<'_>) -> Option<String> {
    let named = |actions: &[&'static str]| actions.iter().copied().find(|action| statement.names_action(action));
    let object = named(&OBJECT);
    let on_bucket = named(&BUCKET).or_else(|| named(&LISTING).filter(|_| !is_held_to_prefix(statement, bounds)));
    let Some(resources) = statement.resources() else {
        let action = object.or(on_bucket)?;
        return Some(format!("its policies allow {action} with NotResource"));
    };
    resources.iter().find_map(|resource| {
        let resource = filled_in(resource, bounds);
        let is_one_bucket = !resource.contains(['/', '*', '?']);
        match (object, on_bucket) {
            (Some(action), _) if !is_one_bucket && !is_within(&resource, bounds) => {
                Some(format!("its policies allow {action} on {resource}"))
            }
            (_, Some(action)) if covers_buckets(&resource) => {
                Some(format!("its policies allow {action} on {resource}, whatever the prefix"))
            }
            _ => None,
        }
    })
}

/// `${aws:PrincipalTag/…}` is the session's tag. A variable without a value matches nothing, so it opens nothing.
fn filled_in(resource: &str, bounds: &Bounds<'_>) -> String {
    bounds
        .tags
        .iter()
        .fold(resource.to_owned(), |text, (name, value)| text.replace(&format!("${{aws:PrincipalTag/{name}}}"), value))
}

/// Whether every key that the pattern matches lies below the prefix.
fn is_within(resource: &str, bounds: &Bounds<'_>) -> bool {
    if resource.contains("${aws:PrincipalTag/") {
        return true;
    }
    let Some(name) = resource.splitn(6, ':').nth(5).filter(|_| resource.starts_with("arn:")) else { return false };
    let Some((bucket, key)) = name.split_once('/') else { return false };
    let is_bucket = if bounds.bucket.is_empty() { !bucket.contains(['*', '?']) } else { bucket == bounds.bucket };
    let prefix = bounds.prefix.trim_end_matches('/');
    let rest = key.strip_prefix(prefix).filter(|_| !prefix.contains(['*', '?', '$']));
    is_bucket && rest.is_some_and(|rest| rest.starts_with('/'))
}

/// Whether a pattern matches a bucket itself: `*`, or one whose bucket's name is a pattern.
fn covers_buckets(resource: &str) -> bool {
    let name = resource.splitn(6, ':').nth(5).unwrap_or(resource);
    !name.contains('/')
}

/// `s3:prefix` must be one below the prefix; an operator with …`IfExists` lets a listing without the parameter pass.
fn is_held_to_prefix(statement: Statement<'_>, bounds: &Bounds<'_>) -> bool {
    let prefix = bounds.prefix.trim_end_matches('/');
    statement.conditions().any(|(operator, key, values)| {
        let is_positive = matches!(operator, "StringLike" | "StringEquals");
        is_positive
            && key.eq_ignore_ascii_case("s3:prefix")
            && values.iter().all(|value| {
                let value = filled_in(value, bounds);
                value.contains("${aws:PrincipalTag/")
                    || value.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
    })
}

/// Whether it can apply to a session with these tags.
fn is_for(statement: Statement<'_>, bounds: &Bounds<'_>) -> bool {
    statement.conditions().all(|(operator, key, values)| {
        let Some(name) = key.strip_prefix("aws:PrincipalTag/").filter(|_| operator == "StringEquals") else {
            return true;
        };
        let tag = bounds.tags.iter().find(|(tag, _)| *tag == name);
        tag.is_some_and(|(_, own)| values.contains(own))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn found(statement: &Value, tags: &[(&str, &str)]) -> Option<String> {
        let policy = PolicyDocument::parse(&json!({"Statement": [statement]}).to_string()).unwrap();
        beyond(&[policy], &Bounds { bucket: "logs", prefix: "a/web-01/", tags })
    }

    #[test]
    fn what_lies_within() {
        let tags = [("client_id", "c"), ("s3_prefix", "a/web-01")];
        for statement in [
            json!({"Effect": "Allow", "Action": ["s3:PutObject", "s3:Get*"], "Resource": "arn:aws:s3:::logs/a/web-01/*"}),
            json!({"Effect": "Allow", "Action": "s3:*Object", "Resource": ["arn:aws:s3:::logs/a/web-01/b/*", "arn:aws:s3:::logs"]}),
            json!({"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::logs",
                "Condition": {"StringLike": {"s3:prefix": ["a/web-01/*", "a/web-01"]}}}),
            json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::logs/${aws:PrincipalTag/s3_prefix}/*"}),
            json!({"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::logs",
                "Condition": {"StringLike": {"s3:prefix": "${aws:PrincipalTag/s3_prefix}/*"}}}),
            json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*",
                "Condition": {"StringEquals": {"aws:PrincipalTag/client_id": "other"}}}),
            json!({"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::logs/a/web-01/*"}),
            json!({"Effect": "Deny", "Action": "*", "Resource": "*"}),
            json!({"Effect": "Allow", "Action": ["kms:Decrypt", "s3:GetBucketLocation"], "Resource": "*"}),
        ] {
            assert_eq!(found(&statement, &tags), None, "{statement}");
        }
    }

    #[test]
    fn what_lies_beyond() {
        for (action, resource) in [
            ("s3:GetObject", "arn:aws:s3:::logs/*"),
            ("s3:GetObject", "arn:aws:s3:::logs/a/web-01*"),
            ("s3:GetObject", "arn:aws:s3:::logs/a/web-0*/x"),
            ("s3:GetObject", "arn:aws:s3:::logs/a/web-010/*"),
            ("s3:GetObject", "arn:aws:s3:::other/a/web-01/*"),
            ("s3:GetObject", "arn:aws:s3:::log?/a/web-01/*"),
            ("s3:GetObject", "arn:aws:s3:::logs*"),
            ("s3:GetObject", "arn:aws:s3:::*"),
            ("s3:GetObject", "*"),
            ("s3:*", "arn:aws:s3:::logs"),
            ("s3:ListBucket", "arn:aws:s3:::logs"),
            ("s3:List*", "*"),
        ] {
            let statement = json!({"Effect": "Allow", "Action": action, "Resource": resource});
            assert!(found(&statement, &[]).is_some(), "{statement}");
        }
        for statement in [
            json!({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}),
            json!({"Effect": "Allow", "Action": "s3:GetObject", "NotResource": "arn:aws:s3:::other/*"}),
            json!({"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::logs",
                "Condition": {"StringLikeIfExists": {"s3:prefix": "a/web-01/*"}}}),
            json!({"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::logs",
                "Condition": {"StringLike": {"s3:prefix": ["a/web-01/*", ""]}}}),
            json!({"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::logs",
                "Condition": {"StringLike": {"s3:prefix": "a/web-01*"}}}),
        ] {
            assert!(found(&statement, &[]).is_some(), "{statement}");
        }
    }
}
