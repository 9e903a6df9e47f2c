//! What IAM says of the role that would be assumed: whether it is there, whether it lets the service in, and what a session may do
//! below its prefix. Where the operator may not ask, a sentence says so.

use std::time::SystemTime;

use aws_config::SdkConfig;
use aws_sdk_iam::Client;
use aws_sdk_iam::error::ProvideErrorMetadata as _;
use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum, PolicyEvaluationDecisionType};
use environment::{RoleArn, visible};
use grant::authorize::Grant;
use grant::session::AssumeRole;
use vending_api::S3Permissions;
use vending_lambda::vend::Decision;

use crate::aws::AwsError;
use crate::date;
use crate::policy_document::PolicyDocument;
use crate::trust::{self, Trusted};

/// What S3 asks for at each level.
const ACTIONS: [(&str, S3Permissions); 4] = [
    ("s3:PutObject", S3Permissions::Write),
    ("s3:GetObject", S3Permissions::ReadWrite),
    ("s3:DeleteObject", S3Permissions::Full),
    ("s3:ListBucket", S3Permissions::Full),
];

/// What is known of the role.
#[derive(Default)]
pub(crate) struct RoleFacts {
    pub(crate) exists: Option<bool>,
    /// Whether its trust policy lets the vending function's role in.
    pub(crate) lets_the_service_in: Option<bool>,
    pub(crate) actions: Vec<ActionVerdict>,
    /// What is wrong, and what could not be looked at.
    pub(crate) sentences: Vec<String>,
}

/// Of one action below the session's prefix.
pub(crate) struct ActionVerdict {
    pub(crate) action: &'static str,
    pub(crate) resource: String,
    pub(crate) is_allowed: bool,
    /// Whether the level of the session asks for it.
    pub(crate) is_asked_for: bool,
}

/// Asks IAM with the operator's credentials.
pub(crate) struct Iam<'a> {
    client: Client,
    function_role: Option<&'a str>,
    bucket: &'a str,
    now: SystemTime,
}

impl<'a> Iam<'a> {
    pub(crate) fn new(aws: &SdkConfig, function_role: Option<&'a str>, bucket: &'a str, now: SystemTime) -> Self {
        Self { client: Client::new(aws), function_role, bucket, now }
    }

    /// Never fails: what cannot be looked at is said in a sentence.
    pub(crate) async fn look_at(&self, decision: &Decision) -> RoleFacts {
        let mut facts = RoleFacts::default();
        let session = &decision.session;
        let role_id = match self.client.get_role().role_name(session.role_arn.name()).send().await {
            Ok(found) => {
                let role = found.role;
                let arn = role.as_ref().map_or("", |role| role.arn());
                if arn != session.role_arn.as_str() {
                    facts.sentences.push(format!(
                        "the role {} is not looked at: these credentials see a role of that name as {}",
                        session.role_arn,
                        visible(arn)
                    ));
                    return facts;
                }
                facts.exists = Some(true);
                let document = role.as_ref().and_then(|role| role.assume_role_policy_document());
                self.trust(session, document, &mut facts);
                role.map(|role| role.role_id).unwrap_or_default()
            }
            Err(error) if error.code() == Some("NoSuchEntity") => {
                facts.exists = Some(false);
                facts
                    .sentences
                    .push(format!("the role {} does not exist: no credentials can be had", session.role_arn));
                return facts;
            }
            Err(error) => {
                let error = AwsError::new("iam:GetRole", &error);
                facts.sentences.push(format!("whether the role exists is not known ({error})"));
                String::new()
            }
        };
        if self.bucket.is_empty() {
            facts
                .sentences
                .push("what a session of the role may do is not asked: the service has no S3_BUCKET".to_owned());
            return facts;
        }
        match self.simulate(decision, &role_id).await {
            Ok(actions) => {
                facts.sentences.extend(actions.iter().filter(|one| one.is_asked_for && !one.is_allowed).map(|one| {
                    format!("the session may not do {} to {}, which its level asks for", one.action, one.resource)
                }));
                facts.actions = actions;
            }
            Err(error) => {
                facts.sentences.push(format!("what a session of the role may do is not known ({error})"));
            }
        }
        facts
    }

    fn trust(&self, session: &AssumeRole, document: Option<&str>, facts: &mut RoleFacts) {
        let Some(function_role) = self.function_role.and_then(RoleArn::parse) else {
            let words = "whether the role lets the service in is not known: say --function-role, or --from";
            facts.sentences.push(words.to_owned());
            return;
        };
        let Some(document) = document.and_then(PolicyDocument::parse) else {
            facts.sentences.push("the role's trust policy cannot be read".to_owned());
            return;
        };
        let mut actions = vec!["sts:AssumeRole"];
        actions.extend((!session.tags.is_empty()).then_some("sts:TagSession"));
        actions.extend(session.source_identity.is_some().then_some("sts:SetSourceIdentity"));
        facts.lets_the_service_in = Some(true);
        for action in actions {
            // The external id is a condition of AssumeRole alone, and goes with every request all the same.
            match trust::lets(&document, &function_role, action, session.external_id.as_deref()) {
                Trusted::Yes => {}
                Trusted::No => {
                    facts.lets_the_service_in = Some(false);
                    let role = &session.role_arn;
                    facts
                        .sentences
                        .push(format!("the trust policy of {role} does not let {function_role} do {action}"));
                }
                Trusted::Depends(key) => {
                    facts.lets_the_service_in = facts.lets_the_service_in.filter(|lets| !lets);
                    let key = visible(&key);
                    facts
                        .sentences
                        .push(format!("whether {action} is let in depends on {key}, which is not known here"));
                }
            }
        }
    }

    /// The role's own policies, and within those the session's.
    async fn simulate(&self, decision: &Decision, role_id: &str) -> Result<Vec<ActionVerdict>, AwsError> {
        let Decision { grant, session, .. } = decision;
        let mut verdicts = Vec::new();
        let bucket = format!("arn:{}:s3:::{}", session.role_arn.partition(), self.bucket);
        let prefix = grant.s3_path_prefix.trim_end_matches('/');
        for (action, level) in ACTIONS {
            let is_listing = action == "s3:ListBucket";
            let resource = if is_listing { bucket.clone() } else { format!("{bucket}/{prefix}/credvend-explain") };
            let context = self.context(grant, session, role_id, is_listing);
            let mut is_allowed = self.is_allowed(session, action, &resource, &context, None).await?;
            if is_allowed && let Some(policy) = &session.policy {
                is_allowed = self.is_allowed(session, action, &resource, &context, Some(policy)).await?;
            }
            let is_asked_for = grant.s3_permissions >= level;
            verdicts.push(ActionVerdict { action, resource, is_allowed, is_asked_for });
        }
        Ok(verdicts)
    }

    /// A session policy narrows as a permissions boundary does, so it is simulated as one. IAM then leaves out the role's own
    /// boundary, which the call without the session's policy has asked.
    async fn is_allowed(
        &self,
        session: &AssumeRole,
        action: &str,
        resource: &str,
        context: &[ContextEntry],
        policy: Option<&String>,
    ) -> Result<bool, AwsError> {
        let call = self.client.simulate_principal_policy().policy_source_arn(session.role_arn.as_str());
        let call = call.action_names(action).resource_arns(resource).set_context_entries(Some(context.to_vec()));
        let call = call.set_permissions_boundary_policy_input_list(policy.map(|policy| vec![policy.clone()]));
        let said = call.send().await.map_err(|error| AwsError::new("iam:SimulatePrincipalPolicy", &error))?;
        let results = said.evaluation_results.unwrap_or_default();
        if results.is_empty() {
            return Err(AwsError::unexpected("iam:SimulatePrincipalPolicy", "a response without results"));
        }
        Ok(results.iter().all(|result| result.eval_decision == PolicyEvaluationDecisionType::Allowed))
    }

    /// What conditions and policy variables may ask of a session that begins now.
    fn context(&self, grant: &Grant, session: &AssumeRole, role_id: &str, is_listing: bool) -> Vec<ContextEntry> {
        use ContextKeyTypeEnum::{Date, String};
        let seconds = self.now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let entry = |kind, key: &str, value: &str| {
            ContextEntry::builder().context_key_name(key).context_key_type(kind).context_key_values(value).build()
        };
        let mut context: Vec<_> = session
            .tags
            .iter()
            .map(|(name, value)| entry(String, &format!("aws:PrincipalTag/{name}"), value))
            .collect();
        context.extend(session.source_identity.as_deref().map(|text| entry(String, "aws:SourceIdentity", text)));
        context.extend(date::text(seconds).map(|text| entry(Date, "aws:TokenIssueTime", &text)));
        context.push(entry(String, "aws:userid", &format!("{role_id}:{}", session.session_name)));
        if is_listing {
            let prefix = format!("{}/", grant.s3_path_prefix.trim_end_matches('/'));
            context.push(entry(String, "s3:prefix", &prefix));
        }
        context
    }
}
