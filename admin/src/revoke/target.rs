//! Whose sessions are meant: what they are called, and which roles they can be of.

use std::collections::{BTreeMap, BTreeSet};

use ::audit::RecordedLine;
use environment::RoleArn;
use grant::Caller;
use grant::authorize::{Grant, Restriction};
use grant::session::{AssumeRole, SessionIdentity};
use vending_api::S3Permissions;

use super::denials::{Key, Marks};
use super::old_session::LIFETIME;
use crate::clients::Context;
use crate::error::Error;
use crate::item::Item;
use crate::policy_document::PolicyDocument;
use crate::revoked_item::is_only_a_stop;

/// What a line of the audit trail has added.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Added {
    News,
    Nothing,
    /// It names a session or a role that cannot exist.
    Garbage,
}

/// A client, before anything is changed.
pub(super) struct Target {
    pub(super) id: String,
    /// Whose tokens it has; `None` where nothing is known of the installation's issuers.
    pub(super) issuer: Option<String>,
    /// Whether the client had an item of its own when its roles were looked up.
    pub(super) has_item: bool,
    /// The items of scopes by which it may have been vended credentials: where it has no item of its own.
    pub(super) scope_items: Vec<Item>,
    /// The roles of its sessions, and what it is granted there, as far as items say it.
    pub(super) roles: BTreeMap<String, Role>,
    /// What its sessions are called.
    pub(super) names: BTreeSet<String>,
    tag: String,
    source_identity: String,
}

pub(super) struct Role {
    pub(super) arn: RoleArn,
    pub(super) grant: Option<Grant>,
}

impl Target {
    pub(super) async fn find(context: &Context, id: &str) -> Result<Self, Error> {
        let item = context.table.get(id).await?;
        let governed = &context.governed;
        let issuer = governed.named_issuer().or(item.as_ref().and_then(|item| item.text("issuer")));
        let issuer = issuer.or(governed.default_issuer()).map(str::to_owned);
        let is_own = |item: &Item| is_for(context, item, issuer.as_deref());
        let is_foreign = item.as_ref().is_some_and(|item| !is_own(item));
        let item = item.filter(is_own);
        // The item of another issuer's client of the same name: it refuses this one, and is not this one's to change.
        let scope_items = if !is_foreign && item.as_ref().is_none_or(is_only_a_stop) {
            let all = context.table.scan().await?;
            all.into_iter().filter(|item| item.is_for_a_scope() && is_own(item)).collect()
        } else {
            Vec::new()
        };
        let items: Vec<_> = item.iter().chain(&scope_items).collect();
        let named = Self::of_items(context, id, issuer.clone(), &items)?;
        Ok(Self { has_item: item.is_some(), scope_items, ..named })
    }

    /// What follows from items alone.
    pub(super) fn of_items(
        context: &Context,
        id: &str,
        issuer: Option<String>,
        items: &[&Item],
    ) -> Result<Self, Error> {
        let naming_issuer = naming_issuer(context, issuer.as_deref());
        let mut target = Self {
            id: id.to_owned(),
            tag: String::new(),
            source_identity: String::new(),
            names: BTreeSet::new(),
            roles: BTreeMap::new(),
            issuer,
            has_item: false,
            scope_items: Vec::new(),
        };
        for item in items {
            target.add(grant_of(item, naming_issuer.clone()))?;
        }
        Ok(target)
    }

    /// What was read under the client's id, where it is this client's.
    pub(super) fn own_item(&self, context: &Context, item: Option<Item>) -> Option<Item> {
        item.filter(|item| is_for(context, item, self.issuer.as_deref()))
    }

    /// The names are the service's own: [`AssumeRole`] makes them.
    fn add(&mut self, grant: Option<Grant>) -> Result<(), Error> {
        let Some(grant) = grant else { return Ok(()) };
        let session = AssumeRole::new(self.caller(), &grant, "").map_err(Error::Session)?;
        self.names.insert(session.session_name);
        self.source_identity = session.source_identity.unwrap_or_default();
        self.tag = session.tags.into_iter().next().map(|(_, value)| value).unwrap_or_default();
        let role = Role { arn: grant.role_arn.clone(), grant: Some(grant) };
        self.roles.entry(role.arn.to_string()).or_insert(role);
        Ok(())
    }

    /// Adds what it was vended by the audit trail: items may have been other ones then. A line is text that others may have
    /// written, and what it names goes into policies: a name or a role that STS cannot have taken is left out.
    pub(super) fn add_recorded(&mut self, line: &RecordedLine, naming_issuer: Option<String>) -> Result<Added, Error> {
        let name = line.session_name.as_deref();
        if name.is_some_and(|name| !is_session_name(name)) {
            return Ok(Added::Garbage);
        }
        let Some(role_arn) = line.role_arn.as_deref() else { return Ok(Added::Nothing) };
        let role_arn = RoleArn::parse(role_arn).filter(|arn| is_of_names(arn.name()));
        let Some(role_arn) = role_arn else { return Ok(Added::Garbage) };
        let known = (self.roles.len(), self.names.len());
        let server_name = line.server_name.clone();
        self.add(Some(Grant { server_name, ..grant_of_role(role_arn, naming_issuer) }))?;
        self.names.extend(name.map(str::to_owned));
        Ok(if known == (self.roles.len(), self.names.len()) { Added::Nothing } else { Added::News })
    }

    /// As the service would see it.
    pub(super) fn caller(&self) -> Caller<'_> {
        Caller::supposed(self.issuer.as_deref().unwrap_or_default(), &self.id, &[])
    }

    /// What tells the client's sessions from others of a role with this trust policy.
    pub(super) fn marks(&self, trust: &PolicyDocument) -> Marks {
        let mut marks: Marks = self.names.iter().map(|name| (Key::Name, name.clone())).collect();
        marks.insert((Key::Tag, self.tag.clone()));
        if let Some(provider) = self.federated_provider(trust) {
            // Auth0's form of a client as the subject is the second.
            for subject in
                [self.id.clone(), format!("{}@clients", self.id)].into_iter().filter(|text| is_writable(text))
            {
                marks.insert((Key::Subject(provider.to_owned()), subject));
            }
            marks.insert((Key::SourceIdentity, self.source_identity.clone()));
        }
        marks
    }

    /// Whether sessions that STS itself makes from the client's tokens cannot be denied by their `sub`.
    pub(super) fn has_unwritable_subject(&self, trust: &PolicyDocument) -> bool {
        !is_writable(&self.id) && self.federated_provider(trust).is_some()
    }

    /// The issuer as STS names it, where its tokens make sessions at STS itself.
    fn federated_provider(&self, trust: &PolicyDocument) -> Option<&str> {
        let (_, provider) = self.issuer.as_deref()?.split_once("://")?;
        Some(provider).filter(|provider| is_federated(trust, provider))
    }
}

/// Whether an item is for the tokens of this issuer.
fn is_for(context: &Context, item: &Item, issuer: Option<&str>) -> bool {
    item.text("issuer").or(context.governed.default_issuer()) == issuer
}

/// What STS takes as `RoleSessionName` (`AssumeRole`): no wildcard and no policy variable among it.
fn is_session_name(text: &str) -> bool {
    (2..=64).contains(&text.len()) && is_of_names(text)
}

/// The alphabet of `RoleSessionName` and of a role's name.
fn is_of_names(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c))
}

/// The issuer, where the service's names must tell its clients from others.
pub(super) fn naming_issuer(context: &Context, issuer: Option<&str>) -> Option<String> {
    context.governed.service().ok()?.terms.naming_issuer(issuer?)
}

/// Whether IAM takes it in a policy document: `PutRolePolicy` refuses the whole of one that holds a character beyond U+00FF.
fn is_writable(text: &str) -> bool {
    text.chars().all(|character| character <= '\u{ff}')
}

/// Whether tokens of this provider make sessions at STS itself.
fn is_federated(trust: &PolicyDocument, provider: &str) -> bool {
    let end = format!(":oidc-provider/{provider}");
    let principals = trust.statements().flat_map(|statement| statement.principals().unwrap_or_default());
    principals.into_iter().any(|(kind, name)| kind == "Federated" && name.ends_with(&end))
}

/// What an item grants, usable or not: of an item that the service refuses, sessions may live on.
fn grant_of(item: &Item, naming_issuer: Option<String>) -> Option<Grant> {
    let text = |name: &str| item.text(name).map(str::to_owned);
    let role_arn = RoleArn::parse(item.text("role_arn")?)?;
    Some(Grant {
        server_name: text("server_name").filter(|name| !name.is_empty()),
        s3_path_prefix: text("s3_path_prefix").unwrap_or_default(),
        external_id: text("external_id"),
        ..grant_of_role(role_arn, naming_issuer)
    })
}

fn grant_of_role(role_arn: RoleArn, naming_issuer: Option<String>) -> Grant {
    Grant {
        role_arn,
        server_name: None,
        s3_path_prefix: String::new(),
        s3_permissions: S3Permissions::Write,
        restriction: Restriction::RoleOnly,
        duration: LIFETIME,
        external_id: None,
        identity: SessionIdentity::Tags,
        naming_issuer,
        observed: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn document(value: &Value) -> PolicyDocument {
        PolicyDocument::parse(&value.to_string()).unwrap()
    }

    fn client(id: &str) -> Target {
        Target {
            id: id.to_owned(),
            issuer: Some("https://idp.example.com".to_owned()),
            has_item: false,
            scope_items: Vec::new(),
            roles: BTreeMap::new(),
            names: BTreeSet::new(),
            tag: id.to_owned(),
            source_identity: id.to_owned(),
        }
    }

    #[test]
    fn no_line_of_the_trail_denies_others() {
        let role = "arn:aws:iam::123456789012:role/r";
        let long = "x".repeat(65);
        for (name, role, expected) in [
            (json!("*"), role, Added::Garbage),
            (json!("web-??-a"), role, Added::Garbage),
            (json!("${aws:username}"), role, Added::Garbage),
            (json!("${*}"), role, Added::Garbage),
            (json!("a:b"), role, Added::Garbage),
            (json!("x"), role, Added::Garbage),
            (json!(""), role, Added::Garbage),
            (json!("\u{e9}t\u{e9}"), role, Added::Garbage),
            (json!(long), role, Added::Garbage),
            (json!("web-01"), "arn:aws:iam::123456789012:role/*", Added::Garbage),
            (json!("web-01"), "arn:aws:iam::123456789012:user/r", Added::Garbage),
            (json!("web-01"), "*", Added::Garbage),
            (json!("web_01+=,.@-"), role, Added::News),
            (json!(long[1..]), role, Added::News),
            (json!(null), role, Added::News),
        ] {
            let line = json!({"time": 0, "decision": "allow", "code": "ok", "session_name": name, "role_arn": role});
            let line = RecordedLine::parse(&line.to_string()).unwrap();
            let mut target = client("abc");
            assert_eq!(target.add_recorded(&line, None).unwrap(), expected, "{name} {role}");
            assert_eq!(target.roles.is_empty() && target.names.is_empty(), expected == Added::Garbage, "{name} {role}");
            if expected == Added::News {
                assert_eq!(target.add_recorded(&line, None).unwrap(), Added::Nothing);
            }
        }
    }

    #[test]
    fn what_iam_takes_in_no_policy_is_left_out() {
        let federated = json!({"Federated": "arn:aws:iam::1:oidc-provider/idp.example.com"});
        let trust = document(&json!({"Statement": {"Principal": federated}}));
        for (id, subjects) in [("abc", 2), ("\u{e9}\u{ff}", 2), ("\u{100}", 0), ("a\u{4e2d}", 0), ("\u{1f600}", 0)] {
            let target = client(id);
            let marks = target.marks(&trust);
            let found = marks.iter().filter(|(key, _)| matches!(key, Key::Subject(_))).count();
            assert_eq!((found, target.has_unwritable_subject(&trust)), (subjects, subjects == 0), "{id}");
            assert!(!target.has_unwritable_subject(&PolicyDocument::default()), "{id}");
        }
    }

    #[test]
    fn which_roles_take_tokens_of_an_issuer() {
        let arn = |provider: &str| format!("arn:aws:iam::123456789012:oidc-provider/{provider}");
        let trust =
            |principal: Value| document(&json!({"Statement": [{"Principal": {"AWS": "*"}}, {"Principal": principal}]}));
        for (principal, expected) in [
            (json!({"Federated": arn("idp.example.com")}), true),
            (json!({"Federated": ["x", arn("idp.example.com")]}), true),
            (json!({"Federated": arn("idp.example.com/")}), false),
            (json!({"Federated": arn("other/idp.example.com")}), false),
            (json!({"AWS": arn("idp.example.com")}), false),
            (json!("*"), false),
        ] {
            assert_eq!(is_federated(&trust(principal.clone()), "idp.example.com"), expected, "{principal}");
        }
        let one = document(&json!({"Statement": {"Principal": {"Federated": arn("idp.example.com")}}}));
        assert!(is_federated(&one, "idp.example.com"));
        assert!(!is_federated(&PolicyDocument::default(), "idp.example.com"));
    }
}
