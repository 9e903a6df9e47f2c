//! What a request has been found to be, for its audit line.

use std::net::IpAddr;

use jwt::{Claims, token_sha256};

/// The token, where the request came from, and the program's own `members`.
pub struct Record<M> {
    /// Where the request came from.
    pub source_ip: Option<IpAddr>,
    /// What the program's lines say beyond the token.
    pub members: M,
    pub(crate) issuer: Option<String>,
    pub(crate) client_id: Option<String>,
    pub(crate) token_id: Option<String>,
    pub(crate) token_sha256: Option<String>,
    pub(crate) scopes: Vec<String>,
}

impl<M: Default> Record<M> {
    pub(crate) fn new(source_ip: Option<IpAddr>) -> Self {
        Self {
            source_ip,
            members: M::default(),
            issuer: None,
            client_id: None,
            token_id: None,
            token_sha256: None,
            scopes: Vec::new(),
        }
    }
}

impl<M> Record<M> {
    /// From here on the line names the token, genuine or not.
    pub fn presented(&mut self, token: &str) {
        self.token_sha256 = Some(token_sha256(token));
    }

    /// As [`Record::presented`], for a token whose SHA-256 (hexadecimal) is known.
    pub fn presented_as(&mut self, token_sha256: String) {
        self.token_sha256 = Some(token_sha256);
    }

    /// From here on the line names the client.
    pub fn verified(&mut self, claims: &Claims) {
        self.issuer = Some(claims.issuer().to_owned());
        self.client_id = Some(claims.client_id().to_owned());
        self.token_id = claims.token_id().map(str::to_owned);
        self.scopes = claims.scopes().to_vec();
    }

    /// The issuer of the verified token.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }
}
