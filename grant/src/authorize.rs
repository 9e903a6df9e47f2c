//! The only place that decides. Claims and a mapping go in; a grant or the first rule that said no comes out.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use environment::RoleArn;
use jwt::Claims;
use thiserror::Error;
use vending_api::S3Permissions;

use crate::role_mapping::{RoleMapping, SessionPolicy};
use crate::s3_prefix;
use crate::session::SessionIdentity;
use crate::terms::Terms;

/// How far a caller wants its session narrowed below what its mapping grants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScopeDown {
    /// A shorter lifetime.
    pub duration: Option<Duration>,
    /// A prefix under the mapping's own.
    pub s3_path_prefix: Option<String>,
    /// A level not above the mapping's own.
    pub s3_permissions: Option<S3Permissions>,
}

/// What a client gets: everything a session is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The role to assume.
    pub role_arn: RoleArn,
    /// For session names and tags.
    pub server_name: Option<String>,
    /// The prefix echoed to the client, and enforced where `restriction` says so.
    pub s3_path_prefix: String,
    /// The level enforced by a generated policy.
    pub s3_permissions: S3Permissions,
    /// What restricts the session beyond the role's own policies.
    pub restriction: Restriction,
    /// Lifetime of the credentials.
    pub duration: Duration,
    /// `ExternalId`.
    pub external_id: Option<String>,
    /// What the session carries.
    pub identity: SessionIdentity,
    /// The issuer, where names must tell its clients from those of others.
    pub naming_issuer: Option<String>,
}

/// What restricts a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Restriction {
    /// The role's own policies alone decide.
    RoleOnly,
    /// A policy generated from prefix and permissions; `Some` where the caller has narrowed them.
    S3Prefix(Option<Narrowing>),
    /// A policy written by the operator.
    Inline(String),
}

/// What a caller has narrowed: a policy that cannot be made is then the caller's fault, unless the item alone could not
/// have had one either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Narrowing {
    /// Member of the request body.
    pub member: &'static str,
    /// Whether the item asks for a generated policy itself.
    pub item_restricts: bool,
    /// The item's own prefix.
    pub item_prefix: String,
    /// The item's own level.
    pub item_permissions: S3Permissions,
}

/// The rule that said no.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Denial {
    /// The item is for another issuer's tokens.
    #[error("client {client_id:?} is not registered for tokens of {issuer}: its item names another `issuer`, or none")]
    OtherIssuer {
        /// From the verified token.
        client_id: String,
        /// From the verified token.
        issuer: String,
    },
    /// Switched off by an operator.
    #[error("client {client_id:?} is disabled")]
    Disabled {
        /// From the verified token.
        client_id: String,
    },
    /// `expires_at` of the item has passed.
    #[error("the registration of client {client_id:?} has expired")]
    Expired {
        /// From the verified token.
        client_id: String,
    },
    /// The token does not hold the scopes it needs.
    #[error("the token's scopes do not suffice: {demand}")]
    InsufficientScope {
        /// What was asked for.
        demand: String,
    },
    /// The caller's address lies in none of the item's networks.
    #[error("client {client_id:?} may not ask from {}", source_ip.map_or("an unknown address".to_owned(), |ip| ip.to_string()))]
    SourceNotAllowed {
        /// From the verified token.
        client_id: String,
        /// Where the request came from, if that is known.
        source_ip: Option<IpAddr>,
    },
    /// A requested scope-down that would widen the grant.
    #[error("`{member}` {problem}")]
    WiderThanMapping {
        /// Member of the request body.
        member: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A requested scope-down that cannot be enforced.
    #[error("`{member}` cannot be narrowed: {problem}")]
    NotNarrowable {
        /// Member of the request body.
        member: &'static str,
        /// Why.
        problem: &'static str,
    },
}

/// Decides what `claims` get under `mapping`.
///
/// # Errors
/// The first rule that said no.
pub fn authorize(
    claims: &Claims,
    mapping: RoleMapping,
    requested: &ScopeDown,
    source_ip: Option<IpAddr>,
    terms: &Terms,
    now: SystemTime,
) -> Result<Grant, Denial> {
    check_client(claims, &mapping, now)?;
    check_source(claims, &mapping, source_ip)?;
    check_scopes(claims, &mapping, terms)?;
    let duration = narrow_duration(&mapping, requested, terms)?;
    let (s3_path_prefix, s3_permissions, restriction) = narrow_s3(&mapping, requested)?;
    Ok(Grant {
        role_arn: mapping.role_arn,
        server_name: mapping.server_name,
        s3_path_prefix,
        s3_permissions,
        restriction,
        duration,
        external_id: mapping.external_id,
        identity: terms.session_identity,
        naming_issuer: Some(claims.issuer())
            .filter(|issuer| terms.plainly_named_issuer.as_deref() != Some(issuer))
            .map(str::to_owned),
    })
}

fn check_client(claims: &Claims, mapping: &RoleMapping, now: SystemTime) -> Result<(), Denial> {
    let client_id = || claims.client_id().to_owned();
    if !mapping.serves(claims.issuer()) {
        return Err(Denial::OtherIssuer { client_id: client_id(), issuer: claims.issuer().to_owned() });
    }
    if mapping.disabled {
        return Err(Denial::Disabled { client_id: client_id() });
    }
    if mapping.expires_at.is_some_and(|expires_at| now >= expires_at) {
        return Err(Denial::Expired { client_id: client_id() });
    }
    Ok(())
}

fn check_source(claims: &Claims, mapping: &RoleMapping, source_ip: Option<IpAddr>) -> Result<(), Denial> {
    let Some(networks) = &mapping.source_cidrs else { return Ok(()) };
    if source_ip.is_some_and(|address| environment::contains(networks, address)) {
        return Ok(());
    }
    Err(Denial::SourceNotAllowed { client_id: claims.client_id().to_owned(), source_ip })
}

fn check_scopes(claims: &Claims, mapping: &RoleMapping, terms: &Terms) -> Result<(), Denial> {
    let held = |scope: &String| claims.scopes().contains(scope);
    if let Some(missing) = terms.required_scopes.iter().find(|scope| !held(scope)) {
        return Err(Denial::InsufficientScope { demand: format!("{missing:?} is required") });
    }
    match &mapping.allowed_scopes {
        Some(allowed) if !allowed.iter().any(held) => {
            Err(Denial::InsufficientScope { demand: format!("one of {} is required", allowed.join(", ")) })
        }
        _ => Ok(()),
    }
}

fn narrow_duration(mapping: &RoleMapping, requested: &ScopeDown, terms: &Terms) -> Result<Duration, Denial> {
    let granted = mapping.session_duration.unwrap_or(terms.session_duration);
    match requested.duration {
        Some(duration) if duration > granted => Err(Denial::WiderThanMapping {
            member: "duration_seconds",
            problem: "is longer than this client's sessions may last",
        }),
        duration => Ok(duration.unwrap_or(granted)),
    }
}

fn narrow_s3(mapping: &RoleMapping, requested: &ScopeDown) -> Result<(String, S3Permissions, Restriction), Denial> {
    let narrowed_member = match (&requested.s3_path_prefix, requested.s3_permissions) {
        (Some(_), _) => Some("s3_path_prefix"),
        (None, Some(_)) => Some("s3_permissions"),
        (None, None) => None,
    };
    let item_restricts = mapping.session_policy == Some(SessionPolicy::S3Prefix);
    let restriction = match (&mapping.session_policy, narrowed_member) {
        (Some(SessionPolicy::Inline(_)), Some(member)) => {
            let problem = "the client's session policy is written by hand";
            return Err(Denial::NotNarrowable { member, problem });
        }
        (Some(SessionPolicy::Inline(policy)), None) => Restriction::Inline(policy.clone()),
        (None, None) => Restriction::RoleOnly,
        // A narrower session only means something when AWS enforces it, so it gets a policy.
        (Some(SessionPolicy::S3Prefix) | None, _) => Restriction::S3Prefix(narrowed_member.map(|member| Narrowing {
            member,
            item_restricts,
            item_prefix: mapping.s3_path_prefix.clone(),
            item_permissions: mapping.s3_permissions,
        })),
    };
    let prefix = match &requested.s3_path_prefix {
        Some(prefix) => s3_prefix::narrower(&mapping.s3_path_prefix, prefix)
            .map_err(|problem| Denial::WiderThanMapping { member: "s3_path_prefix", problem })?,
        None => mapping.s3_path_prefix.clone(),
    };
    // Where the item itself asks for a policy, such a prefix is a fault of the item.
    if let Some(member) = narrowed_member
        && !s3_prefix::fits_into_a_policy(&mapping.s3_path_prefix)
    {
        let problem = "this client's own prefix cannot be put into a session policy";
        return Err(Denial::NotNarrowable { member, problem });
    }
    let permissions = match requested.s3_permissions {
        Some(level) if level > mapping.s3_permissions => {
            return Err(Denial::WiderThanMapping {
                member: "s3_permissions",
                problem: "is more than this client may do",
            });
        }
        level => level.unwrap_or(mapping.s3_permissions),
    };
    Ok((prefix, permissions, restriction))
}
