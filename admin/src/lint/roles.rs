//! What IAM shows of the items' roles. All roles of the account are read at once, so ten thousand clients are a few calls.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_iam::Client;
use aws_sdk_iam::types::{EntityType, ManagedPolicyDetail, RoleDetail};
use environment::RoleArn;
use grant::session::{SessionIdentity, tags_of_item};

use super::finding::{Finding, Level, ROLE_MISSING, ROLE_WIDER, TRUST};
use super::reach::{Bounds, beyond};
use super::{Report, Usable};
use crate::aws::AwsError;
use crate::clients::Context;
use crate::error::Error;
use crate::governed::Service;
use crate::policy_document::PolicyDocument;
use crate::trust::{self, Assumer};

const PAGE: i32 = 1000;

/// A role of the account.
struct Role {
    trust: Option<PolicyDocument>,
    policies: Vec<PolicyDocument>,
    /// Attached policies whose documents are not among the account's own.
    attached: Vec<String>,
}

/// The account's roles by ARN.
struct Roles {
    account: String,
    by_arn: HashMap<String, Role>,
}

pub(super) async fn check(context: &Context, active: &[&Usable<'_>], report: &mut Report) {
    let mut clients: BTreeMap<&str, Vec<&Usable<'_>>> = BTreeMap::new();
    for one in active {
        clients.entry(one.mapping.role_arn.as_str()).or_default().push(one);
    }
    if clients.is_empty() {
        return;
    }
    let mut roles = match read(context).await {
        Ok(roles) => roles,
        Err(error) => return report.cannot_check("roles and their trust", error),
    };
    if let Err(error) = read_attached(context, &mut roles, clients.keys().copied()).await {
        report.cannot_check("policies that AWS or another account keeps", error);
    }
    let function_role = context.governed.deployment.function_role_arn.as_deref().and_then(RoleArn::parse);
    if function_role.is_none() {
        let words = "which single principals may assume the roles: say --function-role, or --from (everybody and whole accounts are found)";
        report.not_checked.push(words.to_owned());
    }
    for (arn, items) in clients {
        let Some(first) = items.first() else { continue };
        let Some(role) = roles.by_arn.get(arn) else {
            if first.mapping.role_arn.account_id() == roles.account {
                report.findings.extend(items.iter().map(|one| missing(one)));
            } else {
                report.not_checked.push(format!("{arn}: another account's, which these credentials do not see"));
            }
            continue;
        };
        report.findings.extend(trusted_others(first, role, function_role.as_ref()));
        if let Ok(service) = context.governed.service() {
            report.findings.extend(items.iter().filter_map(|one| wider(one, role, service)));
        }
    }
}

fn missing(one: &Usable<'_>) -> Finding {
    let problem = format!("its role {} does not exist: the client gets 502 role_not_assumable", one.mapping.role_arn);
    let fix = "make the role (`terraform apply`), or name another with `credvend-admin clients put ID --role-arn ARN`";
    Finding::new(&ROLE_MISSING, &one.item.key, problem, fix)
}

/// Told once a role, at the first of its items.
fn trusted_others(first: &Usable<'_>, role: &Role, function_role: Option<&RoleArn>) -> Option<Finding> {
    let others = trust::others(role.trust.as_ref()?, function_role);
    // Where the function's role is not known, any single role could be it.
    let is_wrong = |other: &&Assumer| function_role.is_some() || other.is_many() || other.kind != "AWS";
    let others: Vec<_> = others.iter().filter(is_wrong).collect();
    let names: Vec<_> = others.iter().map(|other| other.name.as_str()).collect();
    let level = if others.iter().any(|other| other.is_many()) { Level::Error } else { Level::Warning };
    let problem = format!("the trust policy of {} lets others assume it: {}", first.mapping.role_arn, names.join(", "));
    let fix = "let the trust policy name the vending function's role alone, as terraform-cognito/modules/function-trust writes it";
    (!names.is_empty()).then(|| Finding::new(&TRUST, &first.item.key, problem, fix).at(level))
}

fn wider(one: &Usable<'_>, role: &Role, service: &Service) -> Option<Finding> {
    if one.mapping.session_policy.is_some() {
        return None;
    }
    let tags = match service.terms.session_identity {
        SessionIdentity::Tags => tags_of_item(&one.mapping, service.terms.plainly_named_issuer.as_deref()),
        SessionIdentity::Name => Vec::new(),
    };
    let tags: Vec<_> = tags.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let bounds = Bounds { bucket: &service.bucket, prefix: &one.mapping.s3_path_prefix, tags: &tags };
    let problem = beyond(&role.policies, &bounds)?;
    let problem = format!(
        "{problem}; the item's prefix is {}, and it has no session policy: the client reaches all of that",
        one.mapping.s3_path_prefix
    );
    let fix = "`credvend-admin clients put ID --session-policy s3-prefix`, or a role that is held to the prefix";
    Some(Finding::new(&ROLE_WIDER, &one.item.key, problem, fix))
}

async fn read(context: &Context) -> Result<Roles, Error> {
    let sts = aws_sdk_sts::Client::new(&context.aws).get_caller_identity().send().await;
    let account = sts.map_err(|error| AwsError::new("sts:GetCallerIdentity", &error))?.account.unwrap_or_default();
    let details = Client::new(&context.aws).get_account_authorization_details().max_items(PAGE);
    let details = details.filter(EntityType::Role).filter(EntityType::LocalManagedPolicy);
    let mut pages = details.into_paginator().send();
    let (mut roles, mut policies) = (Vec::new(), HashMap::new());
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| AwsError::new("iam:GetAccountAuthorizationDetails", &error))?;
        roles.extend(page.role_detail_list.unwrap_or_default());
        policies.extend(page.policies.unwrap_or_default().iter().filter_map(default_version));
    }
    let by_arn = roles.into_iter().filter_map(|role| Some((role.arn.clone()?, typed(&role, &policies)))).collect();
    Ok(Roles { account, by_arn })
}

fn default_version(policy: &ManagedPolicyDetail) -> Option<(String, PolicyDocument)> {
    let version = policy.policy_version_list().iter().find(|version| version.is_default_version)?;
    Some((policy.arn.clone()?, PolicyDocument::parse(version.document()?)?))
}

fn typed(role: &RoleDetail, managed: &HashMap<String, PolicyDocument>) -> Role {
    let inline = role.role_policy_list().iter().filter_map(|policy| PolicyDocument::parse(policy.policy_document()?));
    let attached = role.attached_managed_policies().iter().filter_map(|policy| policy.policy_arn.as_ref());
    let (known, unknown): (Vec<_>, Vec<_>) = attached.partition(|arn| managed.contains_key(*arn));
    Role {
        trust: role.assume_role_policy_document().and_then(PolicyDocument::parse),
        policies: inline.chain(known.into_iter().filter_map(|arn| managed.get(arn).cloned())).collect(),
        attached: unknown.into_iter().cloned().collect(),
    }
}

/// AWS's own managed policies, each read once.
async fn read_attached(context: &Context, roles: &mut Roles, used: impl Iterator<Item = &str>) -> Result<(), Error> {
    let client = Client::new(&context.aws);
    let mut known: HashMap<String, Option<PolicyDocument>> = HashMap::new();
    for arn in used {
        let Some(role) = roles.by_arn.get_mut(arn) else { continue };
        for policy in std::mem::take(&mut role.attached) {
            let document = match known.get(&policy) {
                Some(document) => document.clone(),
                None => known.entry(policy.clone()).or_insert(managed(&client, &policy).await?).clone(),
            };
            role.policies.extend(document);
        }
    }
    Ok(())
}

async fn managed(client: &Client, arn: &str) -> Result<Option<PolicyDocument>, Error> {
    let found = client.get_policy().policy_arn(arn).send().await;
    let found = found.map_err(|error| AwsError::new("iam:GetPolicy", &error))?;
    let version = found.policy.and_then(|policy| policy.default_version_id).unwrap_or_default();
    let found = client.get_policy_version().policy_arn(arn).version_id(version).send().await;
    let found = found.map_err(|error| AwsError::new("iam:GetPolicyVersion", &error))?;
    Ok(found.policy_version.and_then(|version| PolicyDocument::parse(version.document()?)))
}
