//! What the AWS SDKs read from the instance metadata service of EC2.

use serde::Serialize;
use zeroize::Zeroizing;

use crate::credentials::Credentials;
use crate::timestamp;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output<'a> {
    code: &'a str,
    last_updated: String,
    r#type: &'a str,
    access_key_id: &'a str,
    secret_access_key: &'a str,
    token: &'a str,
    expiration: String,
}

/// The one member that SDKs ask the instance identity document for.
#[derive(Serialize)]
struct Document<'a> {
    region: &'a str,
}

pub(crate) fn format(credentials: &Credentials) -> Zeroizing<Vec<u8>> {
    let output = Output {
        code: "Success",
        last_updated: timestamp::format(credentials.obtained_at),
        r#type: "AWS-HMAC",
        access_key_id: &credentials.access_key_id,
        secret_access_key: credentials.secret_access_key.expose(),
        token: credentials.session_token.expose(),
        expiration: timestamp::format(credentials.expires_at),
    };
    // Strings: serializing them cannot fail.
    Zeroizing::new(serde_json::to_vec(&output).unwrap_or_default())
}

pub(crate) fn document(region: &str) -> Vec<u8> {
    // A string: serializing it cannot fail.
    serde_json::to_vec(&Document { region }).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::tests::credentials;

    #[test]
    fn exactly_these_members() {
        let credentials = credentials("k", "t");
        assert_eq!(
            String::from_utf8(format(&credentials).to_vec()).unwrap(),
            "{\"Code\":\"Success\",\"LastUpdated\":\"1970-01-01T00:00:00Z\",\"Type\":\"AWS-HMAC\",\
             \"AccessKeyId\":\"ASIAEXAMPLE\",\"SecretAccessKey\":\"k\",\"Token\":\"t\",\
             \"Expiration\":\"2026-01-01T00:00:00Z\"}"
        );
    }
}
