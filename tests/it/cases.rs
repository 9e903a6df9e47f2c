//! `tests/cases`: a folder is a test. See `tests/cases/jwt/README.md` for the format.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use authenticate::{AuthenticationError, IssuerKeys, KeyError, TrustedIssuer, TrustedIssuers};
use jwt::{Algorithm, Claims, Issuer, IssuerKind, JwkSet, UnverifiedToken};
use serde::Deserialize;
use tests::process::repository;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IssuerEntry {
    issuer: String,
    kind: String,
    #[serde(default)]
    audiences: Vec<String>,
    client_claim: Option<String>,
    #[serde(default)]
    accept_user_tokens: bool,
    scope_claims: Option<Vec<String>>,
    max_token_lifetime_seconds: Option<u64>,
    algorithms: Option<Vec<String>>,
    jwks: PathBuf,
    #[serde(default, rename = "comment")]
    _comment: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenCase {
    token: Option<String>,
    token_generator: Option<Generator>,
    issuer: String,
    now: u64,
    verdict: String,
    reason: Option<String>,
    because: String,
    source: String,
}

/// Spells out a token that is too large to lie in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Generator {
    #[serde(default)]
    prefix: String,
    repeat: String,
    times: usize,
    #[serde(default)]
    suffix: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JwksCase {
    jwks: String,
    usable_kids: Vec<String>,
    verdict: String,
    because: String,
    source: String,
}

fn folders(path: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut folders: Vec<_> =
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.join("case.json").exists()).collect();
    folders.sort();
    folders
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> T {
    let text = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The steps from a token to claims, as every program takes them.
async fn verify(token: &str, issuers: &TrustedIssuers, now: SystemTime) -> Result<Claims, AuthenticationError> {
    let token = UnverifiedToken::parse(token)?;
    let issuer = issuers.find(token.issuer())?;
    let key = issuer.keys.key(token.key_id(), now).await?;
    Ok(issuer.rules.verify(&token, &key, now)?)
}

fn reason(error: &AuthenticationError) -> &'static str {
    match error {
        AuthenticationError::Token(error) => error.reason(),
        AuthenticationError::Key(KeyError::Unknown) => "unknown_key",
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn tokens() {
    let root = repository().join("tests/cases/jwt");
    let entries: HashMap<String, IssuerEntry> = read(&root.join("issuers.json"));
    let issuers: HashMap<String, TrustedIssuers> = entries
        .into_iter()
        .map(|(name, entry)| {
            let keys = std::fs::read(root.join(&entry.jwks)).unwrap();
            let algorithms = entry.algorithms.unwrap_or_else(|| vec!["RS256".to_owned()]);
            let rules = Issuer {
                url: entry.issuer,
                kind: if entry.kind == "cognito" { IssuerKind::Cognito } else { IssuerKind::Oidc },
                audiences: entry.audiences,
                client_claim: entry.client_claim,
                accept_user_tokens: entry.accept_user_tokens,
                scope_claims: entry.scope_claims.unwrap_or_else(Issuer::default_scope_claims),
                max_lifetime: entry
                    .max_token_lifetime_seconds
                    .map_or(Issuer::DEFAULT_MAX_LIFETIME, Duration::from_secs),
                algorithms: algorithms.iter().map(|name| Algorithm::parse(name).unwrap()).collect(),
            };
            let keys = IssuerKeys::fixed(JwkSet::parse(&keys).unwrap());
            (name, TrustedIssuers::of(vec![TrustedIssuer { rules, keys }]))
        })
        .collect();
    let (mut accepted, mut refused, mut wrong) = (0, 0, Vec::new());
    for folder in folders(&root) {
        let case: TokenCase = read(&folder.join("case.json"));
        let token = case.token.unwrap_or_else(|| {
            let Generator { prefix, repeat, times, suffix } = case.token_generator.expect("a token or a generator");
            format!("{prefix}{}{suffix}", repeat.repeat(times))
        });
        let outcome = verify(&token, &issuers[&case.issuer], UNIX_EPOCH + Duration::from_secs(case.now)).await;
        let (verdict, reason) = match &outcome {
            Ok(_) => ("accept", None),
            Err(error) => ("refuse", Some(reason(error))),
        };
        if verdict != case.verdict || reason != case.reason.as_deref() {
            wrong.push(format!(
                "{}: {verdict} {reason:?}, but {} {:?} since {} ({})",
                folder.file_name().unwrap().display(),
                case.verdict,
                case.reason,
                case.because,
                case.source
            ));
        }
        if verdict == "accept" { accepted += 1 } else { refused += 1 }
    }
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
    assert!(refused >= 150 && accepted >= 25, "{refused} refused, {accepted} accepted");
}

#[test]
fn key_sets() {
    let mut count = 0;
    for folder in folders(&repository().join("tests/cases/jwks")) {
        let case: JwksCase = read(&folder.join("case.json"));
        let name = folder.file_name().unwrap().display().to_string();
        let context = format!("{name}: {} ({})", case.because, case.source);
        match JwkSet::parse(case.jwks.as_bytes()) {
            Ok(set) => {
                assert_eq!(case.verdict, "accept", "{context}");
                assert_eq!(set.key_ids().collect::<Vec<_>>(), case.usable_kids, "{context}");
            }
            Err(error) => assert_eq!(case.verdict, "refuse", "{context}: {error}"),
        }
        count += 1;
    }
    assert!(count >= 10, "{count}");
}
