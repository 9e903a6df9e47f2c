//! The variables that say whose tokens are accepted.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use environment::{Endpoint, Proxy, Variables};
use http_client::EXTRA_FILE_VARIABLES;
use jwt::{Algorithm, Issuer, IssuerKind, JwkSet};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::jwks::{MAX_JWKS_BYTES, describe};

use crate::issuer_values::{check_list, check_url, is_url};

const COGNITO_ISSUER: &str = "COGNITO_ISSUER";
const COGNITO_ISSUER_EXAMPLE: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI";
const TRUSTED_ISSUERS: &str = "TRUSTED_ISSUERS";
const TRUSTED_ISSUERS_EXAMPLE: &str =
    r#"[{"issuer":"https://idp.example.com","kind":"oidc","audiences":["credvend"]}]"#;

/// 30 days.
const MAX_LIFETIME_SECONDS: u64 = 2_592_000;
/// `JWKS_MAX_STALE_SECONDS`, its default and its bounds.
const MAX_STALE_SECONDS: (u64, u64) = (600, 21_600);

/// What the variables say about authentication.
pub struct AuthenticationSettings {
    /// Whose tokens are accepted.
    pub issuers: Vec<IssuerSettings>,
    /// `COGNITO_ISSUER`, which is one of them where it is set.
    pub cognito_issuer: Option<String>,
    /// How long keys serve when their issuer cannot be reached.
    pub jwks_max_stale: Duration,
    /// Requests a minute and client, where limited.
    pub rate_limit_per_minute: Option<u32>,
    /// More certificate authorities, on top of the embedded ones.
    pub extra_ca_files: Vec<PathBuf>,
    /// The proxy for `https`.
    pub proxy: Proxy,
}

/// One issuer.
pub struct IssuerSettings {
    /// The rules for its tokens.
    pub rules: Issuer,
    /// Where its keys are.
    pub keys: KeySource,
}

/// Where an issuer's keys are.
pub enum KeySource {
    /// Published, and fetched from there.
    Published(Endpoint),
    /// Given: nothing is fetched.
    Fixed(JwkSet),
}

/// One entry of `TRUSTED_ISSUERS`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    issuer: String,
    jwks_uri: Option<String>,
    jwks: Option<Box<RawValue>>,
    jwks_file: Option<PathBuf>,
    kind: Kind,
    #[serde(default)]
    audiences: Vec<String>,
    client_claim: Option<String>,
    #[serde(default)]
    accept_user_tokens: bool,
    algorithms: Option<Vec<String>>,
    scope_claims: Option<Vec<String>>,
    max_token_lifetime_seconds: Option<u64>,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Cognito,
    Oidc,
}

impl AuthenticationSettings {
    /// Reads everything; faults are noted in `variables`.
    #[must_use]
    pub fn from_env(variables: &Variables<'_>) -> Self {
        let (least, most) = MAX_STALE_SECONDS;
        let max_stale = variables.number("JWKS_MAX_STALE_SECONDS", least, most).unwrap_or(most);
        let rate_limit = variables.number("RATE_LIMIT_PER_MINUTE", 1, 1_000_000);
        Self {
            issuers: issuers(variables),
            cognito_issuer: cognito_issuer(variables),
            jwks_max_stale: Duration::from_secs(max_stale),
            rate_limit_per_minute: rate_limit.and_then(|rate| u32::try_from(rate).ok()),
            extra_ca_files: EXTRA_FILE_VARIABLES
                .iter()
                .filter_map(|name| variables.optional(name))
                .map(PathBuf::from)
                .collect(),
            proxy: Proxy::from_env(variables),
        }
    }

    /// The issuer that is meant where none is named: `COGNITO_ISSUER`, else the only one that is trusted.
    #[must_use]
    pub fn default_issuer(&self) -> Option<&str> {
        match (&self.cognito_issuer, self.issuers.as_slice()) {
            (Some(cognito), _) => Some(cognito),
            (None, [only]) => Some(&only.rules.url),
            (None, _) => None,
        }
    }
}

fn issuers(variables: &Variables<'_>) -> Vec<IssuerSettings> {
    let audiences = variables.words("ALLOWED_AUDIENCES");
    if !variables.is_set(COGNITO_ISSUER) && !variables.is_set(TRUSTED_ISSUERS) {
        variables.missing(COGNITO_ISSUER, format_args!("or {TRUSTED_ISSUERS}; for example `{COGNITO_ISSUER_EXAMPLE}`"));
    }
    if variables.is_set("JWKS_URI") && !variables.is_set(COGNITO_ISSUER) {
        let problem =
            format!("is for {COGNITO_ISSUER}, which is not set: entries of {TRUSTED_ISSUERS} have `jwks_uri`");
        variables.fault("JWKS_URI", problem);
    }
    let mut issuers: Vec<IssuerSettings> = cognito_entry(variables, &audiences)
        .and_then(|entry| settings(variables, COGNITO_ISSUER, COGNITO_ISSUER_EXAMPLE, entry))
        .into_iter()
        .collect();
    let entries = trusted_entries(variables);
    if entries.as_ref().is_some_and(Vec::is_empty) {
        let problem = "is an empty list: leave it out, or name an issuer";
        variables.fault(TRUSTED_ISSUERS, format_args!("{problem}; for example `{TRUSTED_ISSUERS_EXAMPLE}`"));
    }
    for mut entry in entries.unwrap_or_default() {
        if entry.audiences.is_empty() {
            entry.audiences.clone_from(&audiences);
        }
        let Some(settings) = settings(variables, TRUSTED_ISSUERS, TRUSTED_ISSUERS_EXAMPLE, entry) else { continue };
        if issuers.iter().any(|other| other.rules.url == settings.rules.url) {
            variables.fault(TRUSTED_ISSUERS, format_args!("{} is listed twice", settings.rules.url));
        }
        issuers.push(settings);
    }
    issuers
}

/// Cognito writes no slash at its end.
fn cognito_issuer(variables: &Variables<'_>) -> Option<String> {
    Some(variables.optional(COGNITO_ISSUER)?.trim_end_matches('/').to_owned())
}

fn cognito_entry(variables: &Variables<'_>, audiences: &[String]) -> Option<Entry> {
    Some(Entry {
        issuer: cognito_issuer(variables)?,
        jwks_uri: variables.optional("JWKS_URI"),
        kind: Kind::Cognito,
        audiences: audiences.to_vec(),
        jwks: None,
        jwks_file: None,
        client_claim: None,
        accept_user_tokens: false,
        algorithms: None,
        scope_claims: None,
        max_token_lifetime_seconds: None,
    })
}

/// `None`: there are none, or they are not what they should be.
fn trusted_entries(variables: &Variables<'_>) -> Option<Vec<Entry>> {
    let text = variables.document(TRUSTED_ISSUERS)?;
    let fault = |error: serde_json::Error| {
        let problem = format!("is not a JSON array of issuers: {error}; for example `{TRUSTED_ISSUERS_EXAMPLE}`");
        variables.fault(TRUSTED_ISSUERS, problem);
    };
    serde_json::from_str(&text).map_err(fault).ok()
}

fn settings(variables: &Variables<'_>, name: &str, example: &str, entry: Entry) -> Option<IssuerSettings> {
    let kind = match entry.kind {
        Kind::Cognito => IssuerKind::Cognito,
        Kind::Oidc => IssuerKind::Oidc,
    };
    check_claims(variables, name, &entry);
    if kind == IssuerKind::Oidc && entry.audiences.is_empty() {
        let problem = format!("{} has no `audiences`, and every oidc issuer needs one", entry.issuer);
        variables.fault(name, format_args!("{problem}; for example `{example}`"));
    }
    check_values(variables, name, &entry);
    let keys = keys(variables, name, &entry);
    let max_lifetime = max_lifetime(variables, name, entry.max_token_lifetime_seconds);
    let rules = Issuer {
        url: entry.issuer,
        kind,
        audiences: entry.audiences,
        client_claim: entry.client_claim,
        accept_user_tokens: entry.accept_user_tokens,
        scope_claims: entry.scope_claims.unwrap_or_else(Issuer::default_scope_claims),
        max_lifetime,
        algorithms: algorithms(variables, name, entry.algorithms),
    };
    Some(IssuerSettings { rules, keys: keys? })
}

/// What the service would start with, and then answer 401 to everybody.
fn check_values(variables: &Variables<'_>, name: &str, entry: &Entry) {
    check_url(variables, name, &entry.issuer);
    check_list(variables, name, "audiences", &entry.audiences);
    check_list(variables, name, "client_claim", entry.client_claim.as_slice());
    check_list(variables, name, "scope_claims", entry.scope_claims.as_deref().unwrap_or_default());
    if entry.algorithms.as_ref().is_some_and(Vec::is_empty) {
        variables.fault(name, "`algorithms` is an empty list: leave it out for RS256");
    }
}

fn check_claims(variables: &Variables<'_>, name: &str, entry: &Entry) {
    let named = entry.client_claim.as_deref();
    if entry.kind == Kind::Cognito && named.is_some() {
        variables.fault(name, "`client_claim` is for oidc issuers: a Cognito token names its client in `client_id`");
    }
    if entry.kind == Kind::Cognito && entry.scope_claims.is_some() {
        variables.fault(name, "`scope_claims` is for oidc issuers: a Cognito token holds its scopes in `scope`");
    }
    if entry.accept_user_tokens && named.is_none() {
        variables.fault(name, "`accept_user_tokens` needs a `client_claim`, the claim that names the client");
    }
    if entry.scope_claims.as_ref().is_some_and(Vec::is_empty) {
        variables.fault(name, "`scope_claims` is an empty list: leave it out for `scope` and `scp`");
    }
}

/// From a minute to the 30 days that Auth0 allows.
fn max_lifetime(variables: &Variables<'_>, name: &str, seconds: Option<u64>) -> Duration {
    match seconds {
        None => Issuer::DEFAULT_MAX_LIFETIME,
        Some(seconds) if (60..=MAX_LIFETIME_SECONDS).contains(&seconds) => Duration::from_secs(seconds),
        Some(seconds) => {
            let problem = format!("`max_token_lifetime_seconds` {seconds} is not from 60 to {MAX_LIFETIME_SECONDS}");
            variables.fault(name, problem);
            Issuer::DEFAULT_MAX_LIFETIME
        }
    }
}

fn keys(variables: &Variables<'_>, name: &str, entry: &Entry) -> Option<KeySource> {
    let example = format!("{COGNITO_ISSUER_EXAMPLE}/.well-known/jwks.json");
    let published = |name, uri: &str| variables.endpoint(name, uri, &example).map(KeySource::Published);
    match (&entry.jwks_uri, &entry.jwks, &entry.jwks_file) {
        (None, None, None) if !is_url(&entry.issuer) => None,
        (None, None, None) => published(name, &format!("{}/.well-known/jwks.json", entry.issuer.trim_end_matches('/'))),
        (Some(uri), None, None) => published(if name == COGNITO_ISSUER { "JWKS_URI" } else { name }, uri),
        (None, Some(set), None) => fixed(variables, name, "`jwks`", set.get().as_bytes()),
        (None, None, Some(file)) => {
            let place = format!("`jwks_file` {}", file.display());
            match read_key_set(file) {
                Ok(document) => fixed(variables, name, &place, &document),
                Err(error) => {
                    variables.fault(name, format_args!("{place} cannot be read: {error}"));
                    None
                }
            }
        }
        _ => {
            variables.fault(name, "only one of `jwks_uri`, `jwks` and `jwks_file` can say where an issuer's keys are");
            None
        }
    }
}

fn fixed(variables: &Variables<'_>, name: &str, place: &str, document: &[u8]) -> Option<KeySource> {
    let document = document.strip_prefix(b"\xef\xbb\xbf").unwrap_or(document);
    let set = JwkSet::parse(document);
    set.map_err(|error| variables.fault(name, format_args!("{place}: {}", describe(&error)))).ok().map(KeySource::Fixed)
}

/// A regular file of at most the size that is fetched: a pipe would be waited for without an end.
fn read_key_set(path: &Path) -> io::Result<Vec<u8>> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    if metadata.len() > MAX_JWKS_BYTES as u64 {
        return Err(io::Error::other(format!("it is larger than {MAX_JWKS_BYTES} bytes")));
    }
    std::fs::read(path)
}

fn algorithms(variables: &Variables<'_>, name: &str, names: Option<Vec<String>>) -> Vec<Algorithm> {
    let mut algorithms = Vec::new();
    for text in names.unwrap_or_else(|| vec!["RS256".to_owned()]) {
        match Algorithm::parse(&text) {
            Some(algorithm) => algorithms.push(algorithm),
            None => {
                variables.fault(name, format_args!("algorithm {text:?} is none of RS256, RS384, RS512, PS256, ES256"));
            }
        }
    }
    algorithms
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<AuthenticationSettings, String> {
        let lookup = |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let variables = Variables::new(&lookup);
        let settings = AuthenticationSettings::from_env(&variables);
        variables.finish(Some(settings)).map_err(|error| error.to_string())
    }

    const COGNITO: (&str, &str) = (COGNITO_ISSUER, "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_x");

    #[test]
    fn one_issuer_is_enough() {
        let settings = read(&[COGNITO]).unwrap();
        assert_eq!(settings.issuers.len(), 1);
        assert_eq!(settings.issuers[0].rules.algorithms, [Algorithm::Rs256]);
        let KeySource::Published(uri) = &settings.issuers[0].keys else { panic!("they are published") };
        assert_eq!(uri.as_str(), format!("{}/.well-known/jwks.json", COGNITO.1));
        assert_eq!(settings.rate_limit_per_minute, None);
    }

    #[test]
    fn plain_http_keys_are_for_loopback_only() {
        assert!(
            read(&[COGNITO, ("JWKS_URI", "http://keys.example.com/jwks.json")]).err().unwrap().contains("JWKS_URI")
        );
        assert!(read(&[COGNITO, ("JWKS_URI", "http://127.0.0.1:1234/jwks.json")]).is_ok());
    }

    #[test]
    fn what_is_no_url_is_one_fault() {
        for url in ["idp.example.com", "eu-west-1_x", "http://idp.example.com", "https://x?a=b", "https://x#y"] {
            let entry = format!(r#"[{{"issuer":"{url}","kind":"cognito"}}]"#);
            for variable in [(COGNITO_ISSUER, url), (TRUSTED_ISSUERS, &entry)] {
                let message = read(&[variable]).err().unwrap();
                assert!(message.contains("the issuer `") && !message.contains("; "), "{variable:?}: {message}");
            }
        }
        // A set of keys that cannot be read is another fault.
        let entry = r#"[{"issuer":"x","kind":"cognito","jwks":[]}]"#;
        let message = read(&[(TRUSTED_ISSUERS, entry)]).err().unwrap();
        assert!(message.contains("the issuer `x`") && message.contains("not a JWK set"), "{message}");
    }

    #[test]
    fn entries_that_cannot_be_used() {
        for (entries, problem) in [
            (r#"[{"issuer":"https://x","kind":"oidc"}]"#, "no `audiences`"),
            (
                r#"[{"issuer":"https://x","kind":"oidc","audiences":["a"],"algorithms":["HS256"]}]"#,
                "\"HS256\" is none of",
            ),
            (r#"[{"issuer":"https://x","kind":"cognito","client_claim":"azp"}]"#, "`client_claim` is for oidc"),
            (r#"[{"issuer":"https://x","kind":"cognito","scope_claims":["a"]}]"#, "`scope_claims` is for oidc"),
            (
                r#"[{"issuer":"https://x","kind":"oidc","audiences":["a"],"scope_claims":[]}]"#,
                "`scope_claims` is an empty list",
            ),
            (r#"[{"issuer":"https://x","kind":"oidc","audiences":["a"],"accept_user_tokens":true}]"#, "`client_claim`"),
            (r#"[{"issuer":"https://x","kind":"cognito","accept_user_tokens":true}]"#, "`client_claim`"),
            (r#"[{"issuer":"https://x","kind":"cognito","max_token_lifetime_seconds":59}]"#, "59 is not from 60"),
            (r#"[{"issuer":"https://x","kind":"cognito","max_token_lifetime_seconds":2592001}]"#, "2592001 is not"),
            (r#"[{"issuer":"https://x","kind":"cognito","jwks":{"keys":[]}}]"#, "`jwks`: the JWK set holds no usable"),
            (r#"[{"issuer":"https://x","kind":"cognito","jwks":{"keys":[{"kty":"oct","kid":"a"}]}}]"#, "its `kty`"),
            (r#"[{"issuer":"https://x","kind":"cognito","jwks":[]}]"#, "not a JWK set"),
            (
                r#"[{"issuer":"https://x","kind":"cognito","jwks_file":"/nonexistent/keys"}]"#,
                "`jwks_file` /nonexistent",
            ),
            (r#"[{"issuer":"https://x","kind":"cognito","jwks_file":"/dev/zero"}]"#, "not a regular file"),
            (r#"[{"issuer":"https://x","kind":"cognito","jwks_uri":"https://x/k","jwks":{"keys":[]}}]"#, "only one of"),
            (r#"[{"issuer":"https://x","kind":"cognito","typo":1}]"#, "not a JSON array of issuers"),
            (r#"[{"issuer":"https://x","kind":"cognito"},{"issuer":"https://x","kind":"cognito"}]"#, "listed twice"),
        ] {
            let message = read(&[(TRUSTED_ISSUERS, entries)]).err().unwrap();
            assert!(message.contains(problem), "{entries}: {message}");
        }
        for empty in ["[]", " [ ] ", "[\n]"] {
            for others in [&[][..], &[COGNITO]] {
                let message = read(&[&[(TRUSTED_ISSUERS, empty)], others].concat()).err().unwrap();
                assert!(message.contains("is an empty list"), "{empty:?}: {message}");
            }
        }
        // What a template leaves of a list that nobody filled in is not set.
        assert_eq!(read(&[COGNITO, (TRUSTED_ISSUERS, "")]).unwrap().issuers.len(), 1);
        assert!(read(&[]).err().unwrap().contains(COGNITO_ISSUER));
        let pretty = "[\n  {\"issuer\": \"https://x\", \"kind\": \"cognito\"}\n]\n";
        assert_eq!(read(&[(TRUSTED_ISSUERS, pretty)]).unwrap().issuers.len(), 1);
    }
}
