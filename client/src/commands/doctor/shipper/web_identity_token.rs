//! `AWS_WEB_IDENTITY_TOKEN_FILE`, as the shipper would use it.

use std::path::Path;

use super::{Check, Shipper};
use crate::error::Error;
use crate::idp::unverified_claims::UnverifiedClaims;
use crate::timestamp;

impl Check<'_> {
    /// Whether a web identity gives credentials.
    pub(super) fn web_identity(&mut self) -> Result<bool, Error> {
        let Some(path) = self.surroundings.get("AWS_WEB_IDENTITY_TOKEN_FILE") else { return Ok(false) };
        if self.surroundings.get("AWS_ROLE_ARN").is_none() {
            let fix = "set AWS_ROLE_ARN in the shipper's environment";
            self.fail("web identity", "AWS_WEB_IDENTITY_TOKEN_FILE is set, and AWS_ROLE_ARN is not", fix)?;
            return Ok(true);
        }
        self.token_file(&path)?;
        Ok(true)
    }

    /// The file that the environment or a profile names.
    pub(super) fn token_file(&mut self, path: &str) -> Result<(), Error> {
        match self.reader.read(Path::new(path)) {
            Ok(token) => self.token(path, &token),
            Err(problem) => {
                let fix = "let the shipper's user read it (`token-daemon --group … --mode 0640`)";
                self.fail("web identity", format_args!("`{path}`: {problem}"), fix)
            }
        }
    }

    fn token(&mut self, path: &str, token: &str) -> Result<(), Error> {
        const CHECK: &str = "web identity";
        let Some(claims) = UnverifiedClaims::parse(token.trim()) else {
            return self.fail(CHECK, format_args!("`{path}` holds no JWT"), "`credvend token-daemon` writes one");
        };
        // docs: AssumeRoleWithWebIdentity compares `aud`, which Cognito's machine-to-machine tokens do not have.
        let is_cognito = claims.text("iss").is_some_and(|issuer| issuer.contains("://cognito-idp."));
        if is_cognito || claims.get("aud").is_none() {
            let whose = if is_cognito { "is Cognito's" } else { "has no aud" };
            let fix = "Cognito's tokens go to the vending API: use the endpoint of `credvend serve`";
            return self.fail(CHECK, format_args!("the token in `{path}` {whose}: STS refuses such tokens"), fix);
        }
        if claims.expires_at().is_some_and(|end| end <= timestamp::now()) {
            let fix = "does `credvend token-daemon` run and write to this file?";
            return self.fail(CHECK, format_args!("the token in `{path}` has expired"), fix);
        }
        if token.ends_with(['\n', ' ', '\r']) {
            let fix = "write it without a newline, as `credvend token-daemon` does";
            return self.warn(CHECK, format_args!("`{path}` ends in a newline, which some SDKs send along"), fix);
        }
        if self.shipper == Shipper::Logstash {
            let fix = "have logstash-integration-aws of 2025 or newer, or use the endpoint";
            return self.warn(CHECK, format_args!("`{path}` is read by new versions of Logstash's plugin only"), fix);
        }
        self.ok(CHECK, format_args!("`{path}` holds a token that STS may take"))
    }
}
