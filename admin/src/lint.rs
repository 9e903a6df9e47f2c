//! `credvend-admin lint`: what is wrong, or soon will be, with the items, their roles and their clients.

mod finding;
mod items;
mod overlap;
mod reach;
mod roles;
mod sarif;
mod unused;

use std::time::SystemTime;

use environment::visible;
use grant::observe::ObservedItems;
use grant::role_mapping::RoleMapping;
use serde_json::{Value, json};

use self::finding::{Finding, Level};
use crate::cli::LintArguments;
use crate::clients::Context;
use crate::error::Error;
use crate::item::{Item, is_expired};
use crate::output::{self, Style};

/// An item that the service can use.
struct Usable<'a> {
    item: &'a Item,
    mapping: RoleMapping,
}

impl Usable<'_> {
    /// Whether something is vended by it now.
    fn is_active(&self, observed: &ObservedItems, now: SystemTime) -> bool {
        !self.mapping.disabled && !is_expired(&self.mapping, Some(observed), now)
    }
}

/// What was found, and what could not be looked at.
#[derive(Default)]
struct Report {
    findings: Vec<Finding>,
    /// In sentences.
    not_checked: Vec<String>,
    /// The first call that AWS refused or did not respond to: the findings are not all there are.
    failure: Option<Error>,
}

impl Report {
    /// A source that was asked and gave nothing.
    fn cannot_check(&mut self, what: &str, error: Error) {
        self.not_checked.push(format!("{what}: {error}"));
        self.failure.get_or_insert(error);
    }
}

pub(crate) async fn run(context: &Context, arguments: &LintArguments) -> Result<(), Error> {
    let service = context.governed.service()?;
    let items = context.table.scan().await?;
    let mut report = Report::default();
    let usable = items::read(&items, context.governed.default_issuer(), &mut report.findings);
    items::check(&usable, service, &mut report.findings);
    let active: Vec<_> = usable.iter().filter(|one| one.is_active(&service.terms.observed, context.now)).collect();
    overlap::check(&active, &mut report.findings);
    roles::check(context, &active, &mut report).await;
    unused::check(context, arguments, &active, &mut report).await;
    report.findings.sort_by(|a, b| (a.level, &a.item, a.rule.id).cmp(&(b.level, &b.item, b.rule.id)));
    if arguments.sarif {
        output::print_json(&sarif::document(&report.findings, &report.not_checked))?;
    } else if context.json {
        output::print_json(&to_json(&report))?;
    } else {
        output::print(to_text(&report, items.len(), context.style).as_bytes())?;
    }
    let counted = |least: Level| report.findings.iter().filter(|finding| finding.level <= least).count();
    match (arguments.fail_on.map(counted), report.failure) {
        (Some(findings @ 1..), _) => Err(Error::Findings { findings }),
        (_, Some(error)) => Err(error),
        _ => Ok(()),
    }
}

fn to_json(report: &Report) -> Value {
    let findings = report.findings.iter().map(|finding| {
        json!({
            "rule": finding.rule.id,
            "level": finding.level.word(),
            "item": finding.item,
            "problem": finding.problem,
            "fix": finding.fix,
        })
    });
    json!({"findings": findings.collect::<Vec<_>>(), "not_checked": report.not_checked})
}

fn to_text(report: &Report, items: usize, style: Style) -> String {
    let mut lines = Vec::new();
    for finding in &report.findings {
        let level = match finding.level {
            Level::Error => style.bad(finding.level.word()),
            Level::Warning => style.doubtful(finding.level.word()),
            Level::Note => finding.level.word().to_owned(),
        };
        lines.push(format!("{level}  {}  [{}]", visible(&finding.item), finding.rule.id));
        lines.push(format!("    {}", visible(&finding.problem)));
        lines.push(format!("    fix: {}", visible(&finding.fix)));
    }
    lines.extend(report.not_checked.iter().map(|sentence| format!("not checked: {}", visible(sentence))));
    let count = |level| report.findings.iter().filter(|finding| finding.level == level).count();
    lines.push(format!(
        "{items} items: {} errors, {} warnings, {} notes",
        count(Level::Error),
        count(Level::Warning),
        count(Level::Note)
    ));
    lines.join("\n") + "\n"
}
