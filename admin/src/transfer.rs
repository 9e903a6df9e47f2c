//! `credvend-admin import` and `export`: all items of the table in one file.

mod file;
mod read;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::cli::{ExportArguments, Format, ImportArguments};
use crate::clients::Context;
use crate::difference::Change;
use crate::error::Error;
use crate::item::Item;
use crate::output;

/// Of the file.
pub(crate) const SCHEMA: &str = include_str!("transfer/schema.json");

/// Prints what `import` reads.
pub(crate) async fn export(context: &Context, arguments: &ExportArguments) -> Result<(), Error> {
    let items = context.table.scan().await?;
    let text = match arguments.format {
        Format::Json => file::to_json(&items),
        Format::Toml => file::to_toml(&items)?,
    };
    output::print(text.as_bytes())
}

/// Everything is judged before anything is written. Additions come before changes, and both before deletions.
pub(crate) async fn import(context: &Context, arguments: &ImportArguments) -> Result<(), Error> {
    let wanted = read::items(&arguments.file)?;
    let before: BTreeMap<_, _> = context.table.scan().await?.into_iter().map(|item| (item.key.clone(), item)).collect();
    let changes = changes(before, wanted, arguments.prune);
    for change in &changes {
        if let Change::Create(item) = change {
            context.check(item)?;
        }
        if let Change::Update { key, after, .. } = change {
            context.check(&Item { key: key.clone(), attributes: after.clone() })?;
        }
    }
    let deletions = changes.iter().filter(|change| change.is_deletion()).count();
    if deletions > 0 && !arguments.write.dry_run {
        show(context, &changes)?;
        output::confirm("`import --prune`", &format!("Delete {deletions} items?"), arguments.yes)?;
        return write(context, &changes).await;
    }
    if !arguments.write.dry_run {
        write(context, &changes).await?;
    }
    show(context, &changes)?;
    if arguments.write.dry_run && !context.json {
        output::print(b"(dry run: nothing was written)\n")?;
    }
    Ok(())
}

fn changes(mut before: BTreeMap<String, Item>, wanted: Vec<Item>, prune: bool) -> Vec<Change> {
    let mut changes: Vec<_> =
        wanted.into_iter().filter_map(|item| Change::between(before.remove(&item.key), Some(item))).collect();
    if prune {
        changes.extend(before.into_values().map(Change::Delete));
    }
    let order = |change: &Change| match change {
        Change::Create(_) => 0,
        Change::Update { .. } => 1,
        Change::Delete(_) => 2,
    };
    changes.sort_by_key(order);
    changes
}

async fn write(context: &Context, changes: &[Change]) -> Result<(), Error> {
    for (done, change) in changes.iter().enumerate() {
        context.table.write(change).await.map_err(|cause| match done {
            0 => cause,
            done => Error::Partly { done, all: changes.len(), cause: Box::new(cause) },
        })?;
    }
    Ok(())
}

fn show(context: &Context, changes: &[Change]) -> Result<(), Error> {
    if context.json {
        return output::print_json(&Value::Array(changes.iter().map(Change::to_json).collect()));
    }
    if changes.is_empty() {
        return output::print(b"nothing to change\n");
    }
    let text: Vec<_> = changes.iter().map(Change::to_text).collect();
    output::print(text.concat().as_bytes())
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::AttributeValue;

    use super::*;

    fn item(key: &str, role: &str) -> Item {
        let attributes = [("role_arn".to_owned(), AttributeValue::S(role.to_owned()))].into();
        Item { key: key.to_owned(), attributes }
    }

    #[test]
    fn nothing_is_deleted_unless_told() {
        let before = || [item("a", "1"), item("b", "1"), item("c", "1")].map(|item| (item.key.clone(), item)).into();
        let wanted = || vec![item("b", "1"), item("c", "2"), item("d", "1")];
        let words = |prune| -> Vec<_> {
            changes(before(), wanted(), prune)
                .iter()
                .map(|change| format!("{} {}", change.to_json()["change"].as_str().unwrap(), change.key()))
                .collect()
        };
        assert_eq!(words(false), ["create d", "update c"]);
        assert_eq!(words(true), ["create d", "update c", "delete a"]);
    }
}
