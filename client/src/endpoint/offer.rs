//! What is offered: identities, each with its keeper, and who may have them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use http_server::Peer;
use tokio::sync::Notify;

use super::refusal::Refusal;
use crate::credentials::Credentials;
use crate::files::accounts::{self, AccountError};
use crate::freshness::keeper::{AFTER_A_RELOAD, Fetch, Keeper};
use crate::freshness::provider::Provider;
use crate::freshness::refresh::Perishable as _;
use crate::settings::config::Config;
use crate::settings::sources::NamedConfig;
use crate::timestamp;
use environment::Log;

/// One identity.
pub(crate) struct Offer {
    pub(crate) name: String,
    pub(crate) keeper: Arc<Keeper<Credentials>>,
    pub(crate) role_arn: Option<String>,
    pub(crate) region: Option<String>,
    /// Empty: everybody who shows the token or has a session.
    users: HashSet<u32>,
    cache_id: String,
}

/// All identities, in the order of their names.
pub(crate) struct Offers {
    offers: Vec<Offer>,
    /// When identities that are gone were last fetched, by `cache_id`: they may come back with the next reload.
    gone: HashMap<String, Instant>,
}

/// Why no identity can be offered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OfferError {
    #[error("the file of --config has no identity: add one, for example [identity.web-01]")]
    Nothing,
    #[error("[identity.{identity}], `users`: {cause}")]
    User { identity: String, cause: AccountError },
}

/// An offer, still to be started.
struct Plan {
    name: String,
    config: Arc<Config>,
    users: HashSet<u32>,
}

impl Plan {
    fn fetch(&self, log: Log) -> Fetch<Credentials> {
        let config = Arc::clone(&self.config);
        Arc::new(move |now| Provider::as_of(now, &*config, log).provide())
    }
}

impl Offers {
    /// Starts keepers; the previous ones of the same identities go on. Must be called inside of a runtime. `changed` is
    /// told whenever there is something new to say.
    pub(crate) fn start(
        configs: Vec<NamedConfig>,
        previous: Option<&Self>,
        log: Log,
        changed: &Arc<Notify>,
    ) -> Result<Self, OfferError> {
        let plan = |NamedConfig { name, config, users }| {
            let ids = users.iter().map(|user| accounts::user_id(user)).collect();
            match ids {
                Ok(users) => Ok(Plan { name, config: Arc::new(config), users }),
                Err(cause) => Err(OfferError::User { identity: name, cause }),
            }
        };
        if configs.is_empty() {
            return Err(OfferError::Nothing);
        }
        // All of them are resolved before the first one is started: a mistake leaves everything as it was.
        let plans = configs.into_iter().map(plan).collect::<Result<Vec<_>, OfferError>>()?;
        let attempts = previous.map(Self::attempts).unwrap_or_default();
        let offers = plans.into_iter().map(|plan| {
            let same = previous.and_then(|previous| previous.named(&plan.name));
            let cache_id = plan.config.cache_id();
            match same.filter(|offer| offer.cache_id == cache_id) {
                Some(known) => known.go_on(plan, log),
                None => Offer::start(plan, None, attempts.get(&cache_id).copied(), log, Arc::clone(changed)),
            }
        });
        let offers: Vec<_> = offers.collect();
        let is_gone = |id: &str| offers.iter().all(|offer| offer.cache_id != id);
        let gone = attempts.into_iter().filter(|(id, at)| is_gone(id) && at.elapsed() < AFTER_A_RELOAD).collect();
        Ok(Self { offers, gone })
    }

    fn attempts(&self) -> HashMap<String, Instant> {
        let present = self.iter().filter_map(|offer| Some((offer.cache_id.clone(), offer.keeper.attempted_at()?)));
        self.gone.iter().map(|(id, at)| (id.clone(), *at)).chain(present).collect()
    }

    /// One identity, whose first credentials are there already.
    pub(crate) fn only(config: Config, initial: Credentials, log: Log) -> Self {
        let plan = Plan { name: "default".to_owned(), config: Arc::new(config), users: HashSet::new() };
        let offers = vec![Offer::start(plan, Some(Arc::new(initial)), None, log, Arc::default())];
        Self { offers, gone: HashMap::new() }
    }

    /// Whether each identity is still being refreshed.
    pub(crate) fn are_kept(&self) -> bool {
        self.iter().all(|offer| offer.keeper.is_alive())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Offer> {
        self.offers.iter()
    }

    fn have_one_with_users(&self) -> bool {
        self.iter().any(|offer| !offer.users.is_empty())
    }

    /// The one that is asked for, if this peer may have it; without a name, the only one that it may have.
    pub(crate) async fn find(&self, name: &str, peer: &Peer) -> Result<&Offer, Refusal> {
        let uid = if peer.is_unix() || self.have_one_with_users() { peer.uid().await } else { None };
        let is_open = |offer: &&Offer| offer.is_open_to(uid, peer);
        if !name.is_empty() {
            let Some(offer) = self.named(name) else {
                let known = self.names(is_open);
                return Err(Refusal::NoSuchIdentity { name: name.to_owned(), known });
            };
            return if is_open(&offer) { Ok(offer) } else { Err(Refusal::User { uid }) };
        }
        // What is for this user comes before what is for all.
        let mut own = self.iter().filter(|offer| uid.is_some_and(|uid| offer.users.contains(&uid)));
        if let (Some(only), None) = (own.next(), own.next()) {
            return Ok(only);
        }
        let mut open = self.iter().filter(is_open);
        match (open.next(), open.next()) {
            (Some(only), None) => Ok(only),
            (None, _) => Err(Refusal::User { uid }),
            _ => Err(Refusal::Ambiguous { known: self.names(is_open) }),
        }
    }

    fn named(&self, name: &str) -> Option<&Offer> {
        self.iter().find(|offer| offer.name == name)
    }

    fn names(&self, which: impl Fn(&&Offer) -> bool) -> String {
        self.iter().filter(which).map(|offer| offer.name.as_str()).collect::<Vec<_>>().join(", ")
    }
}

impl Offer {
    fn start(
        plan: Plan,
        initial: Option<Arc<Credentials>>,
        attempted_at: Option<Instant>,
        log: Log,
        changed: Arc<Notify>,
    ) -> Self {
        let keeper = Keeper::start(plan.fetch(log), initial, attempted_at, log);
        let mut state = keeper.state().clone();
        // Ends with its keeper.
        tokio::spawn(async move {
            while state.changed().await.is_ok() {
                changed.notify_one();
            }
        });
        Self::new(plan, Arc::new(keeper))
    }

    /// The same identity with what may be new about it, such as its secret.
    fn go_on(&self, plan: Plan, log: Log) -> Self {
        self.keeper.reload(plan.fetch(log));
        Self::new(plan, Arc::clone(&self.keeper))
    }

    fn new(plan: Plan, keeper: Arc<Keeper<Credentials>>) -> Self {
        let Plan { name, config, users } = plan;
        let (cache_id, role_arn, region) = (config.cache_id(), config.exchange.role_arn(), config.region.clone());
        Self { name, keeper, role_arn, region, users, cache_id }
    }

    /// The user who runs the server can read the cache as well.
    fn is_open_to(&self, uid: Option<u32>, peer: &Peer) -> bool {
        let is_own = uid == Some(rustix::process::geteuid().as_raw());
        match uid {
            Some(uid) if !self.users.is_empty() => is_own || self.users.contains(&uid),
            None if !self.users.is_empty() => false,
            _ => is_own || !peer.is_unix(),
        }
    }

    /// For the log, systemd, and those who may know details.
    pub(crate) fn status(&self) -> String {
        let state = self.keeper.state().borrow();
        let failure = state.failure.as_ref().map(|failure| failure.message.clone());
        match (&state.current, failure) {
            (Some(current), None) => {
                let until = timestamp::format(current.ends_at());
                let next = timestamp::format(current.refresh_at().max(timestamp::now()));
                format!("credentials valid until {until}; next refresh {next}")
            }
            (Some(current), Some(failure)) => {
                format!("credentials valid until {}; refresh fails: {failure}", timestamp::format(current.ends_at()))
            }
            (None, Some(failure)) => format!("no credentials: {failure}"),
            (None, None) => "no credentials yet: fetching".to_owned(),
        }
    }
}
