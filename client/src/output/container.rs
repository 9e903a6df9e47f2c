//! What the AWS SDKs read from the container credentials endpoint.
//!
//! Flat and small: Fluent Bit's parser gives up after 50 tokens of JSON, and stops refreshing when it meets an
//! `Expiration` with a fraction.

use serde::Serialize;
use zeroize::Zeroizing;

use crate::credentials::Credentials;
use crate::timestamp;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role_arn: Option<&'a str>,
    access_key_id: &'a str,
    secret_access_key: &'a str,
    token: &'a str,
    expiration: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<&'a str>,
}

pub(crate) fn format(credentials: &Credentials, role_arn: Option<&str>) -> Zeroizing<Vec<u8>> {
    let output = Output {
        role_arn,
        access_key_id: &credentials.access_key_id,
        secret_access_key: credentials.secret_access_key.expose(),
        token: credentials.session_token.expose(),
        expiration: timestamp::format(credentials.expires_at),
        account_id: credentials.account_id.as_deref(),
    };
    // Strings: serializing them cannot fail.
    Zeroizing::new(serde_json::to_vec(&output).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::tests::credentials;

    #[test]
    fn exactly_these_members() {
        let credentials = credentials("k/e+y", "t");
        let text = |role_arn| String::from_utf8(format(&credentials, role_arn).to_vec()).unwrap();
        let four = "\"AccessKeyId\":\"ASIAEXAMPLE\",\"SecretAccessKey\":\"k/e+y\",\"Token\":\"t\",\
                    \"Expiration\":\"2026-01-01T00:00:00Z\"}";
        assert_eq!(text(None), format!("{{{four}"));
        assert_eq!(text(Some("arn:r")), format!("{{\"RoleArn\":\"arn:r\",{four}"));
        let text = String::from_utf8(format(&credentials.of_account(Some("123456789012")), None).to_vec()).unwrap();
        assert_eq!(text, format!("{{{}", four.replace('}', ",\"AccountId\":\"123456789012\"}")));
    }
}
