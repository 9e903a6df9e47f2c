//! The pipeline, one line a step. Each step stands in a file of its own; effects and decisions alternate.

use std::net::IpAddr;
use std::time::SystemTime;

use authenticate::{Claims, FailureLimit, RateLimit, TrustedIssuers, UnverifiedToken};
use vending_api::{Credentials, CredentialsResponse};

use crate::error::VendError;
use crate::request::VendRequest;
use grant::authorize::{Grant, authorize};
use grant::session::AssumeRole;
use grant::sts::Sts;
use grant::table::RoleMappings;
use grant::terms::Terms;

/// The trail of a request for credentials.
pub type Trail = audit::Trail<VendError>;

/// Everything a decision needs.
pub struct Vendor {
    /// Whose tokens are accepted.
    pub issuers: TrustedIssuers,
    /// How many tokens of one source are refused before it is told to wait.
    pub failure_limit: FailureLimit,
    /// How often a client may ask.
    pub rate_limit: RateLimit,
    /// The table.
    pub role_mappings: RoleMappings,
    /// What every client must meet.
    pub terms: Terms,
    /// Where credentials come from.
    pub sts: Sts,
    /// Echoed to clients.
    pub bucket: String,
    /// Echoed to clients.
    pub region: String,
}

/// A decision in favour of the client, and the session that follows from it.
pub struct Decision {
    claims: Claims,
    /// What the client gets.
    pub grant: Grant,
    /// How it gets it.
    pub session: AssumeRole,
}

impl Vendor {
    /// A token becomes credentials.
    ///
    /// # Errors
    /// The first step that said no or could not be taken.
    pub async fn vend(
        &self,
        request: &VendRequest,
        request_id: &str,
        now: SystemTime,
        trail: &mut Trail,
    ) -> Result<CredentialsResponse, VendError> {
        let Decision { claims, grant, session } = self.decide(request, now, trail).await?;
        let assumed = trail.wait("sts", self.sts.assume_role(&claims, &session, now)).await?;
        Ok(self.response(assumed.credentials, grant, session, request_id))
    }

    /// Everything but the credentials: what `/explain` shows is what [`Vendor::vend`] does.
    ///
    /// # Errors
    /// The first step that said no or could not be taken.
    pub async fn decide(
        &self,
        request: &VendRequest,
        now: SystemTime,
        trail: &mut Trail,
    ) -> Result<Decision, VendError> {
        let VendRequest { scope_down, source_ip, .. } = request;
        let claims = self.verify(request, now, trail).await.map_err(|error| self.counted(error, *source_ip, now))?;
        trail.step("rate_limit", || self.rate_limit.check(&claims, now))?;
        let mapping = trail.wait("mapping", self.role_mappings.find(&claims, now)).await?;
        let grant =
            trail.step("authorize", || authorize(&claims, mapping, scope_down, *source_ip, &self.terms, now))?;
        let session = trail.step("session", || AssumeRole::new(&claims, &grant, &self.bucket))?;
        Ok(Decision { claims, grant, session })
    }

    /// Every token is verified, whoever sends it. A source of too many refused ones makes nobody look for its keys.
    async fn verify(&self, request: &VendRequest, now: SystemTime, trail: &mut Trail) -> Result<Claims, VendError> {
        let VendRequest { access_token, source_ip, .. } = request;
        let token = trail.step("token", || UnverifiedToken::parse(access_token))?;
        let issuer = trail.step("issuer", || self.issuers.find(token.issuer()))?;
        let key = if self.failure_limit.is_exceeded(*source_ip, now) {
            trail.wait("jwks", issuer.keys.held_key(token.key_id(), now)).await?
        } else {
            trail.wait("jwks", issuer.keys.key(token.key_id(), now)).await?
        };
        trail.step("verify", || issuer.rules.verify(&token, &key, now))
    }

    fn counted(&self, error: VendError, source_ip: Option<IpAddr>, now: SystemTime) -> VendError {
        match error {
            VendError::Authentication(error) => self.failure_limit.counted(error, source_ip, now).into(),
            other => other,
        }
    }

    fn response(
        &self,
        credentials: Credentials,
        grant: Grant,
        session: AssumeRole,
        request_id: &str,
    ) -> CredentialsResponse {
        CredentialsResponse {
            credentials,
            s3_bucket: self.bucket.clone(),
            s3_path_prefix: grant.s3_path_prefix,
            aws_region: self.region.clone(),
            role_arn: session.role_arn.to_string(),
            account_id: session.role_arn.account_id().to_owned(),
            session_name: session.session_name,
            source_identity: session.source_identity,
            request_id: request_id.to_owned(),
        }
    }
}
