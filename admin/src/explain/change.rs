//! What would have to change for the opposite decision. Each change is tried: the service's own code decides again with it.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use environment::visible;
use grant::authorize::Denial;
use grant::role_mapping::{Purpose, RoleMapping};
use grant::session::SessionError;
use grant::table::{Attributes, MappingError, RoleMappings};
use vending_api::S3Permissions;
use vending_lambda::error::VendError;

use crate::error::Error;
use crate::explain::decision::{Decided, Judge, Question};

/// Rules that can say no one after the other are fewer.
const MAX_CHANGES: usize = 12;

/// One thing that would have to be otherwise.
pub(crate) struct Change {
    /// In words.
    pub(crate) what: String,
    /// What to type, where one command does it.
    pub(crate) command: Option<String>,
    /// `allow` or the code that the service would respond with then; `None` where that cannot be tried.
    pub(crate) leads_to: Option<String>,
}

/// A question and the item that decides it.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) question: Question,
    /// Key and attributes of the item that was found.
    pub(crate) item: Option<(String, Attributes)>,
}

/// A change that can be tried.
struct Candidate {
    what: String,
    command: Option<String>,
    edit: Option<Edit>,
}

enum Edit {
    Set(&'static str, AttributeValue),
    Remove(&'static str),
    AddScopes(Vec<String>),
    NoScopes,
    SourceIp(Option<std::net::IpAddr>),
    Prefix(Option<String>),
    Level(Option<S3Permissions>),
    Duration(Option<u32>),
}

impl Case {
    fn apply(&mut self, edit: Edit) {
        let asked = &mut self.question.scope_down;
        match edit {
            Edit::Set(name, value) => {
                self.item.iter_mut().for_each(|(_, item)| drop(item.insert(name.to_owned(), value.clone())));
            }
            Edit::Remove(name) => self.item.iter_mut().for_each(|(_, item)| drop(item.remove(name))),
            Edit::AddScopes(scopes) => self.question.scopes.extend(scopes),
            Edit::NoScopes => self.question.scopes.clear(),
            Edit::SourceIp(address) => self.question.source_ip = address,
            Edit::Prefix(prefix) => asked.s3_path_prefix = prefix,
            Edit::Level(level) => asked.s3_permissions = level,
            Edit::Duration(seconds) => {
                asked.duration = seconds.map(|seconds| std::time::Duration::from_secs(seconds.into()));
            }
        }
    }

    async fn decide(&self, judge: &Judge<'_>) -> Result<Decided, Error> {
        let items: HashMap<_, _> = self.item.iter().cloned().collect();
        let default_issuer = judge.service.authentication.default_issuer().map(str::to_owned);
        judge.decide(&self.question, RoleMappings::fixed(items, default_issuer, Purpose::Credentials)).await
    }

    fn mapping(&self, judge: &Judge<'_>) -> Option<RoleMapping> {
        let (key, item) = self.item.as_ref()?;
        let default_issuer = judge.service.authentication.default_issuer();
        RoleMapping::from_item(key, item, default_issuer, Purpose::Credentials).ok()
    }

    fn key(&self) -> &str {
        self.item.as_ref().map_or(&self.question.client_id, |(key, _)| key)
    }

    /// `credvend-admin clients VERB KEY REST`, as a shell takes it.
    fn command(&self, verb: &str, rest: &str) -> String {
        let words = format!("credvend-admin clients {verb} {} {rest}", quoted(self.key()));
        words.trim_end().to_owned()
    }
}

/// One after the other, until the service would allow it.
pub(crate) async fn until_allowed(judge: &Judge<'_>, case: &Case, error: &VendError) -> Result<Vec<Change>, Error> {
    let mut case = case.clone();
    let mut changes = Vec::new();
    let mut next = remedy(judge, &case, error);
    while let Some(Candidate { what, command, edit }) = next.take() {
        let Some(edit) = edit.filter(|_| changes.len() < MAX_CHANGES) else {
            changes.push(Change { what, command, leads_to: None });
            break;
        };
        case.apply(edit);
        let decided = case.decide(judge).await?;
        changes.push(Change { what, command, leads_to: Some(decided.code().to_owned()) });
        next = decided.outcome.err().and_then(|error| remedy(judge, &case, &error));
    }
    Ok(changes)
}

/// Each by itself makes the service refuse.
pub(crate) async fn until_denied(judge: &Judge<'_>, case: &Case) -> Result<Vec<Change>, Error> {
    let mut changes = Vec::new();
    for Candidate { what, command, edit } in hazards(judge, case) {
        let Some(edit) = edit else { continue };
        let mut changed = case.clone();
        changed.apply(edit);
        let decided = changed.decide(judge).await?;
        if decided.outcome.is_err() {
            changes.push(Change { what, command, leads_to: Some(decided.code().to_owned()) });
        }
    }
    Ok(changes)
}

/// What would have to be otherwise for this rule to say yes.
fn remedy(judge: &Judge<'_>, case: &Case, error: &VendError) -> Option<Candidate> {
    let words = |what: &str| Candidate { what: what.to_owned(), command: None, edit: None };
    match error {
        VendError::Denied(denial) => of_denial(judge, case, denial),
        VendError::Mapping(error) => of_mapping(case, error),
        VendError::Session(SessionError::NotNarrowable { member, .. }) => of_request(member),
        VendError::Session(SessionError::PolicyTooLong { .. }) => {
            Some(words("the item's `s3_path_prefix` is shorter, so that STS takes the session policy"))
        }
        VendError::Session(SessionError::NoBucket) => Some(words("the service knows its bucket (S3_BUCKET)")),
        VendError::Authentication(error) => {
            Some(words(&format!("the issuer's rules in the service's environment accept such a token: {error}")))
        }
        VendError::Request(_) | VendError::Sts(_) | VendError::Audit(_) => None,
    }
}

fn of_denial(judge: &Judge<'_>, case: &Case, denial: &Denial) -> Option<Candidate> {
    let key = visible(case.key());
    let (what, command, edit) = match denial {
        Denial::OtherIssuer { issuer, .. } => (
            format!("the item {key} names the issuer {issuer}"),
            Some(case.command("put", &format!("--issuer {}", quoted(issuer)))),
            Edit::Set("issuer", AttributeValue::S(issuer.clone())),
        ),
        Denial::Disabled { .. } => {
            (format!("the item {key} is not disabled"), Some(case.command("enable", "")), Edit::Remove("disabled"))
        }
        Denial::Expired { .. } => (
            format!("`expires_at` of {key} lies ahead"),
            Some(case.command("expire", "+90d")),
            Edit::Remove("expires_at"),
        ),
        Denial::SourceNotAllowed { .. } => {
            let networks = case.mapping(judge)?.source_cidrs.unwrap_or_default();
            let all: Vec<_> = networks.iter().map(ToString::to_string).collect();
            let Some(first) = networks.first() else {
                let what = format!("`source_cidrs` of {key} names the caller's network");
                return Some(Candidate { what, command: None, edit: None });
            };
            let what = format!("the request comes from one of {} (`source_cidrs` of {key})", all.join(", "));
            (what, None, Edit::SourceIp(Some(first.addr())))
        }
        Denial::InsufficientScope { .. } => return missing_scopes(judge, case),
        Denial::WiderThanMapping { member, .. } | Denial::NotNarrowable { member, .. } => return of_request(member),
    };
    Some(Candidate { what, command, edit: Some(edit) })
}

/// All of the service's, then one of the item's: in the order in which they are asked for.
fn missing_scopes(judge: &Judge<'_>, case: &Case) -> Option<Candidate> {
    let held = &case.question.scopes;
    let required = &judge.service.terms.required_scopes;
    let missing: Vec<_> = required.iter().filter(|scope| !held.contains(scope)).cloned().collect();
    if !missing.is_empty() {
        let what = format!("the token holds {} (REQUIRED_SCOPES)", visible(&missing.join(" ")));
        return Some(Candidate { what, command: None, edit: Some(Edit::AddScopes(missing)) });
    }
    let allowed = case.mapping(judge)?.allowed_scopes?;
    let key = visible(case.key());
    let what = format!("the token holds one of {} (`allowed_scopes` of {key})", visible(&allowed.join(", ")));
    Some(Candidate { what, command: None, edit: Some(Edit::AddScopes(vec![allowed.first()?.clone()])) })
}

/// The caller asks for less, or for nothing.
fn of_request(member: &str) -> Option<Candidate> {
    let (what, edit) = match member {
        "duration_seconds" => {
            ("the request asks for no longer session than the client's (--duration)", Edit::Duration(None))
        }
        "s3_permissions" => ("the request does not ask for another level (--level)", Edit::Level(None)),
        "s3_path_prefix" => ("the request does not ask for another prefix (--prefix)", Edit::Prefix(None)),
        _ => return None,
    };
    Some(Candidate { what: what.to_owned(), command: None, edit: Some(edit) })
}

fn of_mapping(case: &Case, error: &MappingError) -> Option<Candidate> {
    let (what, command) = match error {
        MappingError::NotRegistered { .. } => (
            "the client has an item for tokens of this issuer, or its token holds a scope that has one (`scope#…`)"
                .to_owned(),
            Some(case.command("put", "--role-arn ARN --s3-path-prefix PREFIX")),
        ),
        MappingError::ConflictingScopes { .. } => (
            "the client has an item of its own, which wins over those of its scopes".to_owned(),
            Some(case.command("put", "--role-arn ARN --s3-path-prefix PREFIX")),
        ),
        MappingError::Misconfigured { key, faults } => {
            let names: Vec<_> = faults.iter().map(|fault| format!("`{}`", fault.attribute)).collect();
            let what = format!("the item {} can be used: mend {}", visible(key), names.join(", "));
            (what, Some(format!("credvend-admin clients put {} …", quoted(key))))
        }
        MappingError::WrongKey { .. } | MappingError::Unavailable { .. } => return None,
    };
    Some(Candidate { what, command, edit: None })
}

/// What an allowed client should not meet. Those that change nothing are left out by the one who tries them.
fn hazards(judge: &Judge<'_>, case: &Case) -> Vec<Candidate> {
    let Some(mapping) = case.mapping(judge) else { return Vec::new() };
    let key = visible(case.key());
    let mut found = vec![Candidate {
        what: format!("the item {key} is disabled"),
        command: Some(case.command("disable", "")),
        edit: Some(Edit::Set("disabled", AttributeValue::Bool(true))),
    }];
    let mut add = |what: String, edit: Edit| found.push(Candidate { what, command: None, edit: Some(edit) });
    if mapping.expires_at.is_some() {
        add(format!("`expires_at` of {key} passes"), Edit::Set("expires_at", AttributeValue::N("0".to_owned())));
    }
    if mapping.source_cidrs.is_some() {
        add(format!("the request comes from outside of `source_cidrs` of {key}"), Edit::SourceIp(None));
    }
    add("the token holds no scope".to_owned(), Edit::NoScopes);
    let elsewhere = format!("not-{}", mapping.s3_path_prefix);
    let what = format!("the request asks for a prefix that is not under {}", visible(&mapping.s3_path_prefix));
    add(what, Edit::Prefix(Some(elsewhere)));
    add("the request asks for the level `full`".to_owned(), Edit::Level(Some(S3Permissions::Full)));
    let longest = mapping.session_duration.unwrap_or(judge.service.terms.session_duration).as_secs();
    let longer = u32::try_from(longest).unwrap_or(u32::MAX).saturating_add(1);
    add(format!("the request asks for more than {longest} seconds"), Edit::Duration(Some(longer)));
    found
}

/// As a shell takes it for one word.
fn quoted(text: &str) -> String {
    let shown = visible(text);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-.:/@%+=,".contains(c);
    if !shown.is_empty() && shown.chars().all(is_plain) { shown } else { format!("'{}'", shown.replace('\'', r"'\''")) }
}
