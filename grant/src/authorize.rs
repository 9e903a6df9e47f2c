//! The only place that decides. Claims and a mapping go in; a grant or the first rule that said no comes out.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use environment::RoleArn;
use thiserror::Error;
use vending_api::S3Permissions;

use crate::caller::Caller;
use crate::observe::{Observed, Rule};
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
    /// Rules that are observed and would have said no, in the order of their evaluation.
    pub observed: Vec<Observed>,
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

/// Decides what a caller gets under `mapping`.
///
/// # Errors
/// The first rule that said no.
pub fn authorize<'a>(
    caller: impl Into<Caller<'a>>,
    mapping: RoleMapping,
    requested: &ScopeDown,
    source_ip: Option<IpAddr>,
    terms: &Terms,
    now: SystemTime,
) -> Result<Grant, Denial> {
    let caller = caller.into();
    check_client(&caller, &mapping)?;
    let mut observed = Vec::new();
    let mut obey = |rule, verdict: Result<(), Denial>| match verdict {
        Err(denial) if mapping.observe.contains(&rule) || terms.observed.contains(&mapping.key, rule) => {
            observed.push(Observed { rule, denial });
            Ok(())
        }
        verdict => verdict,
    };
    obey(Rule::ExpiresAt, check_expiry(&caller, &mapping, now))?;
    obey(Rule::SourceCidrs, check_source(&caller, &mapping, source_ip))?;
    check_required_scopes(&caller, terms)?;
    obey(Rule::AllowedScopes, check_allowed_scopes(&caller, &mapping))?;
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
        naming_issuer: terms.naming_issuer(caller.issuer()),
        observed,
    })
}

fn check_client(caller: &Caller<'_>, mapping: &RoleMapping) -> Result<(), Denial> {
    let client_id = || caller.client_id().to_owned();
    if !mapping.serves(caller.issuer()) {
        return Err(Denial::OtherIssuer { client_id: client_id(), issuer: caller.issuer().to_owned() });
    }
    if mapping.disabled {
        return Err(Denial::Disabled { client_id: client_id() });
    }
    Ok(())
}

fn check_expiry(caller: &Caller<'_>, mapping: &RoleMapping, now: SystemTime) -> Result<(), Denial> {
    match mapping.expires_at {
        Some(expires_at) if now >= expires_at => Err(Denial::Expired { client_id: caller.client_id().to_owned() }),
        _ => Ok(()),
    }
}

fn check_source(caller: &Caller<'_>, mapping: &RoleMapping, source_ip: Option<IpAddr>) -> Result<(), Denial> {
    let Some(networks) = &mapping.source_cidrs else { return Ok(()) };
    if source_ip.is_some_and(|address| environment::contains(networks, address)) {
        return Ok(());
    }
    Err(Denial::SourceNotAllowed { client_id: caller.client_id().to_owned(), source_ip })
}

fn check_required_scopes(caller: &Caller<'_>, terms: &Terms) -> Result<(), Denial> {
    match terms.required_scopes.iter().find(|scope| !caller.scopes().contains(scope)) {
        Some(missing) => Err(Denial::InsufficientScope { demand: format!("{missing:?} is required") }),
        None => Ok(()),
    }
}

fn check_allowed_scopes(caller: &Caller<'_>, mapping: &RoleMapping) -> Result<(), Denial> {
    match &mapping.allowed_scopes {
        Some(allowed) if !allowed.iter().any(|scope| caller.scopes().contains(scope)) => {
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use environment::Variables;

    use super::*;
    use crate::observe::ObservedItems;

    const ISSUER: &str = "https://idp.example.com";

    fn terms(variables: &[(&str, String)]) -> Terms {
        let lookup = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
        Terms::from_env(&Variables::new(&lookup), None, SessionIdentity::Tags)
    }

    /// An item, a request and the rules that are observed, chosen by chance from values that meet and that break rules.
    struct Draw {
        mapping: RoleMapping,
        scopes: Vec<String>,
        requested: ScopeDown,
        source_ip: Option<IpAddr>,
        terms: Terms,
        now: SystemTime,
        observed: BTreeSet<Rule>,
        in_environment: BTreeSet<Rule>,
    }

    impl Draw {
        fn new(random: &mut fastrand::Rng) -> Self {
            fn one<T: Clone>(random: &mut fastrand::Rng, values: &[T]) -> T {
                values[random.usize(..values.len())].clone()
            }
            let some_rules = |random: &mut fastrand::Rng| -> BTreeSet<Rule> {
                Rule::ALL.into_iter().filter(|_| random.u8(..3) == 0).collect()
            };
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
            let role = RoleArn::parse("arn:aws:iam::123456789012:role/a").unwrap();
            let mut mapping = RoleMapping::of_role("client", role, ISSUER);
            mapping.s3_path_prefix = "logs/a/".to_owned();
            mapping.s3_permissions = one(random, &[S3Permissions::Write, S3Permissions::Full]);
            mapping.disabled = random.u8(..8) == 0;
            mapping.issuer = one(random, &[Some(ISSUER), Some(ISSUER), Some("https://other"), None]).map(str::to_owned);
            mapping.expires_at =
                one(random, &[None, Some(now), Some(now + Duration::from_secs(1)), Some(SystemTime::UNIX_EPOCH)]);
            let networks = |text: &[&str]| text.iter().map(|text| environment::parse_cidr(text).unwrap()).collect();
            mapping.source_cidrs =
                one(random, &[None, Some(networks(&["10.0.0.0/8"])), Some(networks(&["fd00::/8"])), Some(Vec::new())]);
            let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
            mapping.allowed_scopes =
                one(random, &[None, Some(texts(&["a", "b"])), Some(texts(&["z"])), Some(Vec::new())]);
            mapping.session_policy =
                one(random, &[None, Some(SessionPolicy::S3Prefix), Some(SessionPolicy::Inline("{}".to_owned()))]);
            let (observed, in_environment) = (some_rules(random), some_rules(random));
            let named: serde_json::Map<String, serde_json::Value> = in_environment
                .iter()
                .map(|rule| (rule.name().to_owned(), serde_json::json!(["client", "x"])))
                .collect();
            let mut variables = vec![("REQUIRED_SCOPES", one(random, &["", "a", "q"]).to_owned())];
            if !named.is_empty() {
                variables.push(("OBSERVE_RULES", serde_json::Value::Object(named).to_string()));
            }
            Self {
                mapping,
                scopes: one(random, &[texts(&[]), texts(&["a"]), texts(&["b", "q"]), texts(&["a", "q"])]),
                requested: ScopeDown {
                    duration: one(random, &[None, Some(Duration::from_secs(900)), Some(Duration::from_secs(7200))]),
                    s3_path_prefix: one(random, &[None, Some("logs/a/b/"), Some("logs/")]).map(str::to_owned),
                    s3_permissions: one(random, &[None, Some(S3Permissions::Full)]),
                },
                source_ip: one(random, &[None, Some("10.1.2.3"), Some("fd00::1"), Some("192.0.2.1")])
                    .map(|text| text.parse().unwrap()),
                terms: terms(&variables),
                now,
                observed,
                in_environment,
            }
        }

        fn decide(&self, mapping: RoleMapping, terms: &Terms) -> Result<Grant, Denial> {
            let caller = Caller::supposed(ISSUER, "client", &self.scopes);
            authorize(caller, mapping, &self.requested, self.source_ip, terms, self.now)
        }
    }

    /// Observing a rule gives exactly what the item without this rule gives, and says what the rule would have said.
    #[test]
    fn an_observed_rule_is_one_that_is_not_there() {
        let mut random = fastrand::Rng::with_seed(11);
        let (mut granted, mut with_observed) = (0, 0);
        for _ in 0..20_000 {
            let draw = Draw::new(&mut random);
            let observing = RoleMapping { observe: draw.observed.clone(), ..draw.mapping.clone() };
            let decided = draw.decide(observing, &draw.terms);

            let is_observed = |rule| draw.observed.contains(&rule) || draw.in_environment.contains(&rule);
            let mut without = draw.mapping.clone();
            if is_observed(Rule::AllowedScopes) {
                without.allowed_scopes = None;
            }
            if is_observed(Rule::ExpiresAt) {
                without.expires_at = None;
            }
            if is_observed(Rule::SourceCidrs) {
                without.source_cidrs = None;
            }
            let enforcing = Terms { observed: ObservedItems::default(), ..draw.terms.clone() };
            let bare = decided.clone().map(|grant| Grant { observed: Vec::new(), ..grant });
            assert_eq!(bare, draw.decide(without, &enforcing), "{:?}", draw.mapping);

            let Ok(grant) = decided else { continue };
            granted += 1;
            assert!(!draw.mapping.disabled && draw.mapping.serves(ISSUER));
            assert!(grant.observed.iter().all(|observed| is_observed(observed.rule)));
            let enforced = draw.decide(draw.mapping.clone(), &enforcing);
            match grant.observed.first() {
                Some(first) => assert_eq!(enforced, Err(first.denial.clone())),
                None => assert_eq!(enforced, Ok(grant.clone())),
            }
            with_observed += usize::from(!grant.observed.is_empty());
        }
        assert!(granted > 500 && with_observed > 100, "{granted} {with_observed}");
    }

    #[test]
    fn every_rule_that_would_have_said_no_is_told() {
        let role = RoleArn::parse("arn:aws:iam::123456789012:role/a").unwrap();
        let mut mapping = RoleMapping::of_role("client", role, ISSUER);
        mapping.expires_at = Some(SystemTime::UNIX_EPOCH);
        mapping.source_cidrs = Some(Vec::new());
        mapping.allowed_scopes = Some(Vec::new());
        let decide = |mapping: &RoleMapping, terms: &Terms| {
            let caller = Caller::supposed(ISSUER, "client", &[]);
            authorize(caller, mapping.clone(), &ScopeDown::default(), None, terms, SystemTime::UNIX_EPOCH)
        };
        let enforcing = terms(&[]);
        assert_eq!(decide(&mapping, &enforcing), Err(Denial::Expired { client_id: "client".to_owned() }));
        mapping.observe = Rule::ALL.into();
        let grant = decide(&mapping, &enforcing).unwrap();
        let rules: Vec<_> = grant.observed.iter().map(|observed| observed.rule.name()).collect();
        assert_eq!(rules, ["expires_at", "source_cidrs", "allowed_scopes"]);
        let demanding = terms(&[("REQUIRED_SCOPES", "a".to_owned())]);
        assert!(matches!(decide(&mapping, &demanding), Err(Denial::InsufficientScope { .. })), "a rule of the service");
        mapping.disabled = true;
        assert!(matches!(decide(&mapping, &enforcing), Err(Denial::Disabled { .. })));
    }
}
