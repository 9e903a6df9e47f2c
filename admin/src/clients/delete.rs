//! `clients delete ID`.

use environment::visible;

use super::Context;
use crate::cli::ChangeArguments;
use crate::difference::Change;
use crate::error::Error;
use crate::item::Item;
use crate::output;

/// So many scope items are named in a warning.
const NAMED: usize = 5;

/// A client without an item gets what the items of its scopes give: to delete an item may open more than it closes.
pub(super) async fn run(context: &Context, arguments: &ChangeArguments, yes: bool) -> Result<(), Error> {
    let item = context.item(&arguments.id).await?;
    if !item.is_for_a_scope() {
        let items = context.table.scan().await?;
        let scopes: Vec<_> = items.iter().filter(|other| catches(other, &item)).collect();
        if !scopes.is_empty() {
            context.log.warn(format_args!(
                "without its item the client {:?} gets what its scopes have: if its tokens hold one of {}, it gets that \
                 item's role; `credvend-admin clients disable` refuses it whatever its scopes are",
                item.key,
                names(&scopes)
            ));
        }
    }
    if !arguments.write.dry_run {
        output::confirm("`clients delete`", &format!("Delete the item {:?}?", item.key), yes)?;
    }
    context.apply(Change::between(Some(item), None), &arguments.write).await
}

/// Whether the item of a scope may serve the client of another item: it is for tokens of the same issuer.
fn catches(scope: &Item, client: &Item) -> bool {
    scope.is_for_a_scope() && scope.text("issuer") == client.text("issuer")
}

fn names(scopes: &[&Item]) -> String {
    let mut names: Vec<_> =
        scopes.iter().take(NAMED).map(|item| visible(item.key.trim_start_matches(crate::item::SCOPE_PREFIX))).collect();
    if scopes.len() > NAMED {
        names.push(format!("{} more", scopes.len() - NAMED));
    }
    names.join(", ")
}
