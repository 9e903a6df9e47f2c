//! The hops, in the order in which a token becomes credentials.

use std::time::{Duration, Instant, SystemTime};

use http_client::{Endpoint, HttpClient, Request, Response};
use serde_json::Value;

use super::report::Report;
use super::targets::Targets;
use crate::access_token::AccessToken;
use crate::consequence::Kind;
use crate::error::Error;
use crate::exchange::error::ExchangeError;
use crate::exchange::vending_api::is_showable;
use crate::freshness::cache::Cache;
use crate::freshness::call::Call;
use crate::idp::error::IdpError;
use crate::idp::unverified_claims::UnverifiedClaims;
use crate::settings::config::Config;
use crate::timestamp;
use environment::Log;

/// AWS refuses signatures that are older or newer than this (Signature Version 4).
const MAX_CLOCK_SKEW: Duration = Duration::from_secs(300);
/// NTP keeps clocks within a fraction of a second: more means that the clock is not synchronized.
const USUAL_CLOCK_SKEW: Duration = Duration::from_secs(60);
/// Each hop is tried once, within this.
const DEADLINE: Duration = Duration::from_secs(30);

/// Reads every secret that is configured, and says where it is kept.
pub(crate) fn secrets(config: &Config, report: &mut Report) -> Result<(), Error> {
    for source in config.idp.secrets() {
        match source.read() {
            Ok(_) if source.is_open_to_others() => {
                report.warn("secret", format_args!("from {source}, which other users can read"), "`chmod 600` it")?;
            }
            Ok(_) => report.ok("secret", format_args!("from {source}"))?,
            Err(error) => report.fail("secret", &Error::from(IdpError::from(error)))?,
        }
    }
    Ok(())
}

/// Opens and locks the cache; without it every caller fetches.
pub(crate) fn cache_directory(config: &Config, report: &mut Report) -> Result<(), Error> {
    let cache = Cache::open(config.cache_dir.as_deref(), config.cache_id());
    match cache.and_then(|cache| cache.try_lock().map(|_| cache)) {
        Ok(cache) => report.ok("cache", format_args!("{}", cache.directory().display())),
        Err(error) => {
            let fix = "name a directory that this user can write in CREDVEND_CACHE_DIR";
            report.fail_with("cache", error, Some(fix), Kind::Configuration)
        }
    }
}

/// The way out of this machine: through which proxy, and which certificate authorities are trusted.
pub(crate) fn way_out(config: &Config, report: &Report) -> Result<(), Error> {
    match &config.proxy.https {
        None => report.ok("proxy", "none for https (HTTPS_PROXY is not set)")?,
        Some(url) => {
            let excepted = config.proxy.no_proxy.plain(443);
            let excepted = if excepted.is_empty() { "no host" } else { &excepted };
            report.ok("proxy", format_args!("https goes through {url}; {excepted} excepted (NO_PROXY)"))?;
        }
    }
    let mut extra: Vec<String> = config.extra_ca.iter().map(|path| path.display().to_string()).collect();
    // Often both variables name the same file.
    extra.dedup();
    if extra.is_empty() {
        return report.ok("CA", "the system's certificate authorities");
    }
    report.ok("CA", format_args!("the system's certificate authorities, and those of {}", extra.join(" and ")))
}

/// The hops over the network.
pub(super) struct Walk<'a> {
    config: &'a Config,
    pub(super) call: Call<'a>,
    pub(super) report: &'a mut Report,
    pub(super) targets: &'a Targets,
    pub(super) may_write: bool,
    /// Where the credentials were tried, with what the vending API says.
    pub(super) shown: Option<Targets>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        config: &'a Config,
        http: HttpClient,
        report: &'a mut Report,
        targets: &'a Targets,
        log: Log,
    ) -> Self {
        let call = Call::new(http, None, log, Instant::now() + DEADLINE);
        Self { config, call, report, targets, may_write: false, shown: None }
    }

    /// Allows the one request that writes an object, if only for a moment.
    pub(super) fn with_write_probe(self, may_write: bool) -> Self {
        Self { may_write, ..self }
    }

    pub(super) async fn get(&mut self, endpoint: &Endpoint) -> Result<Response, ExchangeError> {
        self.send(Request::get(endpoint)).await
    }

    pub(super) async fn send(&mut self, request: Request) -> Result<Response, ExchangeError> {
        Ok(self.call.send(request).await?)
    }

    pub(super) fn clock(&mut self, server: Option<SystemTime>, now: SystemTime) -> Result<(), Error> {
        let Some(server) = server else { return self.report.ok("clock", "not compared: the service sends no Date") };
        let (skew, direction) = match now.duration_since(server) {
            Ok(ahead) => (ahead, "ahead of"),
            Err(behind) => (behind.duration(), "behind"),
        };
        let detail = format!("{} s {direction} the service's", skew.as_secs());
        let fix = "set this machine's clock, by NTP";
        if skew > MAX_CLOCK_SKEW {
            let detail = format!("{detail}: AWS refuses signatures that are 300 s off");
            return self.report.fail_with("clock", detail, Some(fix), Kind::Configuration);
        }
        if skew > USUAL_CLOCK_SKEW { self.report.warn("clock", detail, fix) } else { self.report.ok("clock", detail) }
    }

    pub(super) async fn token(&mut self) -> Result<Option<AccessToken>, Error> {
        let idp = &self.config.idp;
        match idp.token(&mut self.call).await {
            Ok(token) => {
                let until = timestamp::format(token.expires_at);
                self.report.ok("token", format_args!("from {idp}, until {until}"))?;
                Ok(Some(token))
            }
            Err(error) => {
                self.report.fail("token", &Error::from(error))?;
                Ok(None)
            }
        }
    }

    /// The token's own claims. They are not verified here; the service verifies them.
    pub(super) fn claims(&mut self, token: &AccessToken) -> Result<Option<UnverifiedClaims>, Error> {
        let Some(claims) = UnverifiedClaims::parse(token.value.expose()) else {
            let fix = "AWS and the vending API take JWTs only: is it the right token endpoint, and the right audience?";
            self.report.fail_with("claims", "the token is not a JWT", Some(fix), Kind::Configuration)?;
            return Ok(None);
        };
        let shown: Vec<String> = ["iss", "aud", "sub", "azp", "client_id", "token_use", "scope", "roles"]
            .iter()
            .filter_map(|name| claims.get(name).map(|value| format!("{name}={}", claim(value, token))))
            .collect();
        self.report.ok("claims", format_args!("{} (not verified here)", shown.join(" ")))?;
        Ok(Some(claims))
    }
}

fn claim(value: &Value, token: &AccessToken) -> String {
    shown(&value.to_string(), token)
}

/// Text of the service, if it is printable and does not repeat the token.
pub(super) fn shown(text: &str, token: &AccessToken) -> String {
    if is_showable(text, token.value.expose()) { text.to_owned() } else { "…".to_owned() }
}
