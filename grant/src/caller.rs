//! Whose request is decided.

use jwt::Claims;

/// A client as its token names it: all that a decision reads of one. The service makes it from verified [`Claims`] alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller<'a> {
    issuer: &'a str,
    client_id: &'a str,
    scopes: &'a [String],
}

impl<'a> From<&'a Claims> for Caller<'a> {
    fn from(claims: &'a Claims) -> Self {
        Self { issuer: claims.issuer(), client_id: claims.client_id(), scopes: claims.scopes() }
    }
}

impl<'a> Caller<'a> {
    /// A client that has shown no token, for programs that ask what would be decided and vend nothing.
    #[must_use]
    pub fn supposed(issuer: &'a str, client_id: &'a str, scopes: &'a [String]) -> Self {
        Self { issuer, client_id, scopes }
    }

    /// The trusted issuer, byte for byte.
    #[must_use]
    pub fn issuer(&self) -> &'a str {
        self.issuer
    }

    /// The client that the token was issued to.
    #[must_use]
    pub fn client_id(&self) -> &'a str {
        self.client_id
    }

    /// The scopes that the token holds, in its order.
    #[must_use]
    pub fn scopes(&self) -> &'a [String] {
        self.scopes
    }
}
