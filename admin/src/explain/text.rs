//! What a person reads.

use std::fmt::Write as _;

use environment::visible;
use serde_json::Value;

use super::Report;
use super::role::{ActionVerdict, RoleFacts};
use crate::output::{self, Style};

pub(super) fn report(report: &Report<'_>, style: Style) -> String {
    let explanation = &report.decided.explanation;
    let is_allowed = report.decided.outcome.is_ok();
    let word = if is_allowed { style.good("allow") } else { style.bad(&explanation.decision) };
    let mut text = format!("{word}  {}\n", visible(&report.question.client_id));
    if let Some(code) = &explanation.code {
        push(&mut text, &format!("{code}: {}", visible(&explanation.reason)));
    }
    for note in &report.notes {
        push(&mut text, &format!("note: {}", visible(note)));
    }
    text.push('\n');
    text.push_str(&steps(report));
    if let Some(role) = &report.role {
        text.push_str(&of_role(role, style));
    }
    text.push_str(&changes(report, is_allowed));
    text
}

/// The steps that say something of the client: its key was made for this run, and says nothing.
fn steps(report: &Report<'_>) -> String {
    let steps = report.decided.explanation.steps.iter();
    let shown =
        steps.filter(|step| step.result != "ok" || !["token", "jwks", "rate_limit"].contains(&step.step.as_str()));
    let rows: Vec<_> = shown.map(|step| [step.step.clone(), step.result.clone(), detail(&step.detail)]).collect();
    output::table(["STEP", "RESULT", "WHAT IT LOOKED AT"], &rows)
}

/// `name = value`, without what is not set, and without the name of a token that nobody holds.
fn detail(detail: &Value) -> String {
    let is_shown = |(name, value): &(&String, &Value)| {
        let is_empty = value.as_array().is_some_and(Vec::is_empty) && *name != "scopes";
        !value.is_null() && **value != Value::Bool(false) && !is_empty && *name != "jti"
    };
    let members = detail.as_object().into_iter().flatten().filter(is_shown);
    members.map(|(name, value)| format!("{name} = {}", plain(value))).collect::<Vec<_>>().join(", ")
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) if values.is_empty() => "none".to_owned(),
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

fn of_role(role: &RoleFacts, style: Style) -> String {
    let mut text = String::from("\nrole, as IAM has it\n");
    let word = |known: Option<bool>| match known {
        Some(true) => style.good("yes"),
        Some(false) => style.bad("no"),
        None => "not known".to_owned(),
    };
    push(&mut text, &format!("  exists: {}", word(role.exists)));
    push(&mut text, &format!("  lets the service in: {}", word(role.lets_the_service_in)));
    if !role.actions.is_empty() {
        let yes = |is: bool| if is { "yes" } else { "no" }.to_owned();
        let row = |one: &ActionVerdict| {
            [one.action.to_owned(), yes(one.is_allowed), yes(one.is_asked_for), one.resource.clone()]
        };
        let rows: Vec<_> = role.actions.iter().map(row).collect();
        text.push_str(&output::table(["ACTION", "ALLOWED", "ASKED FOR", "RESOURCE"], &rows));
    }
    for sentence in &role.sentences {
        push(&mut text, &format!("  {}", visible(sentence)));
    }
    text
}

fn changes(report: &Report<'_>, is_allowed: bool) -> String {
    if report.changes.is_empty() {
        return String::new();
    }
    let heading =
        if is_allowed { "the service would refuse it if" } else { "for the service to allow it, in this order" };
    let mut text = format!("\n{heading}\n");
    for change in &report.changes {
        let leads_to = change.leads_to.as_ref().map(|code| format!("  → {code}")).unwrap_or_default();
        push(&mut text, &format!("  - {}{leads_to}", change.what));
        if let Some(command) = &change.command {
            push(&mut text, &format!("      {command}"));
        }
    }
    text
}

fn push(text: &mut String, line: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{line}");
}
