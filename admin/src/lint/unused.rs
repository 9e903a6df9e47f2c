//! Clients that have not come for a while, by the audit lines.

use std::collections::HashMap;
use std::time::{Duration, UNIX_EPOCH};

use super::finding::{Finding, UNUSED};
use super::{Report, Usable};
use crate::audit::{AuditLog, Question};
use crate::cli::{AuditSource, LintArguments};
use crate::clients::Context;
use crate::date;
use crate::error::Error;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const UNUSED_AFTER: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// What the lines say.
#[derive(Default)]
struct Seen {
    /// Time of the last vend, by client: milliseconds since 1970.
    last: HashMap<String, u64>,
    oldest: Option<u64>,
}

pub(super) async fn check(context: &Context, arguments: &LintArguments, active: &[&Usable<'_>], report: &mut Report) {
    let clients: Vec<_> = active.iter().filter(|one| !one.item.is_for_a_scope()).collect();
    let source = &arguments.source;
    if clients.is_empty() {
        return;
    }
    if source.file.is_none() && source.log_group.is_none() && context.governed.deployment.log_group.is_none() {
        let words = "clients that have not come for 90 days: say --log-group or --from, or --file with audit lines";
        return report.not_checked.push(words.to_owned());
    }
    let now = context.now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let since = millis(now.saturating_sub(UNUSED_AFTER));
    let seen = match read(context, source, since).await {
        Ok(seen) => seen,
        Err(error) => return report.cannot_check("clients that have not come for 90 days", error),
    };
    // Who has not come since yesterday's first line has not been away for long.
    let begins = seen.oldest.filter(|oldest| *oldest <= since.saturating_add(millis(DAY)));
    if begins.is_none() {
        let oldest = seen.oldest.and_then(|oldest| date::text(oldest / 1000));
        let words = format!(
            "clients that have not come for 90 days: the audit lines go back {}",
            oldest.map_or("nowhere, there are none of credentials".to_owned(), |date| format!("to {date} only"))
        );
        return report.not_checked.push(words);
    }
    report.findings.extend(clients.iter().filter_map(|one| unused(one, &seen, since)));
}

fn unused(one: &Usable<'_>, seen: &Seen, since: u64) -> Option<Finding> {
    let last = seen.last.get(&one.item.key).copied();
    if last.is_some_and(|last| last >= since) {
        return None;
    }
    let last = last.and_then(|last| date::text(last / 1000));
    let problem = last.map_or_else(
        || "the audit lines of the last 90 days hold no credentials for it".to_owned(),
        |date| format!("it has not come for 90 days: its last credentials are of {date}"),
    );
    let fix = "`credvend-admin clients disable ID`, and later `delete`; leave it if it is new";
    Some(Finding::new(&UNUSED, &one.item.key, problem, fix))
}

async fn read(context: &Context, source: &AuditSource, since: u64) -> Result<Seen, Error> {
    let log = AuditLog::open(source, &context.governed, &context.aws)?;
    // A file may tell more: when a client came last.
    let since = matches!(log, AuditLog::Group { .. }).then_some(since);
    let mut seen = Seen::default();
    let question = Question { since, only_vends: true, ..Question::default() };
    log.read(&question, |line, _| {
        seen.oldest = Some(seen.oldest.map_or(line.time, |oldest| oldest.min(line.time)));
        if let Some(client) = &line.client_id {
            let last = seen.last.entry(client.clone()).or_insert(line.time);
            *last = line.time.max(*last);
        }
        Ok(())
    })
    .await?;
    Ok(seen)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
