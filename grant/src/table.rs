//! The mapping table: reads the item of a client, or the items of its scopes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::error::Error;
use std::fmt::Debug;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use jwt::Claims;
use thiserror::Error;

use crate::aws_clients::brief;
use crate::role_mapping::RoleMapping;

/// Items with this prefix map a scope, not a client (interfaces §1).
const SCOPE_PREFIX: &str = "scope#";

/// Longest partition key of DynamoDB, in bytes. Nothing longer can be registered.
const MAX_KEY_BYTES: usize = 2048;
const MAX_SCOPE_BYTES: usize = MAX_KEY_BYTES - SCOPE_PREFIX.len();
/// Each scope reads an item of the table: a token with more is not looked up by its scopes.
const MAX_SCOPES: usize = 50;
/// The table's partition key.
const KEY: &str = "client_id";
/// How often a batch is asked for, keys left unprocessed included.
const BATCH_ATTEMPTS: u32 = 3;

/// Why there is no mapping for a client.
#[derive(Debug, Error)]
pub enum MappingError {
    /// Neither the client nor any of its scopes has an item.
    #[error("client {client_id:?} is not registered here, and none of its token's scopes is mapped to a role")]
    NotRegistered {
        /// From the verified token.
        client_id: String,
    },
    /// Two of the token's scopes lead to different roles.
    #[error(
        "the scopes {first:?} and {second:?} of client {client_id:?} are mapped to different roles; register the client itself"
    )]
    ConflictingScopes {
        /// From the verified token.
        client_id: String,
        /// Key of one item.
        first: String,
        /// Key of another.
        second: String,
    },
    /// The item cannot be used as it is.
    #[error("the mapping item {key:?} is unusable: attribute `{attribute}` {problem}")]
    Misconfigured {
        /// Key of the item.
        key: String,
        /// Which attribute.
        attribute: &'static str,
        /// What is wrong with it, without its value.
        problem: &'static str,
    },
    /// The table has another key.
    #[error(
        "the table {table:?} of DYNAMODB_TABLE cannot be used: its partition key must be `client_id` (S), with no sort key"
    )]
    WrongKey {
        /// Its name.
        table: String,
    },
    /// The table did not answer.
    #[error("the table of client mappings cannot be read at the moment ({problem})")]
    Unavailable {
        /// What DynamoDB said, in one word.
        problem: String,
    },
}

/// The table in `DynamoDB`.
pub struct RoleMappings {
    client: Client,
    table: String,
    /// The issuer whose clients are meant by items that name none.
    default_issuer: Option<String>,
}

impl RoleMappings {
    /// Nothing is read yet.
    #[must_use]
    pub fn new(client: Client, table: String, default_issuer: Option<String>) -> Self {
        Self { client, table, default_issuer }
    }

    /// The client's own item, else the one its scopes lead to.
    ///
    /// # Errors
    /// When there is none, two that disagree, an unusable one, or no response.
    pub async fn find(&self, claims: &Claims) -> Result<RoleMapping, MappingError> {
        let client_id = claims.client_id();
        // An issuer that names a client `scope#…` must not reach the items that are meant for scopes.
        if !client_id.starts_with(SCOPE_PREFIX)
            && client_id.len() <= MAX_KEY_BYTES
            && let Some(mapping) = self.item(client_id).await?
        {
            return Ok(mapping);
        }
        let scopes: BTreeSet<_> = claims.scopes().iter().filter(|scope| scope.len() < MAX_SCOPE_BYTES).collect();
        let not_registered = || MappingError::NotRegistered { client_id: client_id.to_owned() };
        if scopes.is_empty() || scopes.len() > MAX_SCOPES {
            return Err(not_registered());
        }
        let keys: Vec<_> = scopes.into_iter().map(|scope| format!("{SCOPE_PREFIX}{scope}")).collect();
        let mut found: Option<RoleMapping> = None;
        for mapping in self.items(&keys).await? {
            match &found {
                // An item for another issuer's tokens says nothing about this one.
                _ if !mapping.serves(claims.issuer()) => {}
                Some(first) if !first.leads_to_the_same_as(&mapping) => {
                    return Err(MappingError::ConflictingScopes {
                        client_id: client_id.to_owned(),
                        first: first.key.clone(),
                        second: mapping.key,
                    });
                }
                Some(_) => {}
                None => found = Some(mapping),
            }
        }
        found.ok_or_else(not_registered)
    }

    /// Whether the table answers, with the permission that vending needs as well.
    ///
    /// # Errors
    /// When it does not.
    pub async fn check(&self) -> Result<(), MappingError> {
        self.item("#ready").await.map(|_| ())
    }

    async fn item(&self, key: &str) -> Result<Option<RoleMapping>, MappingError> {
        let output = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(KEY, AttributeValue::S(key.to_owned()))
            // An operator who disables a client means now, not as soon as the replicas agree.
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| self.unavailable(&error))?;
        let Some(item) = output.item else { return Ok(None) };
        if key_of(&item) != Some(key) {
            return Err(incomplete());
        }
        RoleMapping::from_item(key, &item, self.default_issuer.as_deref()).map(Some)
    }

    /// The items of several keys, in the order of their keys.
    async fn items(&self, keys: &[String]) -> Result<Vec<RoleMapping>, MappingError> {
        // One scope needs no more than the permission that every client needs.
        if let [key] = keys {
            return Ok(self.item(key).await?.into_iter().collect());
        }
        let mut found = BTreeMap::new();
        let mut open = keys_and_attributes(keys.iter().cloned())?;
        for _ in 0..BATCH_ATTEMPTS {
            let output = self.client.batch_get_item().request_items(&self.table, open).send().await;
            let output = output.map_err(|error| self.unavailable(&error))?;
            for item in output.responses.ok_or_else(incomplete)?.into_values().flatten() {
                let key = key_of(&item).filter(|key| keys.iter().any(|asked| asked == key)).ok_or_else(incomplete)?;
                let mapping = RoleMapping::from_item(key, &item, self.default_issuer.as_deref())?;
                found.insert(mapping.key.clone(), mapping);
            }
            // What `DynamoDB` had no capacity for is not absent.
            let mut unprocessed = output.unprocessed_keys.unwrap_or_default();
            if unprocessed.is_empty() {
                return Ok(found.into_values().collect());
            }
            // Keys under the name of another table are not ours to understand, and ours may be among them.
            open = unprocessed.remove(&self.table).ok_or_else(incomplete)?;
        }
        Err(MappingError::Unavailable { problem: "some items were not read".to_owned() })
    }

    fn unavailable<E, R>(&self, error: &SdkError<E, R>) -> MappingError
    where
        E: Error + 'static,
        R: Debug + 'static,
        SdkError<E, R>: ProvideErrorMetadata,
    {
        match error.code() {
            // The request is always the same, so what `DynamoDB` finds wrong with it is the table's key.
            Some("ValidationException") => MappingError::WrongKey { table: self.table.clone() },
            _ => MappingError::Unavailable { problem: brief(error) },
        }
    }
}

fn keys_and_attributes(keys: impl Iterator<Item = String>) -> Result<KeysAndAttributes, MappingError> {
    let keys = keys.map(|key| HashMap::from([(KEY.to_owned(), AttributeValue::S(key))]));
    let built = KeysAndAttributes::builder().set_keys(Some(keys.collect())).consistent_read(true).build();
    built.map_err(|_| MappingError::Unavailable { problem: "the request could not be built".to_owned() })
}

fn key_of(item: &HashMap<String, AttributeValue>) -> Option<&str> {
    item.get(KEY)?.as_s().ok().map(String::as_str)
}

fn incomplete() -> MappingError {
    MappingError::Unavailable { problem: "a response that is not whole".to_owned() }
}
