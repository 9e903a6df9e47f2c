//! What a request has been found to be, for its audit line.

use std::net::IpAddr;
use std::sync::Arc;

use jwt::{Claims, token_sha256};

/// The token, where the request came from, and the program's own `members`.
pub struct Record<M> {
    /// Where the request came from.
    pub source_ip: Option<IpAddr>,
    /// What the program's lines say beyond the token.
    pub members: M,
    /// Of the verified token.
    pub(crate) claims: Option<Arc<Claims>>,
    pub(crate) token_sha256: Option<Arc<str>>,
}

impl<M: Default> Record<M> {
    pub(crate) fn new(source_ip: Option<IpAddr>) -> Self {
        Self { source_ip, members: M::default(), claims: None, token_sha256: None }
    }
}

impl<M> Record<M> {
    /// From here on the line names the token, genuine or not.
    pub fn presented(&mut self, token: &str) {
        self.token_sha256 = Some(token_sha256(token).into());
    }

    /// As [`Record::presented`], for a token whose SHA-256 (hexadecimal) is known.
    pub fn presented_as(&mut self, token_sha256: Arc<str>) {
        self.token_sha256 = Some(token_sha256);
    }

    /// From here on the line names the client.
    pub fn verified(&mut self, claims: &Claims) {
        self.verified_before(Arc::new(claims.clone()));
    }

    /// As [`Record::verified`], for claims that several requests share.
    pub fn verified_before(&mut self, claims: Arc<Claims>) {
        self.claims = Some(claims);
    }

    /// The issuer of the verified token.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.claims.as_deref().map(Claims::issuer)
    }
}
