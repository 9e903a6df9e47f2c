//! A trusted issuer and the rules its tokens must meet: the only maker of [`Claims`].

use std::time::{Duration, SystemTime};

use crate::claims::{ClaimReader, Claims, LEEWAY_SECONDS, NumericDate, missing};
use crate::client_grant;
use crate::error::TokenError;
use crate::jwk::VerificationKey;
use crate::signature::Algorithm;
use crate::token::UnverifiedToken;

/// A party whose tokens are accepted, and on which terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// The exact `iss` value.
    pub url: String,
    /// Which shape its tokens have.
    pub kind: IssuerKind,
    /// Accepted `aud` values. Empty accepts any, which only a Cognito issuer may do.
    pub audiences: Vec<String>,
    /// The claim that names the client. `None`: `client_id`, which must then equal `sub`.
    pub client_claim: Option<String>,
    /// Whether a token may stand for a person: with a `client_claim`, no evidence of the client's own grant is asked for.
    pub accept_user_tokens: bool,
    /// The claims of an oidc issuer that hold scopes.
    pub scope_claims: Vec<String>,
    /// The longest accepted lifetime of a token.
    pub max_lifetime: Duration,
    /// Accepted signature algorithms.
    pub algorithms: Vec<Algorithm>,
}

/// What kind of tokens an issuer makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IssuerKind {
    /// An Amazon Cognito user pool: `token_use`, and no `aud` in machine-to-machine tokens.
    Cognito,
    /// Any other issuer of JWT access tokens: `aud` is required (RFC 9068 §4).
    Oidc,
}

impl Issuer {
    /// Cognito's and Auth0's own maximum for access tokens.
    pub const DEFAULT_MAX_LIFETIME: Duration = Duration::from_secs(86_400);

    /// RFC 8693 §4.2, and what Okta and Entra write.
    #[must_use]
    pub fn default_scope_claims() -> Vec<String> {
        ["scope", "scp"].map(str::to_owned).to_vec()
    }

    /// Checks everything that a signature, the issuer's rules and the clock can tell.
    ///
    /// # Errors
    /// The first rule that the token breaks.
    pub fn verify(
        &self,
        token: &UnverifiedToken<'_>,
        key: &VerificationKey,
        now: SystemTime,
    ) -> Result<Claims, TokenError> {
        if token.issuer() != self.url {
            return Err(TokenError::UntrustedIssuer);
        }
        if !self.algorithms.contains(&token.jws().algorithm) {
            return Err(TokenError::UnsupportedAlgorithm);
        }
        key.verify(token.jws())?;

        let claims = TypedClaims::read(self, &ClaimReader(token.unverified_claims()))?;
        self.check_token_use(&claims)?;
        let client_id = self.client_id(token, &claims)?;
        self.check_audience(&claims)?;
        let expires_at = self.check_time(&claims, NumericDate::at(now))?;
        Ok(Claims {
            issuer: self.url.clone(),
            client_id: client_id.to_owned(),
            scopes: claims.scopes,
            token_id: claims.token_id.map(str::to_owned),
            expires_at: expires_at.to_system_time(),
        })
    }

    fn check_token_use(&self, claims: &TypedClaims<'_>) -> Result<(), TokenError> {
        match (self.kind, claims.token_use) {
            (IssuerKind::Oidc, _) | (IssuerKind::Cognito, Some("access")) => Ok(()),
            (IssuerKind::Cognito, Some(_)) => Err(TokenError::WrongTokenUse),
            (IssuerKind::Cognito, None) => Err(missing("token_use")),
        }
    }

    /// RFC 9068 §5: in a token of the client credentials grant `sub` is the client itself. A person's token of the
    /// same client has another `sub`, and vends nothing.
    fn client_id<'a>(&self, token: &'a UnverifiedToken<'_>, claims: &TypedClaims<'a>) -> Result<&'a str, TokenError> {
        match (self.kind, &self.client_claim) {
            (IssuerKind::Oidc, Some(name)) => {
                let reader = ClaimReader(token.unverified_claims());
                let client_id = reader.required_text(name)?;
                let is_accepted = self.accept_user_tokens || client_grant::is_shown(&reader, name, client_id);
                if is_accepted { Ok(client_id) } else { Err(TokenError::ClientMismatch) }
            }
            _ => {
                let client_id = claims.client_id.filter(|id| !id.is_empty()).ok_or_else(|| missing("client_id"))?;
                let subject = claims.subject.ok_or_else(|| missing("sub"))?;
                if subject == client_id { Ok(client_id) } else { Err(TokenError::ClientMismatch) }
            }
        }
    }

    fn check_audience(&self, claims: &TypedClaims<'_>) -> Result<(), TokenError> {
        let Some(audience) = &claims.audience else {
            return match self.kind {
                IssuerKind::Cognito => Ok(()),
                IssuerKind::Oidc => Err(missing("aud")),
            };
        };
        let any_is_accepted = self.kind == IssuerKind::Cognito && self.audiences.is_empty();
        if any_is_accepted || audience.iter().any(|aud| self.audiences.iter().any(|own| own == aud)) {
            Ok(())
        } else {
            Err(TokenError::WrongAudience)
        }
    }

    fn check_time(&self, claims: &TypedClaims<'_>, now: NumericDate) -> Result<NumericDate, TokenError> {
        let expires_at = claims.expires_at.ok_or_else(|| missing("exp"))?;
        if expires_at.is_over(now) {
            return Err(TokenError::Expired);
        }
        let in_future = |time: Option<NumericDate>| time.is_some_and(|time| time.seconds_after(now) > LEEWAY_SECONDS);
        if in_future(claims.not_before) || in_future(claims.issued_at) {
            return Err(TokenError::NotYetValid);
        }
        if expires_at.seconds_after(claims.issued_at.unwrap_or(now)) > self.max_lifetime.as_secs_f64() {
            return Err(TokenError::LifetimeTooLong);
        }
        Ok(expires_at)
    }
}

/// Every claim that any rule looks at, each with its type checked before the first rule is applied.
struct TypedClaims<'a> {
    subject: Option<&'a str>,
    client_id: Option<&'a str>,
    token_use: Option<&'a str>,
    token_id: Option<&'a str>,
    audience: Option<Vec<&'a str>>,
    scopes: Vec<String>,
    expires_at: Option<NumericDate>,
    not_before: Option<NumericDate>,
    issued_at: Option<NumericDate>,
}

impl<'a> TypedClaims<'a> {
    fn read(issuer: &Issuer, reader: &ClaimReader<'a>) -> Result<Self, TokenError> {
        let scopes = match issuer.kind {
            IssuerKind::Cognito => reader.text("scope")?.map(|scope| split_scopes(scope).collect()).unwrap_or_default(),
            IssuerKind::Oidc => read_scopes(reader, &issuer.scope_claims)?,
        };
        Ok(Self {
            subject: reader.text("sub")?,
            client_id: reader.text("client_id")?,
            token_use: reader.text("token_use")?,
            token_id: reader.text("jti")?,
            audience: reader.texts("aud")?,
            scopes,
            expires_at: reader.time("exp")?,
            not_before: reader.time("nbf")?,
            issued_at: reader.time("iat")?,
        })
    }
}

/// All scopes of all these claims, each a string or an array of strings: RFC 8693 §4.2 has one string, and authorization
/// servers of every kind write arrays.
fn read_scopes(reader: &ClaimReader<'_>, claims: &[String]) -> Result<Vec<String>, TokenError> {
    let mut scopes = Vec::new();
    for claim in claims {
        scopes.extend(reader.texts(claim)?.unwrap_or_default().into_iter().flat_map(split_scopes));
    }
    Ok(scopes)
}

/// RFC 6749 §3.3: values are separated by single spaces, and nothing else separates.
fn split_scopes(scope: &str) -> impl Iterator<Item = String> {
    scope.split(' ').filter(|value| !value.is_empty()).map(str::to_owned)
}
