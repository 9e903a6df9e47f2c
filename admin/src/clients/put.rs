//! `clients put ID`: makes an item, or changes what is named of it.

use aws_sdk_dynamodb::types::AttributeValue;

use super::{Context, change, check_id};
use crate::cli::PutArguments;
use crate::difference::Change;
use crate::error::Error;
use crate::item::{Attributes, Item};

pub(super) async fn run(context: &Context, arguments: &PutArguments) -> Result<(), Error> {
    let id = &arguments.change.id;
    check_id(&id.id)?;
    let before = context.table.get(&id.id).await?;
    let mut after = match &before {
        Some(item) => item.clone(),
        None => Item { key: id.id.clone(), attributes: new_attributes(context)? },
    };
    let mut named = named(arguments);
    // An item that names its issuer, or comes to do so, keeps it by this option alone.
    if before.is_some()
        && let Some(issuer) = context.governed.named_issuer()
    {
        named.insert("issuer".to_owned(), AttributeValue::S(issuer.to_owned()));
    }
    for attribute in &arguments.unset {
        if named.contains_key(attribute) {
            return Err(Error::SetAndUnset { attribute: attribute.clone() });
        }
        after.attributes.remove(attribute);
    }
    after.attributes.extend(named);
    if let Some(date) = arguments.expires_at {
        if arguments.unset.iter().any(|name| name == "expires_at") {
            return Err(Error::SetAndUnset { attribute: "expires_at".to_owned() });
        }
        change::set_expiry(&mut after.attributes, date.epoch_seconds(context.now));
    }
    context.check(&after)?;
    context.apply(Change::between(before, Some(after)), &arguments.change.write).await
}

fn new_attributes(context: &Context) -> Result<Attributes, Error> {
    let issuer = context.governed.issuer_of_a_new_item()?;
    Ok(issuer.map(|issuer| ("issuer".to_owned(), AttributeValue::S(issuer))).into_iter().collect())
}

/// What the options say, by attribute.
fn named(arguments: &PutArguments) -> Attributes {
    let texts = [
        ("role_arn", &arguments.role_arn),
        ("server_name", &arguments.server_name),
        ("s3_path_prefix", &arguments.s3_path_prefix),
        ("s3_permissions", &arguments.s3_permissions),
        ("session_policy", &arguments.session_policy),
        ("external_id", &arguments.external_id),
    ];
    let texts = texts.into_iter().filter_map(|(name, text)| Some((name, AttributeValue::S(text.clone()?))));
    let sets = [
        ("allowed_scopes", &arguments.allowed_scopes),
        ("source_cidrs", &arguments.source_cidrs),
        ("observe", &arguments.observe),
    ];
    let sets = sets.into_iter().filter(|(_, texts)| !texts.is_empty()).map(|(name, texts)| {
        let mut texts = texts.clone();
        texts.sort_unstable();
        texts.dedup();
        (name, AttributeValue::Ss(texts))
    });
    let seconds = arguments.session_duration_seconds;
    let numbers = seconds.map(|seconds| ("session_duration_seconds", AttributeValue::N(seconds.to_string())));
    texts.chain(sets).chain(numbers).map(|(name, value)| (name.to_owned(), value)).collect()
}
