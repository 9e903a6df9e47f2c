//! The table of client mappings. Whatever is written is written on the condition that it is still as it was read.

use std::collections::BTreeSet;
use std::time::SystemTime;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use grant::attributes::ATTRIBUTES;
use grant::role_mapping::Purpose;
use grant::table::RoleMappings;
use tokio::task::JoinSet;

use crate::aws::AwsError;
use crate::difference::{Change, changed_names};
use crate::error::Error;
use crate::governed::Governed;
use crate::item::{Attributes, Item, KEY};
use crate::output::Progress;
use crate::response_date::ResponseDate;

/// Parts of the table that are read at once.
const SEGMENTS: i32 = 8;
/// A page of each of them is held at once, as objects that are several times as large as their text.
const PAGE_ITEMS: i32 = 1_000;

pub(crate) struct Table {
    client: Client,
    name: String,
}

impl Table {
    /// Nothing is read yet.
    pub(crate) fn open(governed: &Governed, aws: &SdkConfig) -> Result<Self, Error> {
        let name = governed.table.clone().ok_or(Error::NoTable)?;
        Ok(Self { client: Client::new(aws), name })
    }

    /// The service's own way to look a client up.
    pub(crate) fn role_mappings(&self, default_issuer: Option<String>, purpose: Purpose) -> RoleMappings {
        RoleMappings::new(self.client.clone(), self.name.clone(), default_issuer, purpose)
    }

    pub(crate) async fn get(&self, key: &str) -> Result<Option<Item>, Error> {
        self.read(key, &ResponseDate::default()).await
    }

    /// The item, and when AWS said so by its own clock.
    pub(crate) async fn get_dated(&self, key: &str) -> Result<(Option<Item>, SystemTime), Error> {
        let date = ResponseDate::default();
        let item = self.read(key, &date).await?;
        let seen =
            date.seen().ok_or_else(|| AwsError::unexpected("dynamodb:GetItem", "a response without a `Date`"))?;
        Ok((item, seen))
    }

    async fn read(&self, key: &str, date: &ResponseDate) -> Result<Option<Item>, Error> {
        let output = self
            .client
            .get_item()
            .table_name(&self.name)
            .key(KEY, AttributeValue::S(key.to_owned()))
            .consistent_read(true)
            .customize()
            .interceptor(date.clone())
            .send()
            .await
            .map_err(|error| AwsError::new("dynamodb:GetItem", &error))?;
        output.item.map(|item| Item::from_table(item).ok_or_else(without_key)).transpose()
    }

    /// All items, by key.
    pub(crate) async fn scan(&self) -> Result<Vec<Item>, Error> {
        let mut items = Vec::new();
        self.each(|item| items.push(item)).await?;
        items.sort_unstable_by(|a: &Item, b| a.key.cmp(&b.key));
        Ok(items)
    }

    /// Every item, in no order. None is kept here, so that a large table takes little memory.
    pub(crate) async fn each(&self, mut take: impl FnMut(Item)) -> Result<(), Error> {
        let (send, mut pages) = tokio::sync::mpsc::channel(2);
        let mut segments = JoinSet::new();
        for segment in 0..SEGMENTS {
            let scan = self.client.scan().table_name(&self.name).consistent_read(true);
            let mut paginator =
                scan.limit(PAGE_ITEMS).segment(segment).total_segments(SEGMENTS).into_paginator().send();
            let send = send.clone();
            segments.spawn(async move {
                while let Some(page) = paginator.next().await {
                    let page = page.map_err(|error| AwsError::new("dynamodb:Scan", &error).into());
                    // Nobody listens any more: another segment has failed.
                    if send.send(page.map(|page| page.items.unwrap_or_default())).await.is_err() {
                        return;
                    }
                }
            });
        }
        drop(send);
        let mut progress = Progress::new();
        let (mut count, mut failure) = (0, None);
        while let Some(page) = pages.recv().await {
            match page {
                Ok(page) => {
                    count += page.len();
                    for item in page {
                        take(Item::from_table(item).ok_or_else(without_key)?);
                    }
                    progress.at(count);
                }
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            }
        }
        progress.end();
        failure.map_or(Ok(()), Err)
    }

    /// # Errors
    /// [`Error::Conflict`] when the item is not as it was read any more.
    pub(crate) async fn write(&self, change: &Change) -> Result<(), Error> {
        match change {
            Change::Create(item) => {
                let put = self.client.put_item().table_name(&self.name).set_item(Some(item.clone().into_table()));
                let sent =
                    put.condition_expression("attribute_not_exists(#key)").expression_attribute_names("#key", KEY);
                sent.send().await.map(|_| ()).map_err(|error| failure("dynamodb:PutItem", change, &error))
            }
            Change::Update { key, before, after } => {
                let update = self.client.update_item().table_name(&self.name);
                let update = update.key(KEY, AttributeValue::S(key.clone()));
                let sent = expressions(update, before, after).send().await;
                sent.map(|_| ()).map_err(|error| failure("dynamodb:UpdateItem", change, &error))
            }
            Change::Delete(item) => {
                let delete = self.client.delete_item().table_name(&self.name);
                let mut delete = delete.key(KEY, AttributeValue::S(item.key.clone()));
                let mut conditions = Vec::new();
                for (number, (name, value)) in watched(&item.attributes, &[]).into_iter().enumerate() {
                    delete = delete.expression_attribute_names(format!("#n{number}"), name);
                    if let Some(value) = value {
                        delete = delete.expression_attribute_values(format!(":o{number}"), value.clone());
                    }
                    conditions.push(condition(number, value));
                }
                let sent = delete.condition_expression(conditions.join(" AND ")).send().await;
                sent.map(|_| ()).map_err(|error| failure("dynamodb:DeleteItem", change, &error))
            }
        }
    }
}

/// Changes what differs, where everything that the service reads, and all that is changed, is as it was. What
/// somebody else has done to an attribute that the service does not read is kept.
fn expressions(
    mut update: UpdateItemFluentBuilder,
    before: &Attributes,
    after: &Attributes,
) -> UpdateItemFluentBuilder {
    let changed = changed_names(Some(before), Some(after));
    let (mut conditions, mut set, mut remove) = (vec!["attribute_exists(#key)".to_owned()], Vec::new(), Vec::new());
    update = update.expression_attribute_names("#key", KEY);
    for (number, (name, old)) in watched(before, &changed).into_iter().enumerate() {
        update = update.expression_attribute_names(format!("#n{number}"), name);
        if let Some(old) = old {
            update = update.expression_attribute_values(format!(":o{number}"), old.clone());
        }
        conditions.push(condition(number, old));
        if changed.contains(&name) {
            match after.get(name) {
                Some(new) => {
                    update = update.expression_attribute_values(format!(":v{number}"), new.clone());
                    set.push(format!("#n{number} = :v{number}"));
                }
                None => remove.push(format!("#n{number}")),
            }
        }
    }
    let clause = |word: &str, parts: Vec<String>| (!parts.is_empty()).then(|| format!("{word} {}", parts.join(", ")));
    let clauses: Vec<_> = [clause("SET", set), clause("REMOVE", remove)].into_iter().flatten().collect();
    update.update_expression(clauses.join(" ")).condition_expression(conditions.join(" AND "))
}

/// The attributes that a write depends on, with the values that were read.
fn watched<'a>(read: &'a Attributes, changed: &[&'a str]) -> Vec<(&'a str, Option<&'a AttributeValue>)> {
    let names: BTreeSet<&str> = ATTRIBUTES.iter().map(|(name, _)| *name).chain(changed.iter().copied()).collect();
    names.into_iter().map(|name| (name, read.get(name))).collect()
}

fn condition(number: usize, old: Option<&AttributeValue>) -> String {
    match old {
        Some(_) => format!("#n{number} = :o{number}"),
        None => format!("attribute_not_exists(#n{number})"),
    }
}

fn failure<E, R>(operation: &'static str, change: &Change, error: &SdkError<E, R>) -> Error
where
    E: std::error::Error + 'static,
    R: std::fmt::Debug + 'static,
    SdkError<E, R>: ProvideErrorMetadata,
{
    match error.code() {
        Some("ConditionalCheckFailedException") => Error::Conflict { id: change.key().to_owned() },
        _ => AwsError::new(operation, error).into(),
    }
}

fn without_key() -> Error {
    AwsError::unexpected("dynamodb", "an item without the key `client_id`").into()
}
