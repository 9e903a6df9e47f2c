//! The mapping table: reads the item of a client, or the items of its scopes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::error::Error;
use std::fmt::Debug;
use std::time::{Duration, SystemTime};

use aws_calls::brief;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use environment::Variables;
use thiserror::Error;

use crate::caller::Caller;
use crate::flights::Flights;
use crate::recent::{Key, MAX_REFUSALS, REFUSALS_LAST, Recent, hash_of};
use crate::role_mapping::{Fault, Purpose, RoleMapping, may_serve};

/// Items with this prefix map a scope, not a client (interfaces §1).
pub(crate) const SCOPE_PREFIX: &str = "scope#";

/// Longest partition key of DynamoDB, in bytes. Nothing longer can be registered.
const MAX_KEY_BYTES: usize = 2048;
const MAX_SCOPE_BYTES: usize = MAX_KEY_BYTES - SCOPE_PREFIX.len();
/// Each scope reads an item of the table: a token with more is not looked up by its scopes.
const MAX_SCOPES: usize = 50;
/// The table's partition key.
const KEY: &str = "client_id";
/// How often a batch is asked for, keys left unprocessed included.
const BATCH_ATTEMPTS: u32 = 3;
/// The longest first pause between two attempts; each one more is twice as long. A batch is cut short when the table has no
/// capacity, and who asks again at once gets the same (Amazon DynamoDB, `BatchGetItem`).
const BATCH_PAUSE: Duration = Duration::from_millis(100);

/// Why there is no mapping for a client.
#[derive(Debug, Clone, Error)]
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
    #[error("the mapping item {key:?} is unusable: {}", list(faults))]
    Misconfigured {
        /// Key of the item.
        key: String,
        /// All that is wrong with it.
        faults: Vec<Fault>,
    },
    /// The table has another key.
    #[error(
        "the table {table:?} of {variable} cannot be used: its partition key must be `client_id` (S), with no sort key"
    )]
    WrongKey {
        /// The variable that names it.
        variable: &'static str,
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

/// The table's name (Amazon DynamoDB, "Naming rules") or ARN; faults are noted in `variables`.
pub fn table_name(variables: &Variables<'_>, purpose: Purpose) -> Option<String> {
    let name = purpose.table_variable();
    let table = match purpose {
        Purpose::Credentials => variables.required(name, "credvend-clients")?,
        Purpose::Queries => variables.optional(name)?,
    };
    let is_table = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-:/".contains(&byte);
    if !(3..=1024).contains(&table.len()) || !table.bytes().all(is_table) {
        variables.fault(name, format_args!("`{table}` is not the name of a table, for example `credvend-clients`"));
    }
    Some(table)
}

/// Of an item, its key included.
pub type Attributes = HashMap<String, AttributeValue>;

/// The table.
pub struct RoleMappings {
    source: Source,
    /// The issuer whose clients are meant by items that name none.
    default_issuer: Option<String>,
    purpose: Purpose,
    flights: Flights<Result<RoleMapping, MappingError>>,
    /// Clients that were found not to be registered, so that one that asks on and on reads the table seldom.
    unknown: Recent<()>,
}

enum Source {
    DynamoDb { client: Client, table: String },
    Fixed(HashMap<String, Attributes>),
}

impl RoleMappings {
    /// The table in `DynamoDB`; nothing is read yet.
    #[must_use]
    pub fn new(client: Client, table: String, default_issuer: Option<String>, purpose: Purpose) -> Self {
        Self::of(Source::DynamoDb { client, table }, default_issuer, purpose)
    }

    /// Items by key that are known already: what would be decided if the table held these.
    #[must_use]
    pub fn fixed(items: HashMap<String, Attributes>, default_issuer: Option<String>, purpose: Purpose) -> Self {
        Self::of(Source::Fixed(items), default_issuer, purpose)
    }

    fn of(source: Source, default_issuer: Option<String>, purpose: Purpose) -> Self {
        let unknown = Recent::new(REFUSALS_LAST, MAX_REFUSALS);
        Self { source, default_issuer, purpose, flights: Flights::new(), unknown }
    }

    /// The client's own item, else the one its scopes lead to. Items are never remembered: equal look-ups that come at the
    /// same time are made once, and that there is no item is known for a few seconds.
    ///
    /// # Errors
    /// When there is none, two that disagree, an unusable one, or no response.
    pub async fn find<'a>(&self, caller: impl Into<Caller<'a>>, now: SystemTime) -> Result<RoleMapping, MappingError> {
        let caller = caller.into();
        let key = key_of_caller(&caller);
        if self.unknown.get(&key, now).is_some() {
            return Err(MappingError::NotRegistered { client_id: caller.client_id().to_owned() });
        }
        let found = self.flights.share(key, Box::pin(self.look_up(&caller))).await;
        if let Err(MappingError::NotRegistered { .. }) = found {
            self.unknown.insert(key, (), now);
        }
        found
    }

    async fn look_up(&self, caller: &Caller<'_>) -> Result<RoleMapping, MappingError> {
        let client_id = caller.client_id();
        let not_registered = || MappingError::NotRegistered { client_id: client_id.to_owned() };
        // An issuer that names a client `scope#…` must not reach the items that are meant for scopes.
        if !client_id.starts_with(SCOPE_PREFIX)
            && client_id.len() <= MAX_KEY_BYTES
            && let Some(item) = self.item(client_id).await?
        {
            return match self.mapping(client_id, &item) {
                // What is wrong with another issuer's item is neither this client's to hear nor its failure.
                Err(_) if !self.may_serve(&item, caller) => Err(not_registered()),
                read => read,
            };
        }
        let scopes: BTreeSet<_> = caller.scopes().iter().filter(|scope| scope.len() < MAX_SCOPE_BYTES).collect();
        if scopes.is_empty() || scopes.len() > MAX_SCOPES {
            return Err(not_registered());
        }
        let keys: Vec<_> = scopes.into_iter().map(|scope| format!("{SCOPE_PREFIX}{scope}")).collect();
        let mut found: Option<RoleMapping> = None;
        // An item for another issuer's tokens says nothing about this one, not even that it cannot be read.
        for (key, item) in self.items(&keys).await?.iter().filter(|(_, item)| self.may_serve(item, caller)) {
            let mapping = self.mapping(key, item)?;
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
        found.ok_or_else(not_registered)
    }

    /// Whether the table answers, with the permission that vending needs as well.
    ///
    /// # Errors
    /// When it does not.
    pub async fn check(&self) -> Result<(), MappingError> {
        self.item("#ready").await.map(|_| ())
    }

    fn mapping(&self, key: &str, item: &Attributes) -> Result<RoleMapping, MappingError> {
        RoleMapping::from_item(key, item, self.default_issuer.as_deref(), self.purpose)
    }

    fn may_serve(&self, item: &Attributes, caller: &Caller<'_>) -> bool {
        may_serve(item, self.default_issuer.as_deref(), caller.issuer())
    }

    async fn item(&self, key: &str) -> Result<Option<Attributes>, MappingError> {
        let (client, table) = match &self.source {
            Source::DynamoDb { client, table } => (client, table),
            Source::Fixed(items) => return Ok(items.get(key).cloned()),
        };
        let output = client
            .get_item()
            .table_name(table)
            .key(KEY, AttributeValue::S(key.to_owned()))
            // An operator who disables a client means now, not as soon as the replicas agree.
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| self.unavailable(table, &error))?;
        let Some(item) = output.item else { return Ok(None) };
        if key_of(&item) != Some(key) {
            return Err(incomplete());
        }
        Ok(Some(item))
    }

    /// The items of several keys, by key.
    async fn items(&self, keys: &[String]) -> Result<BTreeMap<String, Attributes>, MappingError> {
        // One scope needs no more than the permission that every client needs.
        if let [key] = keys {
            return Ok(self.item(key).await?.map(|item| (key.clone(), item)).into_iter().collect());
        }
        let (client, table) = match &self.source {
            Source::DynamoDb { client, table } => (client, table),
            Source::Fixed(items) => {
                let held = |key: &String| items.get(key).map(|item| (key.clone(), item.clone()));
                return Ok(keys.iter().filter_map(held).collect());
            }
        };
        let mut found = BTreeMap::new();
        let mut open = keys_and_attributes(keys.iter().cloned())?;
        for attempt in 0..BATCH_ATTEMPTS {
            tokio::time::sleep(pause_before(attempt, fastrand::f64())).await;
            let output = client.batch_get_item().request_items(table, open).send().await;
            let output = output.map_err(|error| self.unavailable(table, &error))?;
            for item in output.responses.ok_or_else(incomplete)?.into_values().flatten() {
                let key = key_of(&item).filter(|key| keys.iter().any(|asked| asked == key)).ok_or_else(incomplete)?;
                found.insert(key.to_owned(), item);
            }
            // What `DynamoDB` had no capacity for is not absent.
            let mut unprocessed = output.unprocessed_keys.unwrap_or_default();
            if unprocessed.is_empty() {
                return Ok(found);
            }
            // Keys under the name of another table are not ours to understand, and ours may be among them.
            open = unprocessed.remove(table).ok_or_else(incomplete)?;
        }
        Err(MappingError::Unavailable { problem: "some items were not read".to_owned() })
    }

    fn unavailable<E, R>(&self, table: &str, error: &SdkError<E, R>) -> MappingError
    where
        E: Error + 'static,
        R: Debug + 'static,
        SdkError<E, R>: ProvideErrorMetadata,
    {
        match error.code() {
            // The request is always the same, so what `DynamoDB` finds wrong with it is the table's key.
            Some("ValidationException") => {
                MappingError::WrongKey { variable: self.purpose.table_variable(), table: table.to_owned() }
            }
            _ => MappingError::Unavailable { problem: brief(error) },
        }
    }
}

/// All that a look-up depends on.
fn key_of_caller(caller: &Caller<'_>) -> Key {
    hash_of([caller.issuer(), caller.client_id()].into_iter().chain(caller.scopes().iter().map(String::as_str)))
}

/// Between half of the step and the whole of it, so that those who were cut short together do not come again together.
/// `random` is from 0 to 1.
fn pause_before(attempt: u32, random: f64) -> Duration {
    match attempt.checked_sub(1) {
        None => Duration::ZERO,
        Some(earlier) => BATCH_PAUSE.saturating_mul(1 << earlier.min(8)).mul_f64(1.0 - random / 2.0),
    }
}

fn list(faults: &[Fault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn keys_and_attributes(keys: impl Iterator<Item = String>) -> Result<KeysAndAttributes, MappingError> {
    let keys = keys.map(|key| HashMap::from([(KEY.to_owned(), AttributeValue::S(key))]));
    let built = KeysAndAttributes::builder().set_keys(Some(keys.collect())).consistent_read(true).build();
    built.map_err(|_| MappingError::Unavailable { problem: "the request could not be built".to_owned() })
}

fn key_of(item: &Attributes) -> Option<&str> {
    item.get(KEY)?.as_s().ok().map(String::as_str)
}

fn incomplete() -> MappingError {
    MappingError::Unavailable { problem: "a response that is not whole".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_never_end_together() {
        let millis = |attempt, random| pause_before(attempt, random).as_millis();
        assert_eq!((millis(0, 0.0), millis(0, 1.0)), (0, 0), "the first attempt waits for nobody");
        assert_eq!((millis(1, 0.0), millis(1, 0.5), millis(1, 1.0)), (100, 75, 50));
        assert_eq!((millis(2, 0.0), millis(2, 1.0)), (200, 100));
    }
}
