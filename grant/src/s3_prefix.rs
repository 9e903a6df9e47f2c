//! Prefixes of a bucket: which lie under which, and the session policy that restricts a session to one.

use environment::RoleArn;
use serde_json::json;
use vending_api::S3Permissions;

/// In characters. A prefix stands up to three times in a policy, which may have 2,048; the rest of the policy of `full`
/// takes less than 800, with the longest name of a bucket.
const MAX_REQUESTED_PREFIX: usize = 400;

/// `requested` if it lies under `granted`, compared by whole path segments: `logs/a` is not above `logs/ab`.
pub(crate) fn narrower(granted: &str, requested: &str) -> Result<String, &'static str> {
    if requested.chars().count() > MAX_REQUESTED_PREFIX {
        return Err("is longer than a session policy can hold");
    }
    if !fits_into_a_policy(requested) {
        return Err(
            "must not hold `*`, `?`, `$`, quotes, `\\`, characters above U+00FF, control characters, empty, `.` or `..` segments",
        );
    }
    let granted = granted.strip_suffix('/').unwrap_or(granted);
    match requested.strip_prefix(granted) {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => Ok(requested.to_owned()),
        _ => Err("does not lie under this client's own prefix"),
    }
}

/// Wildcards and policy variables would widen the policy they are put into, and programs that normalise paths would
/// make `a/../b` another prefix than the policy names.
pub(crate) fn fits_into_a_policy(prefix: &str) -> bool {
    let path = prefix.strip_suffix('/').unwrap_or(prefix);
    !path.is_empty()
        && !path.contains(|character: char| {
            // What STS takes in a policy ends at U+00FF (API reference, AssumeRole, `Policy`).
            "*?$\\\"".contains(character) || character.is_control() || character > '\u{ff}'
        })
        && path.split('/').all(|segment| !matches!(segment, "" | "." | ".."))
}

/// What the role allows, but only below the prefix: the policy of a level, with which Terraform and the local stack are
/// compared too (`tests/cases/session-policy`).
///
/// `PutObject` with a canned ACL needs `PutObjectAcl` (Logstash always sends one); the only ACL that may be set is the one
/// that gives the bucket's owner everything. The KMS statement lets encrypted buckets work where the role may use the key
/// through S3: a session policy never adds a permission.
pub(crate) fn policy(role_arn: &RoleArn, prefix: &str, level: S3Permissions, bucket: &str) -> String {
    let partition = role_arn.partition();
    let prefix = prefix.trim_end_matches('/');
    let bucket = format!("arn:{partition}:s3:::{bucket}");
    let objects = format!("{bucket}/{prefix}/*");
    let mut actions = vec!["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"];
    if level >= S3Permissions::ReadWrite {
        actions.push("s3:GetObject");
    }
    if level == S3Permissions::Full {
        actions.push("s3:DeleteObject");
    }
    let mut statements = vec![
        json!({"Effect": "Allow", "Action": actions, "Resource": objects}),
        json!({
            "Effect": "Allow",
            "Action": "s3:PutObjectAcl",
            "Resource": objects,
            "Condition": {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}}
        }),
    ];
    if level == S3Permissions::Full {
        statements.push(json!({
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": bucket,
            "Condition": {"StringLike": {"s3:prefix": format!("{prefix}/*")}}
        }));
    }
    statements.push(json!({
        "Effect": "Allow",
        "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
        "Resource": "*",
        "Condition": {"StringLike": {"kms:ViaService": "s3.*"}}
    }));
    json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_of_a_level_is_the_golden_one() {
        let golden = [
            (S3Permissions::Write, include_str!("../../tests/cases/session-policy/write.json")),
            (S3Permissions::ReadWrite, include_str!("../../tests/cases/session-policy/read-write.json")),
            (S3Permissions::Full, include_str!("../../tests/cases/session-policy/full.json")),
        ];
        for (level, golden) in golden {
            for prefix in ["logs/web-01/", "logs/web-01"] {
                let generated = policy(&role("aws"), prefix, level, "example-logs");
                let [generated, golden]: [serde_json::Value; 2] =
                    [&generated, golden].map(|text| serde_json::from_str(text).expect("JSON"));
                assert_eq!(generated, golden, "{level:?} {prefix}");
            }
        }
        let sovereign = policy(&role("aws-eusc"), "a/", S3Permissions::Full, "b");
        assert!(sovereign.contains("arn:aws-eusc:s3:::b/a/*") && !sovereign.contains("arn:aws:"), "{sovereign}");
    }

    #[test]
    fn the_longest_requested_prefix_fits_into_every_policy() {
        let bucket = "b".repeat(63);
        for prefix in ["p".repeat(MAX_REQUESTED_PREFIX), "\u{ff}".repeat(MAX_REQUESTED_PREFIX)] {
            let policy = policy(&role("aws-us-gov"), &prefix, S3Permissions::Full, &bucket);
            assert!(policy.chars().count() <= crate::session::MAX_POLICY_LENGTH, "{}", policy.chars().count());
        }
        let longest = format!("p/{}", "\u{e9}".repeat(MAX_REQUESTED_PREFIX - 2));
        assert_eq!(narrower("p/", &longest).as_deref(), Ok(longest.as_str()));
        assert!(narrower("p/", &format!("{longest}a")).is_err());
    }

    fn role(partition: &str) -> RoleArn {
        RoleArn::parse(&format!("arn:{partition}:iam::123456789012:role/r")).unwrap()
    }
}
