//! `audit --unused 90d`: the clients that have an item and have not come for a while.

use std::collections::BTreeMap;

use serde_json::json;

use super::{AuditLog, Question, Setting, shown, tell_garbage};
use crate::date::{self, PastArgument};
use crate::error::Error;
use crate::item::{Item, SCOPE_PREFIX};
use crate::output;
use crate::table::Table;

pub(super) async fn run(setting: &Setting<'_>, log: &AuditLog, unused: PastArgument) -> Result<(), Error> {
    let table = Table::open(setting.governed, &setting.aws().await?)?;
    let items = table.scan().await?;
    let since = unused.epoch_millis(setting.now);
    // A file may tell more than what was asked for: when a client came last.
    let from = matches!(log, AuditLog::Group { .. }).then_some(since);
    let (last, read) = log.last_vends(&Question { since: from, ..Question::default() }).await?;
    tell_garbage(setting.log, read);
    let last = by_client(last);
    let unused: Vec<_> = items
        .iter()
        .filter(|item| !item.key.starts_with(SCOPE_PREFIX))
        .map(|item| (item, last.get(&item.key).copied()))
        .filter(|(_, last)| last.is_none_or(|last| last < since))
        .collect();
    if setting.global.json {
        let rows = unused.iter().map(|(item, last)| {
            json!({"client_id": item.key, "state": item.state(setting.governed.observed(), setting.now).word(), "server_name": item.text("server_name"),
                "last_vend": last.and_then(|last| date::text(last / 1000))})
        });
        return output::print_json(&rows.collect());
    }
    let rows: Vec<_> = unused.iter().map(|(item, last)| row(item, *last, setting)).collect();
    output::print(output::table(["CLIENT", "STATE", "SERVER", "LAST VEND"], &rows).as_bytes())
}

fn row(item: &Item, last: Option<u64>, setting: &Setting<'_>) -> [String; 4] {
    [
        item.key.clone(),
        item.state(setting.governed.observed(), setting.now).word().to_owned(),
        item.text("server_name").unwrap_or("-").to_owned(),
        last.map_or_else(|| "none found".to_owned(), shown::time),
    ]
}

/// An item is one client's, whichever of its issuers the lines name.
fn by_client(last: BTreeMap<super::log::ClientOfIssuer, u64>) -> BTreeMap<String, u64> {
    let mut clients = BTreeMap::new();
    for ((_, client), at) in last {
        let latest = clients.entry(client).or_insert(at);
        *latest = at.max(*latest);
    }
    clients
}
