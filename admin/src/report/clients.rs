//! What the table says of clients that have not come, and of those whose time is about to end.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use grant::observe::ObservedItems;

use super::figures::Figures;
use crate::date;
use crate::item::{Item, SCOPE_PREFIX};

const SOON: Duration = Duration::from_secs(30 * 24 * 60 * 60);

pub(super) struct Listed {
    pub(super) unused: Vec<Unused>,
    pub(super) expiring: Vec<Expiring>,
}

pub(super) struct Unused {
    pub(super) client_id: String,
    pub(super) server_name: String,
    pub(super) state: &'static str,
    pub(super) role: String,
}

pub(super) struct Expiring {
    pub(super) client_id: String,
    pub(super) server_name: String,
    pub(super) state: &'static str,
    pub(super) expires_at: String,
}

impl Listed {
    pub(super) fn new(items: &[Item], figures: &Figures, observed: Option<&ObservedItems>, now: SystemTime) -> Self {
        let came: BTreeSet<_> =
            figures.clients.iter().filter(|(_, client)| client.vends > 0).map(|((_, id), _)| id.as_str()).collect();
        let text = |item: &Item, name: &str| item.text(name).unwrap_or_default().to_owned();
        let clients = || items.iter().filter(|item| !item.key.starts_with(SCOPE_PREFIX));
        let unused = clients().filter(|item| !came.contains(item.key.as_str())).map(|item| Unused {
            client_id: item.key.clone(),
            server_name: text(item, "server_name"),
            state: item.state(observed, now).word(),
            role: text(item, "role_arn"),
        });
        let soon = now.duration_since(UNIX_EPOCH).unwrap_or_default().saturating_add(SOON).as_secs();
        let mut expiring: Vec<_> = clients()
            .filter_map(|item| Some((item.epoch_seconds("expires_at")?, item)))
            .filter(|(at, _)| *at <= soon)
            .collect();
        expiring.sort_by_key(|(at, _)| *at);
        let expiring = expiring.into_iter().map(|(at, item)| Expiring {
            client_id: item.key.clone(),
            server_name: text(item, "server_name"),
            state: item.state(observed, now).word(),
            expires_at: date::text(at).unwrap_or_else(|| at.to_string()),
        });
        Self { unused: unused.collect(), expiring: expiring.collect() }
    }
}
