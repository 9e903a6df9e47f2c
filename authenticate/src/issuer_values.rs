//! Values of an issuer that can never work. The service would start with them, be ready, and answer 401 to everybody.

use environment::{Endpoint, Variables};

/// Notes what is wrong with an issuer's URL, which tokens are compared with byte for byte.
pub(crate) fn check_url(variables: &Variables<'_>, name: &str, url: &str) {
    if let Some(problem) = problem_of_url(url) {
        variables.fault(name, format_args!("the issuer `{}` {problem}", url.escape_debug()));
    }
}

/// Whether it can be an issuer's URL. What [`check_url`] has noted is noted once.
pub(crate) fn is_url(url: &str) -> bool {
    problem_of_url(url).is_none()
}

/// Notes what is wrong with a list of an entry.
pub(crate) fn check_list(variables: &Variables<'_>, name: &str, member: &str, values: &[String]) {
    if values.iter().any(|value| value.is_empty() || value.contains(is_blank)) {
        variables.fault(name, format_args!("`{member}` holds an empty value, or one with white space in it"));
    }
}

/// RFC 8414 §2: an issuer is an https URL without query and fragment. Loopback is for tests.
fn problem_of_url(url: &str) -> Option<&'static str> {
    if url.contains(is_blank) {
        // The parser would drop them, and no token's `iss` holds them.
        return Some("holds white space or a control character");
    }
    let Ok(endpoint) = Endpoint::parse(url) else {
        return Some("is not an https URL, for example `https://idp.example.com`");
    };
    (endpoint.as_str().contains('?')).then_some("has a query, and an issuer has none")
}

fn is_blank(character: char) -> bool {
    character.is_whitespace() || character.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issuers() {
        for url in ["https://idp.example.com", "https://idp.example.com/", "https://x/a/b", "http://127.0.0.1:1/p"] {
            assert_eq!(problem_of_url(url), None, "{url}");
        }
        for url in [
            "",
            "idp.example.com",
            "idp",
            "http://idp.example.com",
            "https://",
            "ftp://idp.example.com",
            "https://idp.example.com\n",
            " https://idp.example.com",
            "https://idp.example.com\t/a",
            "https://idp.example.com/?a=b",
            "https://idp.example.com/#a",
            "https://user:password@idp.example.com",
            "urn:example:idp",
        ] {
            assert!(problem_of_url(url).is_some(), "{url:?}");
        }
    }
}
