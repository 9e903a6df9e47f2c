//! A token that another program keeps fresh in a file: Kubernetes' projected tokens, SPIFFE JWT-SVIDs.

use std::path::PathBuf;
use std::time::SystemTime;

use super::client_credentials::is_bearer_token;
use super::error::{IdpError, TokenFileProblem};
use super::unverified_claims::UnverifiedClaims;
use crate::access_token::AccessToken;
use crate::files::input_file;
use crate::secret::Secret;
use crate::timestamp;
use environment::Variables;

const MAX_TOKEN_BYTES: u64 = 64 * 1024;

/// Where the token lies. It is read at every exchange, since it is replaced at any time.
pub(crate) struct TokenFile {
    pub(crate) path: PathBuf,
}

impl TokenFile {
    /// Reads `OIDC_TOKEN_FILE`; `None` when a fault was noted.
    pub(crate) fn from_env(variables: &Variables<'_>) -> Option<Self> {
        let path = variables.required("OIDC_TOKEN_FILE", "/var/run/secrets/tokens/aws")?;
        Some(Self { path: path.into() })
    }

    pub(crate) fn token(&self, now: SystemTime) -> Result<AccessToken, IdpError> {
        self.read(now).map_err(|problem| IdpError::TokenFile { path: self.path.clone(), problem })
    }

    fn read(&self, now: SystemTime) -> Result<AccessToken, TokenFileProblem> {
        let (text, _) = input_file::read(&self.path, MAX_TOKEN_BYTES).map_err(TokenFileProblem::Unreadable)?;
        let value = Secret::new(text.trim().to_owned());
        if value.expose().is_empty() {
            return Err(TokenFileProblem::Empty);
        }
        if !is_bearer_token(value.expose()) {
            return Err(TokenFileProblem::NoToken);
        }
        // What does not say when it ends is for the service to judge.
        let expires_at = UnverifiedClaims::parse(value.expose()).and_then(|claims| claims.expires_at());
        if let Some(expires_at) = expires_at.filter(|expires_at| *expires_at <= now) {
            return Err(TokenFileProblem::Expired(timestamp::format(expires_at)));
        }
        Ok(AccessToken { value, obtained_at: now, expires_at: expires_at.unwrap_or(now) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content: &str) -> Result<String, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        let token = TokenFile { path: file.path().to_owned() }.read(SystemTime::UNIX_EPOCH);
        token.map(|token| token.value.expose().to_owned()).map_err(|problem| problem.to_string())
    }

    #[test]
    fn one_token_with_space_around_it() {
        assert_eq!(read(" a.b.c\r\n"), Ok("a.b.c".to_owned()));
        assert!(read(" \n").unwrap_err().starts_with("is empty"));
        assert!(read("a.b.c\nd.e.f\n").unwrap_err().starts_with("holds more than a token"));
        assert!(read(&"x".repeat(64 * 1024 + 1)).unwrap_err().starts_with("is larger"));
        assert_eq!(read("\u{feff}a.b.c\n"), Ok("a.b.c".to_owned()));
    }
}
