//! What Logstash's S3 plugins read from `aws_credentials_file`: YAML with Ruby's symbols as keys.

use crate::credentials::Credentials;

pub(crate) fn format(credentials: &Credentials) -> String {
    let line = |key: &str, value: &str| {
        // YAML 1.2 takes JSON's strings as they are. A string: serializing it cannot fail.
        let value = serde_json::to_string(value).unwrap_or_default();
        format!(":{key}: {value}\n")
    };
    line("access_key_id", &credentials.access_key_id)
        + &line("secret_access_key", credentials.secret_access_key.expose())
        + &line("session_token", credentials.session_token.expose())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::tests::credentials;

    #[test]
    fn symbols_and_quoted_strings() {
        assert_eq!(
            format(&credentials("k/e+y", "t\"n==")),
            ":access_key_id: \"ASIAEXAMPLE\"\n:secret_access_key: \"k/e+y\"\n:session_token: \"t\\\"n==\"\n"
        );
    }
}
