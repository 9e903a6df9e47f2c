//! The access token, in the forms in which programs send it to an API.

use std::time::SystemTime;

use clap::ValueEnum;
use serde::Serialize;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::access_token::AccessToken;
use crate::freshness::refresh::Perishable as _;
use crate::idp::unverified_claims::UnverifiedClaims;
use crate::timestamp;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TokenFormat {
    /// The token itself
    Token,
    /// `Authorization: Bearer TOKEN`, for `curl --header @FILE`
    Header,
    /// What a token endpoint answers (RFC 6749), and when the token expires
    Json,
    /// A curl configuration, for `curl --config FILE`: the token is in no argument
    Curl,
}

#[derive(Serialize)]
struct Output<'a> {
    access_token: &'a str,
    token_type: &'static str,
    /// Seconds from now on; both are absent where nobody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
}

/// One line, whatever the form: a token holds nothing but the characters of RFC 6750 §2.1, so it needs no quoting.
pub(crate) fn format(token: &AccessToken, format: TokenFormat, now: SystemTime) -> Zeroizing<String> {
    let value = token.value.expose();
    Zeroizing::new(match format {
        TokenFormat::Token => format!("{value}\n"),
        TokenFormat::Header => format!("Authorization: Bearer {value}\n"),
        TokenFormat::Curl => format!("header = \"Authorization: Bearer {value}\"\n"),
        TokenFormat::Json => json(token, now),
    })
}

fn json(token: &AccessToken, now: SystemTime) -> String {
    let is_end_known = !token.lifetime().is_zero();
    let output = Output {
        access_token: token.value.expose(),
        token_type: "Bearer",
        expires_in: is_end_known.then(|| token.left(now).as_secs()),
        expiration: is_end_known.then(|| timestamp::format(token.ends_at())),
        scope: UnverifiedClaims::parse(token.value.expose()).and_then(|claims| scope(&claims)),
    };
    // Strings and a number: serializing them cannot fail.
    let mut line = serde_json::to_string(&output).unwrap_or_default();
    line.push('\n');
    line
}

/// What the token says of itself, as a string (RFC 9068 §2.2.3) or an array; `scp` is Entra ID's and Okta's name.
fn scope(claims: &UnverifiedClaims) -> Option<String> {
    match claims.get("scope").or_else(|| claims.get("scp"))? {
        Value::String(scopes) => Some(scopes.clone()),
        Value::Array(scopes) => Some(scopes.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;
    use crate::secret::Secret;

    const HOUR: Duration = Duration::from_secs(3600);

    fn token(value: &str, lifetime: Duration) -> AccessToken {
        AccessToken { value: Secret::new(value.to_owned()), obtained_at: UNIX_EPOCH, expires_at: UNIX_EPOCH + lifetime }
    }

    fn of(value: &str, lifetime: Duration, form: TokenFormat) -> String {
        format(&token(value, lifetime), form, UNIX_EPOCH + HOUR / 4).to_string()
    }

    #[test]
    fn one_line_whatever_the_form() {
        assert_eq!(of("a.b-_~+/=", HOUR, TokenFormat::Token), "a.b-_~+/=\n");
        assert_eq!(of("a", HOUR, TokenFormat::Header), "Authorization: Bearer a\n");
        assert_eq!(of("a", HOUR, TokenFormat::Curl), "header = \"Authorization: Bearer a\"\n");
        assert_eq!(
            of("a", HOUR, TokenFormat::Json),
            "{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"expires_in\":2700,\
             \"expiration\":\"1970-01-01T01:00:00Z\"}\n"
        );
        let unknown = of("a", Duration::ZERO, TokenFormat::Json);
        assert_eq!(unknown, "{\"access_token\":\"a\",\"token_type\":\"Bearer\"}\n");
    }

    #[test]
    fn scopes_are_what_the_token_says_of_itself() {
        for (claims, expected) in [
            (r#"{"scope":"api/read api/write"}"#, Some("api/read api/write")),
            (r#"{"scope":["api/read","api/write"]}"#, Some("api/read api/write")),
            (r#"{"scp":["a",1]}"#, Some("a")),
            (r#"{"scp":"a"}"#, Some("a")),
            (r#"{"scope":1}"#, None),
            ("{}", None),
            ("no object", None),
        ] {
            let text = of(&format!("e30.{}.x", URL_SAFE_NO_PAD.encode(claims)), HOUR, TokenFormat::Json);
            let printed: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(printed.get("scope").and_then(Value::as_str), expected, "{claims}");
        }
    }
}
