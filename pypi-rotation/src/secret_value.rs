//! What the secrets hold: a token with the package that it is for, and the token that is staged to follow it.

use serde_json::{Map, Value, json};
use thiserror::Error;
use zeroize::Zeroizing;

/// PyPI's own tokens have some two hundred characters.
const TOKEN_LENGTHS: std::ops::RangeInclusive<usize> = 8..=4096;
const TOKEN: &str = "token";
const USED: &str = "used_by_version";

/// A token of an index: no `Debug`, no `Display`, wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Zeroizing<String>);

/// A value that cannot be used. No variant repeats any of it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ValueError {
    /// Binary, or no JSON object.
    #[error("it is not a JSON object such as {{\"token\": \"pypi-…\", \"repository\": \"…\", \"package\": \"…\"}}")]
    NotAnObject,
    /// A member that must be there.
    #[error("it has no `{0}`, or one that is not text")]
    Missing(&'static str),
    /// A token that no index can have made.
    #[error("its `token` {0}")]
    Token(&'static str),
    /// A package name goes into the upload that tries a token.
    #[error("its `package` is not the name of a package: letters, digits and `.`, `_`, `-` between them")]
    Package,
}

/// The value that the publishing jobs read. Members that are not known are kept.
#[derive(Clone)]
pub struct SecretValue {
    members: Map<String, Value>,
    /// The token.
    pub token: Token,
    /// The package that it may publish.
    pub package: String,
}

impl Token {
    /// Takes what an index can have made: visible ASCII, so that it is one line and one header whoever reads it.
    ///
    /// # Errors
    /// With what is wrong, and nothing of the token.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        if text.contains(|character: char| character.is_whitespace() || character.is_control()) {
            return Err(ValueError::Token("holds white space or a control character: was a line break copied along?"));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ValueError::Token("holds a character outside of ASCII"));
        }
        if !TOKEN_LENGTHS.contains(&text.len()) {
            return Err(ValueError::Token("is shorter than 8 or longer than 4,096 characters"));
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// The one way to the text; each use is worth a look in review.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl SecretValue {
    /// Reads the value of a secret.
    ///
    /// # Errors
    /// With what is wrong, and nothing of the value.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let members = object(text)?;
        let token = Token::parse(text_of(&members, TOKEN)?)?;
        let package = text_of(&members, "package")?.to_owned();
        if !is_package_name(&package) {
            return Err(ValueError::Package);
        }
        Ok(Self { members, token, package })
    }

    /// Where the package is published, in the words of whoever wrote the secret.
    pub fn repository(&self) -> Option<&str> {
        self.members.get("repository").and_then(Value::as_str)
    }

    /// The same value with another token.
    #[must_use]
    pub fn with_token(&self, token: &Token) -> Zeroizing<String> {
        let mut members = self.members.clone();
        members.insert(TOKEN.to_owned(), Value::String(token.expose().to_owned()));
        Zeroizing::new(Value::Object(members).to_string())
    }
}

/// The token that an operator has staged; `None` where the last one is used up.
///
/// # Errors
/// When there is something that is not a token.
pub fn staged_token(text: &str) -> Result<Option<Token>, ValueError> {
    let members = object(text)?;
    if members.is_empty() || members.contains_key(USED) {
        return Ok(None);
    }
    Token::parse(text_of(&members, TOKEN)?).map(Some)
}

/// What takes the staged token's place once it is current. The same for the same rotation, so that it can be written again.
pub fn used_by(version: &str) -> String {
    json!({USED: version}).to_string()
}

fn object(text: &str) -> Result<Map<String, Value>, ValueError> {
    serde_json::from_str(text).map_err(|_| ValueError::NotAnObject)
}

fn text_of<'a>(members: &'a Map<String, Value>, name: &'static str) -> Result<&'a str, ValueError> {
    members.get(name).and_then(Value::as_str).ok_or(ValueError::Missing(name))
}

/// Core metadata specifications, "Name".
fn is_package_name(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let at_the_ends = [name.bytes().next(), name.bytes().last()];
    name.len() <= 200
        && name.bytes().all(inner)
        && at_the_ends.iter().all(|byte| byte.is_some_and(|byte| byte.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_token_keeps_everything_else() {
        let text =
            r#"{"token":"pypi-OLDOLD","repository":"https://pypi.example/","package":"demo","owner":{"team":1}}"#;
        let value = SecretValue::parse(text).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((value.repository(), value.package.as_str()), (Some("https://pypi.example/"), "demo"));
        let new = value.with_token(&Token::parse("pypi-NEWNEW").unwrap_or_else(|error| panic!("{error}")));
        let read: Value = serde_json::from_str(&new).unwrap();
        let expected = json!({"token": "pypi-NEWNEW", "repository": "https://pypi.example/", "package": "demo", "owner": {"team": 1}});
        assert_eq!(read, expected);
    }

    #[test]
    fn what_no_index_can_have_made() {
        for (token, fine) in [
            ("pypi-AgEIcHlwaS5vcmc", true),
            ("12345678", true),
            ("a!#$%&'*+-.^_`|~:/=", true),
            ("", false),
            ("1234567", false),
            ("pypi-AgEI\n", false),
            (" pypi-AgEI", false),
            ("pypi AgEI", false),
            ("pypi-Ag\u{0}EI", false),
            ("pypi-Ag\u{a0}EI", false),
            ("pypi-ÄgEIcHlw", false),
            ("pypi-Ag\u{2028}EI", false),
        ] {
            assert_eq!(Token::parse(token).is_ok(), fine, "{token:?}");
        }
        assert!(Token::parse(&"a".repeat(4096)).is_ok() && Token::parse(&"a".repeat(4097)).is_err());
    }

    #[test]
    fn values_that_cannot_be_used_are_not_repeated() {
        for text in [
            "CANARY-1",
            "\"CANARY-1\"",
            "[]",
            r#"{"token":"CANARY-1"}"#,
            r#"{"package":"CANARY-1"}"#,
            r#"{"token":["CANARY-1"],"package":"a"}"#,
            r#"{"token":"CANARY 1","package":"a"}"#,
            r#"{"token":"CANARY-1","package":"CANARY\r\n--x"}"#,
            r#"{"token":"CANARY-1","package":"-a"}"#,
            r#"{"token":"CANARY-1","package":""}"#,
        ] {
            let error = SecretValue::parse(text).err().unwrap();
            assert!(!error.to_string().contains("CANARY"), "{error}");
        }
    }

    #[test]
    fn a_staged_token_is_used_once() {
        let staged = |text: &str| staged_token(text).map(|token| token.is_some());
        assert_eq!(staged(r#"{"token":"pypi-NEWNEW"}"#), Ok(true));
        assert_eq!(staged(&used_by("v")), Ok(false));
        assert_eq!(staged("{}"), Ok(false));
        assert_eq!(staged(r#"{"password":"pypi-NEWNEW"}"#), Err(ValueError::Missing("token")));
        assert_eq!(staged("pypi-NEWNEW"), Err(ValueError::NotAnObject));
    }
}
