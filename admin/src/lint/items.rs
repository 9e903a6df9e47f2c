//! What the items alone show.

use std::collections::BTreeMap;

use grant::observe::Rule;
use grant::role_mapping::RoleMapping;
use grant::session::{MAX_POLICY_LENGTH, item_policy};

use super::Usable;
use super::finding::{
    Finding, Level, MISCONFIGURED, OBSERVED, POLICY_NEAR_LIMIT, SCOPE_BEHIND_CLIENT, SCOPE_SHADOWED, WITHOUT_ISSUER,
};
use crate::governed::Service;
use crate::item::{Item, SCOPE_PREFIX};

/// The items that the service can use; a finding for each of the others.
pub(super) fn read<'a>(
    items: &'a [Item],
    default_issuer: Option<&str>,
    findings: &mut Vec<Finding>,
) -> Vec<Usable<'a>> {
    let mut usable = Vec::with_capacity(items.len());
    for item in items {
        match item.mapping(default_issuer) {
            Ok(mapping) => usable.push(Usable { item, mapping }),
            Err(faults) => {
                let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
                let fix = "mend it with `credvend-admin clients put`, or delete it: its clients get 500 misconfigured";
                findings.push(Finding::new(&MISCONFIGURED, &item.key, faults.join("; "), fix));
            }
        }
    }
    usable
}

pub(super) fn check(usable: &[Usable<'_>], service: &Service, findings: &mut Vec<Finding>) {
    let has_several = service.authentication.issuers.len() > 1;
    for one in usable {
        if has_several && one.item.text("issuer").is_none() {
            findings.push(without_issuer(one, service));
        }
        findings.extend(observed(&one.mapping, service));
        findings.extend(near_limit(&one.mapping, &service.bucket));
    }
    shadowed(usable, findings);
    behind_clients(usable, findings);
}

fn without_issuer(one: &Usable<'_>, service: &Service) -> Finding {
    let fix = "`credvend-admin clients put ID --issuer URL`, with the issuer of the client's tokens";
    match service.authentication.default_issuer() {
        Some(issuer) => {
            let problem = format!("it has no `issuer`, so it is for tokens of {issuer} alone");
            Finding::new(&WITHOUT_ISSUER, &one.item.key, problem, fix)
        }
        None => {
            let problem = "it has no `issuer`, and none is meant by default: it is for nobody's tokens".to_owned();
            Finding::new(&WITHOUT_ISSUER, &one.item.key, problem, fix).at(Level::Error)
        }
    }
}

fn observed(mapping: &RoleMapping, service: &Service) -> Option<Finding> {
    let is_observed =
        |rule: &Rule| mapping.observe.contains(rule) || service.terms.observed.contains(&mapping.key, *rule);
    let rules: Vec<_> = Rule::ALL.into_iter().filter(is_observed).map(Rule::name).collect();
    let problem = format!("{} of it: observed, and not enforced (`observe`, or OBSERVE_RULES)", rules.join(", "));
    let fix = "look at what would be refused (`audit`), then enforce: `credvend-admin clients put ID --unset observe`";
    (!rules.is_empty()).then(|| Finding::new(&OBSERVED, &mapping.key, problem, fix))
}

/// STS packs policy and tags in a way that is not public, so a policy is near the limit before its last character is.
fn near_limit(mapping: &RoleMapping, bucket: &str) -> Option<Finding> {
    let length = item_policy(mapping, bucket)?.chars().count();
    let percent = length * 100 / MAX_POLICY_LENGTH;
    if percent <= 80 {
        return None;
    }
    let problem =
        format!("its session policy has {length} characters, {percent} % of the {MAX_POLICY_LENGTH} that STS takes");
    let fix = "shorten `s3_path_prefix`, or the policy in `session_policy`";
    Some(Finding::new(&POLICY_NEAR_LIMIT, &mapping.key, problem, fix))
}

/// For a token that holds several mapped scopes the service takes the first item by key, where all lead to the same role and
/// prefix: what the others say beside that (switched off, expired, a network, a level) is not asked.
fn shadowed(usable: &[Usable<'_>], findings: &mut Vec<Finding>) {
    let mut first: BTreeMap<_, &RoleMapping> = BTreeMap::new();
    for one in usable.iter().filter(|one| one.item.is_for_a_scope()) {
        let mapping = &one.mapping;
        let place = (&mapping.issuer, mapping.role_arn.as_str(), &mapping.s3_path_prefix);
        match first.get(&place) {
            None => drop(first.insert(place, mapping)),
            Some(other) if is_the_same_beside_the_key(other, mapping) => {}
            Some(other) => {
                let problem = format!(
                    "{} leads to the same role and prefix on other terms, and decides for tokens that hold both scopes",
                    other.key
                );
                let fix = "give both items the same terms, or let no client have both scopes";
                findings.push(Finding::new(&SCOPE_SHADOWED, &mapping.key, problem, fix));
            }
        }
    }
}

fn is_the_same_beside_the_key(one: &RoleMapping, other: &RoleMapping) -> bool {
    RoleMapping { key: String::new(), ..one.clone() } == RoleMapping { key: String::new(), ..other.clone() }
}

/// An item of a scope that the items of clients ask for themselves: deleting one of those does not cut its client off.
fn behind_clients(usable: &[Usable<'_>], findings: &mut Vec<Finding>) {
    let mut clients: BTreeMap<(&str, &Option<String>), Vec<&str>> = BTreeMap::new();
    for one in usable.iter().filter(|one| !one.item.is_for_a_scope()) {
        for scope in one.mapping.allowed_scopes.iter().flatten() {
            clients.entry((scope, &one.mapping.issuer)).or_default().push(&one.item.key);
        }
    }
    for one in usable.iter().filter(|one| one.item.is_for_a_scope() && !one.mapping.disabled) {
        let scope = one.item.key.strip_prefix(SCOPE_PREFIX).unwrap_or_default();
        let Some(behind) = clients.get(&(scope, &one.mapping.issuer)) else { continue };
        let problem = format!(
            "{} clients with items of their own hold this scope, {} for one: one whose item is deleted gets this item's role",
            behind.len(),
            behind.first().copied().unwrap_or_default()
        );
        let fix = "cut a client off with `credvend-admin clients disable`, never by deleting its item";
        findings.push(Finding::new(&SCOPE_BEHIND_CLIENT, &one.item.key, problem, fix));
    }
}
