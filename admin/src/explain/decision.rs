//! The decision, by the service's own pipeline: `vending_lambda`'s `Vendor::decide`, on a token that an issuer could have made.

use std::net::IpAddr;
use std::time::SystemTime;

use authenticate::{FailureLimit, RateLimit};
use aws_config::SdkConfig;
use grant::authorize::ScopeDown;
use grant::sts::Sts;
use grant::table::RoleMappings;
use jwt::Issuer;
use vending_api::ExplainResponse;
use vending_lambda::error::VendError;
use vending_lambda::explain;
use vending_lambda::request::VendRequest;
use vending_lambda::vend::{Decision, Trail, Vendor};

use crate::error::Error;
use crate::explain::hypothetical_token::ThrowAwayKey;
use crate::governed::Service;

/// What is asked, by whom and from where.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) client_id: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) source_ip: Option<IpAddr>,
    pub(crate) scope_down: ScopeDown,
}

/// Decides in the service's place.
pub(crate) struct Judge<'a> {
    pub(crate) service: &'a Service,
    /// Of the client's issuer.
    pub(super) rules: &'a Issuer,
    key: ThrowAwayKey,
    /// Never called: a decision ends before STS.
    sts: aws_sdk_sts::Client,
    pub(crate) now: SystemTime,
}

/// What the service would do.
pub(crate) struct Decided {
    pub(crate) outcome: Result<Decision, VendError>,
    /// The response of `POST /explain`, without a request id.
    pub(crate) explanation: ExplainResponse,
}

impl<'a> Judge<'a> {
    pub(crate) fn new(
        service: &'a Service,
        rules: &'a Issuer,
        aws: &SdkConfig,
        now: SystemTime,
    ) -> Result<Self, Error> {
        let sts = aws_sdk_sts::Client::new(aws);
        Ok(Self { service, rules, key: ThrowAwayKey::generate()?, sts, now })
    }

    /// Rate limits aside, which are each process's own.
    pub(crate) async fn decide(&self, question: &Question, role_mappings: RoleMappings) -> Result<Decided, Error> {
        let vendor = Vendor {
            issuers: self.key.issuer(self.rules),
            failure_limit: FailureLimit::new(u32::MAX),
            rate_limit: RateLimit::new(None),
            role_mappings,
            terms: self.service.terms.clone(),
            sts: Sts::new(self.sts.clone(), None),
            bucket: self.service.bucket.clone(),
            region: String::new(),
        };
        let request = VendRequest {
            access_token: self.key.token(self.rules, &question.client_id, &question.scopes, self.now)?,
            scope_down: question.scope_down.clone(),
            source_ip: question.source_ip,
        };
        let mut trail = Trail::new(question.source_ip, true);
        let outcome = vendor.decide(&request, self.now, &mut trail).await;
        let observed = trail.members().observed.clone();
        let explanation = explain::explanation(outcome.as_ref().err(), &observed, explain::steps(trail), "");
        Ok(Decided { outcome, explanation })
    }
}

impl Decided {
    /// `allow`, or the code that the service would respond with.
    pub(crate) fn code(&self) -> &str {
        self.explanation.code.as_deref().unwrap_or("allow")
    }

    /// The key of the item that was found, as the step says.
    pub(crate) fn item_key(&self) -> Option<&str> {
        let mapping = self.explanation.steps.iter().find(|step| step.step == "mapping")?;
        mapping.detail["item"].as_str()
    }
}
