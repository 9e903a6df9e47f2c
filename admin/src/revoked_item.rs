//! The client's item while it is shut out, and when it is let in again.

use aws_sdk_dynamodb::types::AttributeValue;

use crate::item::{Attributes, Item, SCOPE_PREFIX};

/// When it was revoked, seconds since 1970 by AWS's clock. Absent on a client that was let in again.
const REVOKED_AT: &str = "revoked_at";
const REASON: &str = "revoked_reason";
/// The client has no item of its own but this one: it goes when the client is let in again.
const WITHOUT_ITEM: &str = "revoked_without_item";

/// The item that refuses the client; `None` where nothing is vended to it anyway.
pub(crate) fn shut_out(id: &str, own: Option<&Item>, scopes: &[Item], reason: Option<&str>, now: u64) -> Option<Item> {
    let mut item = match (own, scopes) {
        (Some(item), _) => item.clone(),
        (None, [scope, ..]) => stop(id, scope),
        (None, []) => return None,
    };
    if !is_shut_out(&item) {
        item.attributes.insert(REVOKED_AT.to_owned(), AttributeValue::N(now.to_string()));
    }
    item.attributes.insert("disabled".to_owned(), AttributeValue::Bool(true));
    if let Some(reason) = reason {
        item.attributes.insert(REASON.to_owned(), AttributeValue::S(reason.to_owned()));
    }
    Some(item)
}

/// An item for a client that has none, which would give it no more than the item of the scope, should anybody enable it.
fn stop(id: &str, scope: &Item) -> Item {
    let mut attributes: Attributes = scope.attributes.clone();
    let name = scope.key.strip_prefix(SCOPE_PREFIX).unwrap_or(&scope.key).to_owned();
    attributes.entry("allowed_scopes".to_owned()).or_insert_with(|| AttributeValue::Ss(vec![name]));
    attributes.insert(WITHOUT_ITEM.to_owned(), AttributeValue::Bool(true));
    Item { key: id.to_owned(), attributes }
}

/// The item as it was before; `None` where there was none.
pub(crate) fn let_in(item: &Item) -> Option<Item> {
    if is_only_a_stop(item) {
        return None;
    }
    let mut item = item.clone();
    for name in ["disabled", REVOKED_AT, REASON] {
        item.attributes.remove(name);
    }
    Some(item)
}

/// Whether the client has been shut out since it was revoked, as far as this program knows.
pub(crate) fn is_shut_out(item: &Item) -> bool {
    is_disabled(item) && item.attributes.contains_key(REVOKED_AT)
}

pub(crate) fn is_disabled(item: &Item) -> bool {
    item.attributes.get("disabled") == Some(&AttributeValue::Bool(true))
}

pub(crate) fn is_only_a_stop(item: &Item) -> bool {
    item.attributes.get(WITHOUT_ITEM) == Some(&AttributeValue::Bool(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_holds_the_scope_of_its_item() {
        for (key, scope) in [("scope#a", "a"), ("scope#scope#a", "scope#a"), ("scope#a#scope#", "a#scope#")] {
            let item = Item { key: key.to_owned(), attributes: Attributes::new() };
            let stop = shut_out("id", None, &[item], None, 1).unwrap();
            assert_eq!(stop.texts("allowed_scopes"), Some(&[scope.to_owned()][..]), "{key}");
            assert!(is_shut_out(&stop) && is_only_a_stop(&stop));
        }
    }
}
