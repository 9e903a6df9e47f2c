//! `credvend-admin explain ID`: the decision as the service would take it, and what it rests on.

mod change;
mod decision;
mod hypothetical_token;
#[cfg(test)]
mod properties;
mod role;
mod text;

use environment::visible;
use grant::authorize::ScopeDown;
use grant::role_mapping::Purpose;
use grant::table::Attributes;
use serde_json::{Value, json};
use vending_lambda::error::VendError;
use vending_lambda::vend::Decision;

use self::change::{Case, Change};
use self::decision::{Decided, Judge, Question};
use self::role::{Iam, RoleFacts};
use crate::cli::ExplainArguments;
use crate::clients::{Context, check};
use crate::error::Error;
use crate::item::SCOPE_PREFIX;
use crate::output;
use crate::user_pool;

/// Everything that is shown.
struct Report<'a> {
    issuer: &'a str,
    question: Question,
    /// Where the scopes come from: `option`, `user-pool` or `unknown`.
    scopes_from: &'static str,
    decided: Decided,
    changes: Vec<Change>,
    role: Option<RoleFacts>,
    notes: Vec<String>,
}

pub(crate) async fn run(context: &Context, arguments: &ExplainArguments) -> Result<(), Error> {
    check(&arguments.id)?;
    if let Some(scope) = arguments.id.id.strip_prefix(SCOPE_PREFIX) {
        return Err(Error::ScopeIsNoClient { scope: scope.to_owned() });
    }
    let service = context.governed.service()?;
    let issuer = context.governed.meant_issuer()?;
    let judge = Judge::new(service, &issuer.rules, &context.aws, context.now)?;
    let mut notes = Vec::new();
    let (scopes, scopes_from) = scopes(context, arguments, &mut notes).await;
    let question = Question {
        client_id: arguments.id.id.clone(),
        scopes,
        source_ip: arguments.source_ip,
        scope_down: ScopeDown {
            duration: arguments.duration.map(|seconds| std::time::Duration::from_secs(seconds.into())),
            s3_path_prefix: arguments.prefix.clone(),
            s3_permissions: arguments.level.map(Into::into),
        },
    };
    let default_issuer = service.authentication.default_issuer().map(str::to_owned);
    let table = context.table.role_mappings(default_issuer, Purpose::Credentials);
    let decided = judge.decide(&question, table).await?;
    if let Err(error) = &decided.outcome
        && error.is_failure()
        && !is_of_the_item(error)
    {
        return Err(Error::NotDecided(error.to_string()));
    }
    let item = item(context, &question, &decided).await?;
    let case = Case { question: question.clone(), item };
    let (changes, role) = match &decided.outcome {
        Err(error) => (change::until_allowed(&judge, &case, error).await?, None),
        Ok(decision) => {
            let function_role = context.governed.deployment.function_role_arn.as_deref();
            let iam = Iam::new(&context.aws, function_role, &service.bucket, context.now);
            (change::until_denied(&judge, &case).await?, Some(iam.look_at(decision).await))
        }
    };
    let report = Report { issuer: &issuer.rules.url, question, scopes_from, decided, changes, role, notes };
    if context.json {
        return output::print_json(&to_json(&report));
    }
    output::print(text::report(&report, context.style).as_bytes())
}

/// A fault of the item is a decision of its own, which an operator can mend.
fn is_of_the_item(error: &VendError) -> bool {
    use grant::table::MappingError::Misconfigured;
    matches!(error, VendError::Mapping(Misconfigured { .. }) | VendError::Session(_))
}

/// Those of the option, else all that the user pool allows the client: a client that asks for none gets these.
async fn scopes(
    context: &Context,
    arguments: &ExplainArguments,
    notes: &mut Vec<String>,
) -> (Vec<String>, &'static str) {
    if let Some(scopes) = &arguments.scopes {
        return (scopes.iter().filter(|scope| !scope.is_empty()).cloned().collect(), "option");
    }
    match user_pool::allowed_scopes(context, &arguments.id.id).await {
        Ok(Some(scopes)) => (scopes, "user-pool"),
        Ok(None) => {
            notes.push(
                "the user pool has no app client of this id, so it gets no token there; say --scopes for another"
                    .to_owned(),
            );
            (Vec::new(), "unknown")
        }
        Err(error) => {
            notes.push(format!("the client's scopes are not known, and none are assumed ({error}); say --scopes"));
            (Vec::new(), "unknown")
        }
    }
}

/// The item that decided: the one that the step names, else the client's own.
async fn item(
    context: &Context,
    question: &Question,
    decided: &Decided,
) -> Result<Option<(String, Attributes)>, Error> {
    let key = decided.item_key().unwrap_or(&question.client_id);
    let item = context.table.get(key).await?;
    Ok(item.map(|item| (item.key.clone(), item.into_table())))
}

fn to_json(report: &Report<'_>) -> Value {
    let explanation = &report.decided.explanation;
    let changes = report
        .changes
        .iter()
        .map(|change| json!({"what": change.what, "command": change.command, "leads_to": change.leads_to}));
    json!({
        "client_id": report.question.client_id,
        "issuer": report.issuer,
        "scopes": report.question.scopes,
        "scopes_from": report.scopes_from,
        "source_ip": report.question.source_ip,
        "decision": explanation.decision,
        "code": explanation.code,
        "reason": explanation.reason,
        "steps": explanation.steps,
        "changes": changes.collect::<Vec<_>>(),
        "session": report.decided.outcome.as_ref().ok().map(session_to_json),
        "role": report.role.as_ref().map(role_to_json),
        "notes": report.notes,
    })
}

fn session_to_json(decision: &Decision) -> Value {
    let session = &decision.session;
    let tags: serde_json::Map<_, _> = session.tags.iter().map(|(name, tag)| ((*name).to_owned(), json!(tag))).collect();
    json!({
        "role_arn": session.role_arn.as_str(),
        "session_name": session.session_name,
        "source_identity": session.source_identity,
        "tags": tags,
        "session_policy": session.policy.as_deref().and_then(|policy| serde_json::from_str::<Value>(policy).ok()),
        "duration_seconds": session.duration.as_secs(),
        "s3_path_prefix": decision.grant.s3_path_prefix,
        "s3_permissions": decision.grant.s3_permissions,
    })
}

fn role_to_json(facts: &RoleFacts) -> Value {
    let actions = facts.actions.iter().map(|one| {
        json!({
            "action": one.action, "resource": one.resource, "allowed": one.is_allowed, "asked_for": one.is_asked_for,
        })
    });
    json!({
        "exists": facts.exists,
        "lets_the_service_in": facts.lets_the_service_in,
        "actions": actions.collect::<Vec<_>>(),
        "remarks": facts.sentences.iter().map(|sentence| visible(sentence)).collect::<Vec<_>>(),
    })
}
