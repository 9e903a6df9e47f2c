//! The mapping table: reads the item of a client, or the items of its scopes.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use jwt::Claims;
use thiserror::Error;

use crate::role_mapping::RoleMapping;

/// Items with this prefix map a scope, not a client (interfaces §1).
const SCOPE_PREFIX: &str = "scope#";

/// Longest partition key of DynamoDB, in bytes. Nothing longer can be registered.
const MAX_KEY_BYTES: usize = 2048;
const MAX_SCOPE_BYTES: usize = MAX_KEY_BYTES - SCOPE_PREFIX.len();
/// Each scope is a read of the table: a token with more is not looked up by its scopes.
const MAX_SCOPES: usize = 50;

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
    /// The table did not answer.
    #[error("the table of client mappings cannot be read at the moment ({problem})")]
    Unavailable {
        /// What DynamoDB said, in one word.
        problem: String,
    },
}

/// The table in DynamoDB.
pub struct RoleMappings {
    client: Client,
    table: String,
}

impl RoleMappings {
    /// Nothing is read yet.
    #[must_use]
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// The client's own item, else the one its scopes lead to.
    ///
    /// # Errors
    /// When there is none, two that disagree, an unusable one, or no answer.
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
        if scopes.len() > MAX_SCOPES {
            return Err(MappingError::NotRegistered { client_id: client_id.to_owned() });
        }
        let mut found: Option<RoleMapping> = None;
        for scope in scopes {
            let Some(mapping) = self.item(&format!("{SCOPE_PREFIX}{scope}")).await? else { continue };
            match &found {
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
        found.ok_or_else(|| MappingError::NotRegistered { client_id: client_id.to_owned() })
    }

    /// Whether the table answers, with the one permission that vending needs as well.
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
            .key("client_id", AttributeValue::S(key.to_owned()))
            // An operator who disables a client means now, not as soon as the replicas agree.
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| MappingError::Unavailable { problem: crate::aws_clients::brief(&error) })?;
        output.item.map(|item| RoleMapping::from_item(key, &item)).transpose()
    }
}
