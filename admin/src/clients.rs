//! `credvend-admin clients …`: the items of the table, one by one.

mod change;
mod delete;
mod list;
mod put;
mod show;

use std::time::SystemTime;

use aws_config::SdkConfig;
use environment::Log;
use serde_json::json;

use crate::cli::{ClientId, ClientsAction, WriteOptions};
use crate::difference::Change;
use crate::error::Error;
use crate::governed::Governed;
use crate::item::{Item, check_key};
use crate::output::{self, Style};
use crate::table::Table;

/// What every command needs.
pub(crate) struct Context {
    pub(crate) table: Table,
    /// For the clients of other services.
    pub(crate) aws: SdkConfig,
    pub(crate) governed: Governed,
    pub(crate) json: bool,
    pub(crate) style: Style,
    pub(crate) log: Log,
    pub(crate) now: SystemTime,
}

impl Context {
    pub(crate) async fn run(&self, action: ClientsAction) -> Result<(), Error> {
        match action {
            ClientsAction::List => list::run(self).await,
            ClientsAction::Show { id } => show::run(self, &id).await,
            ClientsAction::Put(arguments) => put::run(self, &arguments).await,
            ClientsAction::Disable(arguments) => change::disable(self, &arguments).await,
            ClientsAction::Enable(arguments) => change::enable(self, &arguments).await,
            ClientsAction::Expire { change, date } => change::expire(self, &change, date).await,
            ClientsAction::Delete { change, yes } => delete::run(self, &change, yes).await,
        }
    }

    /// The item of a client that must have one.
    async fn item(&self, id: &ClientId) -> Result<Item, Error> {
        check_id(&id.id)?;
        self.table.get(&id.id).await?.ok_or_else(|| Error::no_item(&id.id))
    }

    /// Refuses what the service could not use, and an item that it can use for nobody.
    pub(crate) fn check(&self, item: &Item) -> Result<(), Error> {
        let misconfigured = |faults| Error::Misconfigured { id: item.key.clone(), faults };
        item.mapping(self.governed.default_issuer()).map(|_| ()).map_err(misconfigured)
    }

    /// Writes one change, or shows it.
    async fn apply(&self, change: Option<Change>, options: &WriteOptions) -> Result<(), Error> {
        let Some(change) = change else {
            return if self.json { output::print_json(&json!(null)) } else { output::print(b"nothing to change\n") };
        };
        if !options.dry_run {
            self.table.write(&change).await?;
        }
        if self.json {
            return output::print_json(&change.to_json());
        }
        let note = if options.dry_run { "(dry run: nothing was written)\n" } else { "" };
        output::print(format!("{}{note}", change.to_text()).as_bytes())
    }
}

pub(crate) fn check(id: &ClientId) -> Result<(), Error> {
    check_id(&id.id)
}

pub(crate) fn check_id(id: &str) -> Result<(), Error> {
    check_key(id).map_err(|problem| Error::ClientId { id: id.to_owned(), problem })
}
