//! `aws-credentials.json`: the members of the deployments that exist, beside those of a `credential_process`.

use serde::Serialize;

use super::credential_process;
use crate::credentials::Credentials;
use crate::timestamp;

#[derive(Serialize)]
struct Output<'a> {
    access_key_id: &'a str,
    secret_access_key: &'a str,
    session_token: &'a str,
    expiration: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'a str>,
    #[serde(flatten)]
    process: credential_process::Output<'a>,
}

pub(crate) fn format(credentials: &Credentials, region: Option<&str>) -> String {
    let output = Output {
        access_key_id: &credentials.access_key_id,
        secret_access_key: credentials.secret_access_key.expose(),
        session_token: credentials.session_token.expose(),
        expiration: timestamp::format(credentials.expires_at),
        region,
        process: credential_process::Output::new(credentials),
    };
    // Strings and a number: serializing them cannot fail.
    let mut line = serde_json::to_string(&output).unwrap_or_default();
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::tests::credentials;

    #[test]
    fn both_shapes_in_one_object() {
        let process = "\"Version\":1,\"AccessKeyId\":\"ASIAEXAMPLE\",\"SecretAccessKey\":\"k\",\"SessionToken\":\"t\",\
                       \"Expiration\":\"2026-01-01T00:00:00Z\",\"AccountId\":\"123456789012\"}\n";
        let kept = "{\"access_key_id\":\"ASIAEXAMPLE\",\"secret_access_key\":\"k\",\"session_token\":\"t\",\
                    \"expiration\":\"2026-01-01T00:00:00Z\",";
        let region = "\"region\":\"eu-west-1\",";
        let credentials = credentials("k", "t").of_account(Some("123456789012"));
        assert_eq!(format(&credentials, Some("eu-west-1")), format!("{kept}{region}{process}"));
        assert_eq!(format(&credentials, None), format!("{kept}{process}"));
    }
}
