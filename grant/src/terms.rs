//! What a service demands of every client, and how long and as what its sessions run.

use std::time::Duration;

use environment::Variables;

use crate::observe::ObservedItems;
use crate::session::SessionIdentity;

/// What the service itself demands of every client.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Scopes of which a token must hold every one.
    pub required_scopes: Vec<String>,
    /// Lifetime for mappings that do not set one.
    pub session_duration: Duration,
    /// What sessions carry.
    pub session_identity: SessionIdentity,
    /// `COGNITO_ISSUER`: the one issuer whose clients need no other name than their id.
    pub plainly_named_issuer: Option<String>,
    /// Rules that are observed for items that do not say so themselves.
    pub observed: ObservedItems,
}

impl Terms {
    /// Reads everything; faults are noted in `variables`. `default_identity` is for a service that is told none.
    #[must_use]
    pub fn from_env(
        variables: &Variables<'_>,
        plainly_named_issuer: Option<String>,
        default_identity: SessionIdentity,
    ) -> Self {
        let identities = [("tags", SessionIdentity::Tags), ("name", SessionIdentity::Name)];
        Self {
            required_scopes: variables.words("REQUIRED_SCOPES"),
            session_duration: session_duration(variables),
            session_identity: variables.choice("SESSION_IDENTITY", &identities).unwrap_or(default_identity),
            plainly_named_issuer,
            observed: ObservedItems::from_env(variables),
        }
    }

    /// The issuer, where names must tell its clients from those of others.
    #[must_use]
    pub fn naming_issuer(&self, issuer: &str) -> Option<String> {
        Some(issuer).filter(|issuer| self.plainly_named_issuer.as_deref() != Some(issuer)).map(str::to_owned)
    }
}

fn session_duration(variables: &Variables<'_>) -> Duration {
    let name = "SESSION_DURATION_SECONDS";
    let default = Duration::from_secs(3600);
    let Some(text) = variables.optional(name) else { return default };
    match text.parse() {
        Ok(seconds) if (900..=3600).contains(&seconds) => Duration::from_secs(seconds),
        _ => {
            variables.fault(
                name,
                format_args!(
                    "{text:?} is not a number of seconds from 900 to 3600: a Lambda's AssumeRole is role chaining, \
                     which STS ends after one hour whatever the role's own maximum"
                ),
            );
            default
        }
    }
}
