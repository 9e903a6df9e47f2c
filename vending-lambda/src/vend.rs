//! The pipeline. Each line of [`Vendor::vend`] is one file of the same name; effects and decisions alternate.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use jwt::{Claims, UnverifiedToken, VerificationKey};
use serde_json::{Value, json};
use vending_api::{Credentials, CredentialsResponse};

use crate::audit::Trail;
use crate::authorize::{Grant, Terms, authorize};
use crate::error::VendError;
use crate::rate_limit::RateLimit;
use crate::request::VendRequest;
use crate::role_mapping::{RoleMapping, RoleMappings, SessionPolicy};
use crate::session::AssumeRole;
use crate::sts::Sts;
use crate::trusted_issuers::TrustedIssuers;

/// Everything a decision needs.
pub struct Vendor {
    /// Whose tokens are accepted.
    pub issuers: TrustedIssuers,
    /// The table.
    pub role_mappings: RoleMappings,
    /// What every client must meet.
    pub terms: Terms,
    /// How often a client may ask.
    pub rate_limit: RateLimit,
    /// Where credentials come from.
    pub sts: Sts,
    /// Echoed to clients.
    pub bucket: String,
    /// Echoed to clients.
    pub region: String,
}

/// A decision in favour of the client, and the session that follows from it.
pub struct Decision {
    grant: Grant,
    session: AssumeRole,
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
        let Decision { grant, session } = self.decide(request, now, trail).await?;
        let started = Instant::now();
        let credentials = self.sts.assume_role(&session).await;
        let credentials = trail.step("sts", started, credentials, |_| Value::Null)?;
        trail.vended(&credentials.access_key_id);
        Ok(self.response(credentials, grant, session, request_id))
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
        let claims = self.authenticate(request, now, trail).await?;

        let started = Instant::now();
        let mapping = self.role_mappings.find(&claims).await;
        let mapping = trail.step("mapping", started, mapping, |mapping| show_mapping(mapping, &claims))?;
        trail.mapped(mapping.server_name.as_deref(), &mapping.role_arn);

        let started = Instant::now();
        let grant = authorize(&claims, mapping, &request.scope_down, request.source_ip, &self.terms, now);
        let grant = trail.step("authorize", started, grant, |grant| show_grant(grant, request))?;

        let started = Instant::now();
        let session = AssumeRole::new(&claims, &grant, &self.bucket);
        let session = trail.step("session", started, session, show_session)?;
        trail.named(&session);
        Ok(Decision { grant, session })
    }

    async fn authenticate(
        &self,
        request: &VendRequest,
        now: SystemTime,
        trail: &mut Trail,
    ) -> Result<Claims, VendError> {
        trail.presented(&request.access_token);
        let started = Instant::now();
        let token = UnverifiedToken::parse(&request.access_token);
        let token = trail.step("token", started, token, |token| json!({"kid": token.key_id()}))?;

        let started = Instant::now();
        let issuer = self.issuers.find(token.issuer());
        let issuer = trail.step("issuer", started, issuer, |issuer| json!({"iss": issuer.rules.url}))?;

        let started = Instant::now();
        let key = issuer.keys.key(token.key_id(), now).await;
        let key: Arc<VerificationKey> = trail.step("jwks", started, key, |_| json!({"kid": token.key_id()}))?;

        let started = Instant::now();
        let claims = issuer.rules.verify(&token, &key, now);
        let claims = trail.step("verify", started, claims, show_claims)?;
        trail.verified(&claims);

        let started = Instant::now();
        let within_limit = self.rate_limit.check(&claims, now);
        trail.step("rate_limit", started, within_limit, |()| Value::Null)?;
        Ok(claims)
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
            role_arn: session.role_arn,
            session_name: session.session_name,
            source_identity: session.source_identity,
            request_id: request_id.to_owned(),
        }
    }
}

fn show_claims(claims: &Claims) -> Value {
    json!({"client_id": claims.client_id(), "scopes": claims.scopes(), "jti": claims.token_id()})
}

/// The client may see its own item, but not another issuer's client of the same name, and not the conditions that an
/// attacker with its token would have to meet.
fn show_mapping(mapping: &RoleMapping, claims: &Claims) -> Value {
    if mapping.issuer.as_deref().is_some_and(|issuer| issuer != claims.issuer()) {
        return json!({"item": mapping.key});
    }
    let session_policy = mapping.session_policy.as_ref().map(|policy| match policy {
        SessionPolicy::S3Prefix => "s3-prefix",
        SessionPolicy::Inline(_) => "inline",
    });
    json!({
        "item": mapping.key,
        "role_arn": mapping.role_arn,
        "server_name": mapping.server_name,
        "s3_path_prefix": mapping.s3_path_prefix,
        "s3_permissions": mapping.s3_permissions,
        "allowed_scopes": mapping.allowed_scopes,
        "session_policy": session_policy,
        "external_id": mapping.external_id.is_some(),
        "source_cidrs": mapping.source_cidrs.is_some(),
    })
}

fn show_grant(grant: &Grant, request: &VendRequest) -> Value {
    json!({
        "source_ip": request.source_ip,
        "s3_path_prefix": grant.s3_path_prefix,
        "s3_permissions": grant.s3_permissions,
        "duration_seconds": grant.duration.as_secs(),
    })
}

fn show_session(session: &AssumeRole) -> Value {
    json!({
        "session_name": session.session_name,
        "source_identity": session.source_identity,
        "tags": session.tags.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        "session_policy": session.policy.as_deref().and_then(|policy| serde_json::from_str::<Value>(policy).ok()),
    })
}
