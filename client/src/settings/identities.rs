//! `/etc/credvend/config.toml`: several named identities, each a table of variables in lower case.
//!
//! ```toml
//! [identity.web-01]
//! idp_type = "auth0"
//! auth0_client_secret_file = "/etc/credvend/web-01.secret"
//! users = ["fluent-bit", 1001]
//! ```

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::files::input_file::{self, InputError};
use crate::settings::env_file::Overlay;
use crate::settings::known_variables::{VARIABLES, Variable};

/// One table of the file.
pub(crate) struct Identity {
    pub(crate) name: String,
    pub(crate) variables: Overlay,
    /// Names or numbers of the users who may have it from `serve`; none: every holder of the bearer token.
    pub(crate) users: Vec<String>,
}

const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// A file of identities that cannot be used. Never shows a value.
#[derive(Debug, thiserror::Error)]
#[error("`{}`: {problem}", path.display())]
pub(crate) struct IdentitiesError {
    path: PathBuf,
    problem: Problem,
}

/// What is wrong with it.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error(transparent)]
    Unreadable(#[from] InputError),
    #[error("can be written by every user, who could send your secrets elsewhere: `chmod o-w` it")]
    Writable,
    #[error("line {line}: {message}")]
    Syntax { line: usize, message: String },
    #[error("`{0}` stands outside of an identity: a table for each is expected, for example [identity.web-01]")]
    NoTable(String),
    #[error("has no identity `{name}`{}: {}", did_you_mean(suggestion.as_deref()), known(names))]
    NoSuchIdentity { name: String, suggestion: Option<String>, names: Vec<String> },
    #[error("name one of its identities with --identity: {}", known(.0))]
    Ambiguous(Vec<String>),
    #[error("[identity.{name}]: `{key}` is not known{}", did_you_mean(suggestion.as_deref()))]
    UnknownKey { name: String, key: String, suggestion: Option<String> },
    #[error("[identity.{name}]: a secret does not belong into this file: name the file that holds it in `{key}_file`")]
    Secret { name: String, key: String },
    #[error("[identity.{name}]: `{key}` must be a text or a whole number")]
    WrongType { name: String, key: String },
    #[error(
        "[identity.{0}]: `users` must be a list of user names or ids that are not empty, for example [\"fluent-bit\", 1001]"
    )]
    Users(String),
    #[error("[identity.{0}]: a name is 1 to 64 letters, digits, `-`, `_` and `.`, the first one a letter or digit")]
    Name(String),
}

/// Reads one identity of a file; without a name, the only one.
pub(crate) fn read(path: &Path, name: Option<&str>) -> Result<Identity, IdentitiesError> {
    let found = text(path).and_then(|text| parse(&text)).and_then(|identities| choose(identities, name));
    found.map_err(|problem| IdentitiesError { path: path.to_owned(), problem })
}

/// Reads all identities of a file, in the order of their names.
pub(crate) fn read_all(path: &Path) -> Result<Vec<Identity>, IdentitiesError> {
    text(path).and_then(|text| parse(&text)).map_err(|problem| IdentitiesError { path: path.to_owned(), problem })
}

fn text(path: &Path) -> Result<String, Problem> {
    let (text, file) = input_file::read(path, MAX_FILE_BYTES)?;
    if file.metadata().map_err(InputError::Unreadable)?.mode() & 0o002 != 0 {
        return Err(Problem::Writable);
    }
    Ok(text)
}

fn parse(text: &str) -> Result<Vec<Identity>, Problem> {
    let mut file: Table = text.parse().map_err(|error| syntax(text, &error))?;
    let identities = match file.remove("identity") {
        Some(Value::Table(identities)) => identities,
        Some(_) => return Err(Problem::NoTable("identity".to_owned())),
        None => Table::new(),
    };
    if let Some(stray) = file.keys().next() {
        return Err(Problem::NoTable(stray.clone()));
    }
    // All are checked, so that a mistake is told when it is made and not when the identity is first used.
    identities.into_iter().map(|(name, table)| identity(name, table)).collect()
}

fn choose(mut identities: Vec<Identity>, name: Option<&str>) -> Result<Identity, Problem> {
    let names = |identities: &[Identity]| identities.iter().map(|identity| identity.name.clone()).collect::<Vec<_>>();
    match name {
        Some(name) => match identities.iter().position(|identity| identity.name == name) {
            Some(index) => Ok(identities.swap_remove(index)),
            None => Err(Problem::NoSuchIdentity {
                name: name.to_owned(),
                suggestion: nearest(name, identities.iter().map(|identity| identity.name.as_str())),
                names: names(&identities),
            }),
        },
        None => match <[Identity; 1]>::try_from(identities) {
            Ok([only]) => Ok(only),
            Err(identities) => Err(Problem::Ambiguous(names(&identities))),
        },
    }
}

fn identity(name: String, table: Value) -> Result<Identity, Problem> {
    // It becomes a part of paths: those of the endpoint, and those of files.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name.len() > 64 || !name.starts_with(|first: char| first.is_ascii_alphanumeric()) || !name.bytes().all(is_plain)
    {
        return Err(Problem::Name(name));
    }
    let Value::Table(mut table) = table else { return Err(Problem::NoTable(format!("identity.{name}"))) };
    let users = table.remove("users").map_or(Ok(Vec::new()), |given| users(&name, given))?;
    let variables: Result<_, _> = table.into_iter().map(|(key, value)| variable(&name, key, value)).collect();
    Ok(Identity { variables: Overlay::new(variables?), name, users })
}

fn users(name: &str, given: Value) -> Result<Vec<String>, Problem> {
    let user = |value| match value {
        Value::String(text) if !text.is_empty() => Some(text),
        Value::Integer(id) if u32::try_from(id).is_ok() => Some(id.to_string()),
        _ => None,
    };
    let Value::Array(given) = given else { return Err(Problem::Users(name.to_owned())) };
    let users = given.into_iter().map(user).collect::<Option<Vec<_>>>();
    users.filter(|users| !users.is_empty()).ok_or_else(|| Problem::Users(name.to_owned()))
}

fn variable(name: &str, key: String, value: Value) -> Result<(String, String), Problem> {
    let name = name.to_owned();
    let variable = key.to_ascii_uppercase();
    let known: Vec<String> = VARIABLES.iter().filter_map(Variable::in_table).collect();
    // Upper case would be a second spelling of the same variable.
    if key != key.to_ascii_lowercase() || !known.contains(&variable) {
        if known.contains(&format!("{variable}_FILE")) {
            return Err(Problem::Secret { name, key });
        }
        let known: Vec<String> = known.iter().map(|known| known.to_ascii_lowercase()).collect();
        let suggestion = nearest(&key.to_ascii_lowercase(), known.iter().map(String::as_str));
        return Err(Problem::UnknownKey { name, key, suggestion });
    }
    match value {
        Value::String(text) => Ok((variable, text)),
        Value::Integer(number) => Ok((variable, number.to_string())),
        _ => Err(Problem::WrongType { name, key }),
    }
}

/// The parser's message without the line that it would quote.
fn syntax(text: &str, error: &toml::de::Error) -> Problem {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    Problem::Syntax { line: before.matches('\n').count() + 1, message: error.message().replace('\n', ", ") }
}

fn nearest<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let rated = known.map(|known| (strsim::damerau_levenshtein(given, known), known));
    rated.min().filter(|(distance, known)| *distance <= known.len() / 4).map(|(_, known)| known.to_owned())
}

fn did_you_mean(suggestion: Option<&str>) -> String {
    suggestion.map(|suggestion| format!(" (did you mean `{suggestion}`?)")).unwrap_or_default()
}

fn known(names: &[String]) -> String {
    if names.is_empty() { "it has none".to_owned() } else { format!("it has {}", names.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, name: Option<&str>) -> Result<Vec<(String, String)>, String> {
        let chosen = super::parse(text).and_then(|identities| choose(identities, name));
        chosen.map(|found| found.variables.into_pairs()).map_err(|problem| problem.to_string())
    }

    const TWO: &str = "[identity.a]\nidp_type = 'file'\naws_role_duration_seconds = 900\n[identity.b]\n";

    #[test]
    fn one_of_several_identities() {
        let pairs = [("AWS_ROLE_DURATION_SECONDS", "900"), ("IDP_TYPE", "file")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(parse(TWO, Some("a")), Ok(pairs.to_vec()));
        assert_eq!(parse(TWO, Some("b")), Ok(Vec::new()));
        assert_eq!(parse(TWO, None).unwrap_err(), "name one of its identities with --identity: it has a, b");
        assert_eq!(parse("[identity.only]\nidp_type='file'", None).unwrap().len(), 1);
    }

    #[test]
    fn all_identities_and_their_users() {
        let all = super::parse("[identity.b]\nusers = ['fluent-bit', 1001]\n[identity.a]\nidp_type = 'file'").unwrap();
        let found: Vec<_> = all.iter().map(|identity| (identity.name.as_str(), identity.users.join(" "))).collect();
        assert_eq!(found, [("a", String::new()), ("b", "fluent-bit 1001".to_owned())]);
    }

    #[test]
    fn mistakes_are_named() {
        let name = Some("web-01");
        for (text, expected) in [
            ("[identity.web-02]", "has no identity `web-01` (did you mean `web-02`?): it has web-02"),
            ("", "has no identity `web-01`: it has none"),
            ("idp_type = 'file'", "`idp_type` stands outside of an identity"),
            ("identity = 1", "`identity` stands outside of an identity"),
            ("[identity.x]\nidp_typ = 'file'", "[identity.x]: `idp_typ` is not known (did you mean `idp_type`?)"),
            ("[identity.x]\nIDP_TYPE = 'file'", "`IDP_TYPE` is not known (did you mean `idp_type`?)"),
            ("[identity.x]\nhttps_proxy = 'a'", "[identity.x]: `https_proxy` is not known"),
            (
                "[identity.x]\nauth0_client_secret = 'CANARY'",
                "[identity.x]: a secret does not belong into this file: name the file that holds it in \
                 `auth0_client_secret_file`",
            ),
            ("[identity.x]\nusers = []", "[identity.x]: `users` must be a list"),
            ("[identity.x]\nusers = 'a'", "[identity.x]: `users` must be a list"),
            ("[identity.x]\nusers = [-1]", "[identity.x]: `users` must be a list"),
            ("[identity.'../x']", "[identity.../x]: a name is 1 to 64 letters"),
            ("[identity.'.x']", "[identity..x]: a name is 1 to 64 letters"),
            ("[identity.x]\nidp_type = true", "[identity.x]: `idp_type` must be a text or a whole number"),
            ("[identity.x]\nidp_type = 'a'\nidp_type = 'CANARY'", "line 3: "),
            ("[identity.x]\n\nauth0_client_secret = CANARY", "line 3: "),
        ] {
            let problem = parse(text, name).unwrap_err();
            assert!(problem.contains(expected), "{problem}");
            assert!(!problem.contains("CANARY"), "{problem}");
        }
    }

    /// Whatever the configuration looks up stands in the table.
    #[test]
    fn every_variable_that_is_looked_up_is_known() {
        let looked_up = std::cell::RefCell::new(Vec::new());
        for idp_type in ["auth0", "cognito", "entra", "oidc", "file", "github"] {
            for is_set in [false, true] {
                let _ = crate::settings::config::Config::from_env(&|name| {
                    looked_up.borrow_mut().push(name.to_owned());
                    let is_choice = name.ends_with("_FILE") || name.contains("SECRET") || name.ends_with("ENDPOINT");
                    if name == "IDP_TYPE" {
                        Some(idp_type.to_owned())
                    } else {
                        (is_set && !is_choice).then(|| "a".to_owned())
                    }
                });
            }
        }
        for name in looked_up.into_inner() {
            assert!(crate::settings::known_variables::fact(&name).is_some(), "{name}");
        }
    }
}
