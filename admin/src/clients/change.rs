//! `clients disable`, `enable` and `expire`: one attribute each.

use aws_sdk_dynamodb::types::AttributeValue;

use super::Context;
use crate::cli::ChangeArguments;
use crate::date::DateArgument;
use crate::difference::Change;
use crate::error::Error;
use crate::item::Attributes;
use crate::revoked_item::let_in;

/// An item that the service cannot use anyway can be switched off all the same.
pub(super) async fn disable(context: &Context, arguments: &ChangeArguments) -> Result<(), Error> {
    change(context, arguments, Checked::No, |attributes| {
        attributes.insert("disabled".to_owned(), AttributeValue::Bool(true));
    })
    .await
}

/// As `unrevoke`, which does more for the roles: an item that only shuts a client out goes.
pub(super) async fn enable(context: &Context, arguments: &ChangeArguments) -> Result<(), Error> {
    let before = context.item(&arguments.id).await?;
    let after = let_in(&before);
    if let Some(after) = &after {
        context.check(after)?;
    }
    context.apply(Change::between(Some(before), after), &arguments.write).await
}

pub(super) async fn expire(context: &Context, arguments: &ChangeArguments, date: DateArgument) -> Result<(), Error> {
    let seconds = date.epoch_seconds(context.now);
    change(context, arguments, Checked::Yes, |attributes| set_expiry(attributes, seconds)).await
}

pub(super) fn set_expiry(attributes: &mut Attributes, seconds: Option<u64>) {
    let name = "expires_at".to_owned();
    match seconds {
        Some(seconds) => attributes.insert(name, AttributeValue::N(seconds.to_string())),
        None => attributes.remove(&name),
    };
}

/// Whether the changed item must be one that the service can use.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Checked {
    Yes,
    No,
}

async fn change(
    context: &Context,
    arguments: &ChangeArguments,
    checked: Checked,
    edit: impl FnOnce(&mut Attributes),
) -> Result<(), Error> {
    let before = context.item(&arguments.id).await?;
    let mut after = before.clone();
    edit(&mut after.attributes);
    if checked == Checked::Yes {
        context.check(&after)?;
    }
    context.apply(Change::between(Some(before), Some(after)), &arguments.write).await
}
