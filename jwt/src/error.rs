//! Why a token or a key set was refused. Variants carry data; no variant carries the token.

use thiserror::Error;

use crate::jwk::LeftOut;

/// Why a token is not genuine. Every variant is the caller's fault and final for this token.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Larger than [`crate::MAX_TOKEN_BYTES`]; refused before anything is decoded.
    #[error("the token is {bytes} bytes long; at most {} are read", crate::MAX_TOKEN_BYTES)]
    TooLarge {
        /// Length of what was presented.
        bytes: usize,
    },
    /// Not three parts of canonical base64url that hold JSON objects (RFC 7515 §7.1).
    #[error("the token is malformed: {0}")]
    Malformed(&'static str),
    /// `alg` is none of the asymmetric algorithms that this issuer may use (RFC 8725 §3.1), or not the key's own.
    #[error("the token's algorithm is not accepted for this issuer and key")]
    UnsupportedAlgorithm,
    /// A header member that must not be followed or cannot be honoured (`crit`, `jwk`, `jku`, `x5u`, `x5c`, `b64`, `typ`).
    #[error("the token's header member `{0}` is not accepted")]
    UnsupportedHeader(&'static str),
    /// No `kid`, so no key can be chosen (RFC 7515 §4.1.4).
    #[error("the token's header has no `kid`")]
    MissingKeyId,
    /// The signature does not match (RFC 7515 §5.2).
    #[error("the token's signature does not match")]
    BadSignature,
    /// `iss` is not, byte for byte, an issuer that is trusted here.
    #[error("the token's issuer is not trusted here")]
    UntrustedIssuer,
    /// A required claim is missing.
    #[error("the token has no `{0}` claim")]
    MissingClaim(String),
    /// A member has the wrong JSON type; it is never treated as absent (CVE-2026-25537, CVE-2024-5798).
    #[error("the token's `{0}` has the wrong JSON type")]
    WrongType(String),
    /// `token_use` is not `access`: an ID token, for instance.
    #[error("the token is not an access token (`token_use`)")]
    WrongTokenUse,
    /// The token stands for a person, or does not show that it stands for the client itself.
    #[error(
        "the token does not show that it was issued to the client itself: `client_id` must equal `sub`, or, where the \
         issuer's entry has a `client_claim`, the token must hold what \"A client's own token\" in docs/vending-api.md lists"
    )]
    ClientMismatch,
    /// `aud` names none of the accepted audiences (RFC 7519 §4.1.3).
    #[error("the token is meant for another audience (`aud`)")]
    WrongAudience,
    /// `exp` has passed (RFC 7519 §4.1.4).
    #[error("the token has expired (`exp`)")]
    Expired,
    /// `nbf` or `iat` lies in the future (RFC 7519 §4.1.5, §4.1.6).
    #[error("the token is not valid yet (`nbf`, `iat`)")]
    NotYetValid,
    /// Valid for longer than this issuer's tokens may be.
    #[error(
        "the token's lifetime is longer than its issuer's tokens may have (24 hours, or `max_token_lifetime_seconds`)"
    )]
    LifetimeTooLong,
}

impl TokenError {
    /// A stable name for logs, metrics and test cases.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too_large",
            Self::Malformed(_) => "malformed",
            Self::UnsupportedAlgorithm => "unsupported_algorithm",
            Self::UnsupportedHeader(_) => "unsupported_header",
            Self::MissingKeyId => "missing_key_id",
            Self::BadSignature => "bad_signature",
            Self::UntrustedIssuer => "untrusted_issuer",
            Self::MissingClaim(_) => "missing_claim",
            Self::WrongType(_) => "wrong_type",
            Self::WrongTokenUse => "wrong_token_use",
            Self::ClientMismatch => "client_mismatch",
            Self::WrongAudience => "wrong_audience",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::LifetimeTooLong => "lifetime_too_long",
        }
    }
}

/// Why a whole key set is refused. One bad key is not such a reason: it is left out.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum JwkSetError {
    /// Not a JSON object with an array `keys` (RFC 7517 §5).
    #[error("not a JWK set: a JSON object with an array `keys` is expected")]
    Malformed,
    /// A set without one key that could verify a signature.
    #[error("the JWK set holds no usable signature key")]
    NoUsableKey {
        /// What it holds instead.
        left_out: Vec<LeftOut>,
    },
}
