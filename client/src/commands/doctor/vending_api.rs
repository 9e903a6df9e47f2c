//! The hops through the vending API.

use serde_json::from_slice;
use vending_api::ExplainResponse;

use super::hops::{Walk, shown};
use crate::access_token::AccessToken;
use crate::consequence::Kind;
use crate::error::Error;
use crate::exchange::error::IN_FRONT;
use crate::exchange::vending_api::{VendingApi, failure};
use crate::timestamp;

impl Walk<'_> {
    pub(super) async fn through_vending_api(&mut self, api: &VendingApi) -> Result<(), Error> {
        self.health_and_clock(api).await?;
        let Some(token) = self.token().await? else { return Ok(()) };
        self.claims(&token)?;
        self.explain(api, &token).await?;
        self.vend(api, &token).await
    }

    async fn health_and_clock(&mut self, api: &VendingApi) -> Result<(), Error> {
        let endpoint = api.route("health");
        let response = match self.get(&endpoint).await {
            Ok(response) => response,
            Err(error) => return self.report.fail("API", &Error::from(error)),
        };
        match response.status {
            200 => self.report.ok("API", &endpoint)?,
            404 => self.report.ok("API", format_args!("{endpoint} answered 404: an API without that route"))?,
            status => {
                let fix = match status {
                    401 | 403 => IN_FRONT,
                    _ => "does CREDENTIAL_API_URL (COGNITO_CREDENTIAL_API_URL) name the vending API?",
                };
                let detail = format!("{endpoint} answered {status}");
                self.report.fail_with("API", detail, Some(fix), Kind::of_status(status))?;
            }
        }
        self.clock(response.date(), timestamp::now())
    }

    async fn explain(&mut self, api: &VendingApi, token: &AccessToken) -> Result<(), Error> {
        let endpoint = api.route("explain");
        let response = match VendingApi::post(&endpoint, token, &mut self.call).await {
            Ok(response) => response,
            Err(error) => return self.report.fail("explain", &Error::from(error)),
        };
        if response.status == 404 {
            return self.report.ok("explain", format_args!("{endpoint} answered 404: an API without that route"));
        }
        let Ok(explained) = from_slice::<ExplainResponse>(&response.body) else {
            let error = failure(&endpoint, &response, token, timestamp::now());
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

    async fn vend(&mut self, api: &VendingApi, token: &AccessToken) -> Result<(), Error> {
        match api.vend(token, &mut self.call).await {
            Ok(vended) => {
                let until = timestamp::format(vended.credentials.expires_at);
                let (role, session) = (shown(&vended.role_arn, token), shown(&vended.session_name, token));
                self.report.ok("credentials", format_args!("{role} as {session}, until {until}"))?;
                self.aws(&vended.credentials, &self.targets.with(&vended)).await
            }
            Err(error) => self.report.fail("credentials", &Error::from(error)),
        }
    }
}
