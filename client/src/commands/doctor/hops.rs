//! The hops, in the order in which a token becomes credentials.

use std::time::{Duration, Instant, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http_client::{Budget, Endpoint, HttpClient, Request, Response};
use serde_json::{Map, Value};
use vending_api::ExplainResponse;

use super::report::Report;
use crate::cache::Cache;
use crate::config::Config;
use crate::error::{Error, Kind};
use crate::exchange::ExchangeError;
use crate::exchange::vending_api::{VendingApi, failure, is_showable};
use crate::fetch::MAX_REQUESTS;
use crate::idp::AccessToken;
use crate::log::Log;
use crate::timestamp;

/// AWS refuses signatures that are older or newer than this (Signature Version 4).
const MAX_CLOCK_SKEW: Duration = Duration::from_secs(300);
/// Each hop is tried once, within this.
const PATIENCE: Duration = Duration::from_secs(30);

/// Every secret that is configured can be read; says where it lies.
pub(crate) fn secrets(config: &Config, report: &mut Report) -> Result<(), Error> {
    for source in &config.cognito.secrets {
        match source.read() {
            Ok(_) => report.ok("secret", format_args!("from {source}"))?,
            Err(error) => report.fail("secret", &Error::Idp(error.into()))?,
        }
    }
    Ok(())
}

/// The cache can be used; without it every caller fetches.
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

/// The hops over the network.
pub(crate) struct Walk<'a> {
    config: &'a Config,
    http: &'a HttpClient,
    budget: Budget,
    report: &'a mut Report,
    log: &'a Log,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(config: &'a Config, http: &'a HttpClient, report: &'a mut Report, log: &'a Log) -> Self {
        Self { config, http, budget: Budget::new(Instant::now(), PATIENCE, MAX_REQUESTS), report, log }
    }

    pub(crate) async fn health_and_clock(&mut self) -> Result<(), Error> {
        let endpoint = self.config.vending_api.route("health");
        let answer = match self.get(&endpoint).await {
            Ok(answer) => answer,
            Err(error) => return self.report.fail("API", &Error::from(error)),
        };
        match answer.status {
            200 => self.report.ok("API", &endpoint)?,
            404 => self.report.ok("API", format_args!("{endpoint} answered 404: an API without that route"))?,
            status => {
                let fix = "does COGNITO_CREDENTIAL_API_URL name the vending API?";
                let detail = format!("{endpoint} answered {status}");
                self.report.fail_with("API", detail, Some(fix), Kind::of_status(status))?;
            }
        }
        self.clock(answer.date(), timestamp::now())
    }

    async fn get(&mut self, endpoint: &Endpoint) -> Result<Response, ExchangeError> {
        let time_left = self.budget.take(Instant::now())?;
        Ok(self.http.send(Request::get(endpoint).timeout(time_left)).await?)
    }

    fn clock(&mut self, server: Option<SystemTime>, now: SystemTime) -> Result<(), Error> {
        let Some(server) = server else { return self.report.ok("clock", "not compared: the API sends no Date") };
        let (skew, direction) = match now.duration_since(server) {
            Ok(ahead) => (ahead, "ahead of"),
            Err(behind) => (behind.duration(), "behind"),
        };
        let detail = format!("{} s {direction} the API's", skew.as_secs());
        if skew <= MAX_CLOCK_SKEW {
            return self.report.ok("clock", detail);
        }
        self.report.fail_with("clock", detail, Some("set this machine's clock, by NTP"), Kind::Configuration)
    }

    pub(crate) async fn token(&mut self) -> Result<Option<AccessToken>, Error> {
        match self.config.cognito.token(self.http, &mut self.budget, self.log).await {
            Ok(token) => {
                let until = timestamp::format(token.expires_at);
                self.report.ok("token", format_args!("from {}, until {until}", self.config.cognito.token_endpoint))?;
                Ok(Some(token))
            }
            Err(error) => {
                self.report.fail("token", &Error::from(error))?;
                Ok(None)
            }
        }
    }

    /// What the token says of itself. Nobody has verified it here; the API does.
    pub(crate) fn claims(&mut self, token: &AccessToken) -> Result<(), Error> {
        let Some(claims) = unverified_claims(token.value.expose()) else {
            let fix = "the vending API takes JWTs only: is it the right token endpoint?";
            return self.report.fail_with("claims", "the token is not a JWT", Some(fix), Kind::Configuration);
        };
        let shown: Vec<String> = ["iss", "client_id", "token_use", "scope", "aud"]
            .iter()
            .filter_map(|name| claims.get(*name).map(|value| format!("{name}={value}")))
            .collect();
        self.report.ok("claims", format_args!("{} (not verified here)", shown.join(" ")))
    }

    pub(crate) async fn explain(&mut self, token: &AccessToken) -> Result<(), Error> {
        let endpoint = self.config.vending_api.route("explain");
        let answer = match VendingApi::post(&endpoint, token, self.http, &mut self.budget).await {
            Ok(answer) => answer,
            Err(error) => return self.report.fail("explain", &Error::from(error)),
        };
        if answer.status == 404 {
            return self.report.ok("explain", format_args!("{endpoint} answered 404: an API without that route"));
        }
        let Ok(explained) = serde_json::from_slice::<ExplainResponse>(&answer.body) else {
            let error = failure(&endpoint, &answer, token, timestamp::now());
            return self.report.fail("explain", &Error::from(error));
        };
        if explained.decision == "allow" {
            return self.report.ok("explain", format_args!("allowed after {} steps", explained.steps.len()));
        }
        let stopped_at = explained.steps.iter().find(|step| step.result != "ok").map_or("", |step| step.step.as_str());
        let code = explained.code.unwrap_or_default();
        let shown = |text: &str| shown(text, token);
        let (decision, stopped_at, code) = (shown(&explained.decision), shown(stopped_at), shown(&code));
        let detail = format!("{decision} at step `{stopped_at}`: {code} ({})", shown(&explained.reason));
        let kind = if explained.decision == "deny" { Kind::Refused } else { Kind::Unavailable };
        self.report.fail_with("explain", detail, Some("tell the operator of the vending service this line"), kind)
    }

    pub(crate) async fn vend(&mut self, token: &AccessToken) -> Result<(), Error> {
        match self.config.vending_api.vend(token, self.http, &mut self.budget).await {
            Ok(vended) => {
                let until = timestamp::format(vended.credentials.expires_at);
                let (role, session) = (shown(&vended.role_arn, token), shown(&vended.session_name, token));
                self.report.ok("credentials", format_args!("{role} as {session}, until {until}"))
            }
            Err(error) => self.report.fail("credentials", &Error::from(error)),
        }
    }
}

/// The service's own words, as far as they are words.
fn shown(text: &str, token: &AccessToken) -> String {
    if is_showable(text, token.value.expose()) { text.to_owned() } else { "…".to_owned() }
}

fn unverified_claims(token: &str) -> Option<Map<String, Value>> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&payload).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_read_from_a_jwt_only() {
        let token = format!("e30.{}.x", URL_SAFE_NO_PAD.encode(r#"{"iss":"i"}"#));
        assert_eq!(unverified_claims(&token).unwrap()["iss"], "i");
        for text in ["", "opaque", "a.b", "a.!.c"] {
            assert!(unverified_claims(text).is_none(), "{text}");
        }
    }
}
