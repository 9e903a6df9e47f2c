//! `sts:AssumeRole`, and what its refusals mean.

use std::time::{Duration, SystemTime};

use aws_sdk_sts::Client;
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_sdk_sts::primitives::DateTimeFormat;
use aws_sdk_sts::types::Tag;
use thiserror::Error;
use vending_api::Credentials;

use crate::caller::Caller;
use crate::flights::Flights;
use crate::recent::{Key, MAX_REFUSALS, REFUSALS_LAST, Recent, hash_of};
use crate::session::AssumeRole;

/// Why STS gave no credentials. No variant repeats STS's own text, which names principals and policies.
#[derive(Debug, Clone, Error)]
pub enum StsError {
    /// `AccessDenied`: no such role, or its trust policy does not let this service in.
    #[error(
        "the role {role_arn} cannot be assumed: it does not exist, or its trust policy does not allow this service \
         {actions}; a change in IAM takes a while to be seen"
    )]
    RoleNotAssumable {
        /// Which role.
        role_arn: String,
        /// The actions the trust policy must allow.
        actions: &'static str,
    },
    /// STS refuses the parameters, which come from the mapping item.
    #[error("STS refuses the session that the mapping item describes ({code}): check {suspects}")]
    Refused {
        /// STS's error code.
        code: String,
        /// Which attributes to look at.
        suspects: &'static str,
    },
    /// STS refuses the session policy, which is as it is because the caller has narrowed it.
    #[error("`{member}` cannot be narrowed in this way: STS refuses the session policy that it needs ({code})")]
    NarrowingRefused {
        /// STS's error code.
        code: String,
        /// Member of the request body.
        member: &'static str,
    },
    /// Throttled, timed out, unreachable, or not accepting the service's own credentials.
    #[error("STS cannot be used at the moment ({problem})")]
    Unavailable {
        /// In one word.
        problem: String,
    },
}

/// Credentials of a role.
#[derive(Clone)]
pub struct Assumed {
    /// What STS has made.
    pub credentials: Credentials,
    /// Whether an earlier request of the same client has got them, too.
    pub were_kept: bool,
    ends_at: SystemTime,
}

/// STS in the service's region.
pub struct Sts {
    client: Client,
    /// What STS has refused, so that a client that asks on and on does not use up what the account may ask of STS.
    refused: Recent<StsError>,
    kept: Option<Kept>,
}

/// Credentials for equal requests, where the operator wants that.
struct Kept {
    assumed: Recent<Assumed>,
    flights: Flights<Result<Assumed, StsError>>,
}

/// Sessions whose credentials are kept.
const MAX_KEPT: usize = 1_000;

impl Sts {
    /// Nothing is called yet. With `kept_for`, equal sessions of one client get the same credentials for so long.
    #[must_use]
    pub fn new(client: Client, kept_for: Option<Duration>) -> Self {
        let kept = kept_for.map(|time| Kept { assumed: Recent::new(time, MAX_KEPT), flights: Flights::new() });
        Self { client, refused: Recent::new(REFUSALS_LAST, MAX_REFUSALS), kept }
    }

    /// Assumes the role.
    ///
    /// # Errors
    /// See [`StsError`].
    pub async fn assume_role<'a>(
        &self,
        caller: impl Into<Caller<'a>>,
        session: &AssumeRole,
        now: SystemTime,
    ) -> Result<Assumed, StsError> {
        let key = key_of_session(&caller.into(), session);
        let Some(kept) = &self.kept else { return Box::pin(self.unless_refused(key, session, now)).await };
        let assuming = async {
            if let Some(assumed) = kept.assumed.get(&key, now).filter(|assumed| assumed.ends_at > now) {
                return Ok(assumed);
            }
            let assumed = self.unless_refused(key, session, now).await?;
            kept.assumed.insert(key, Assumed { were_kept: true, ..assumed.clone() }, now);
            Ok(assumed)
        };
        kept.flights.share(key, Box::pin(assuming)).await
    }

    async fn unless_refused(&self, key: Key, session: &AssumeRole, now: SystemTime) -> Result<Assumed, StsError> {
        if let Some(error) = self.refused.get(&key, now) {
            return Err(error);
        }
        let assumed = self.call(session, now).await;
        if let Err(error) = &assumed
            && !matches!(error, StsError::Unavailable { .. })
        {
            self.refused.insert(key, error.clone(), now);
        }
        assumed
    }

    async fn call(&self, session: &AssumeRole, now: SystemTime) -> Result<Assumed, StsError> {
        let tags = session.tags.iter().filter_map(|(key, value)| Tag::builder().key(*key).value(value).build().ok());
        let output = self
            .client
            .assume_role()
            .role_arn(session.role_arn.as_str())
            .role_session_name(&session.session_name)
            .duration_seconds(i32::try_from(session.duration.as_secs()).unwrap_or(3600))
            .set_source_identity(session.source_identity.clone())
            .set_tags(Some(tags.collect::<Vec<_>>()).filter(|tags| !tags.is_empty()))
            .set_policy(session.policy.clone())
            .set_external_id(session.external_id.clone())
            .send()
            .await
            .map_err(|error| explain(&error, session))?;
        let incomplete = || StsError::Unavailable { problem: "a response without valid credentials".to_owned() };
        let credentials = output.credentials.ok_or_else(incomplete)?;
        let parts = [&credentials.access_key_id, &credentials.secret_access_key, &credentials.session_token];
        // Where STS sends no `Expiration`, the SDK makes it the year 1970.
        let ends_at = SystemTime::try_from(credentials.expiration).map_err(|_| incomplete())?;
        if parts.into_iter().any(String::is_empty) || ends_at <= now {
            return Err(incomplete());
        }
        // Whole seconds: some parsers switch refresh off for a fraction.
        let expiration = aws_sdk_sts::primitives::DateTime::from_secs(credentials.expiration.secs());
        let credentials = Credentials {
            access_key_id: credentials.access_key_id,
            secret_access_key: credentials.secret_access_key,
            session_token: credentials.session_token,
            expiration: expiration.fmt(DateTimeFormat::DateTime).map_err(|_| incomplete())?,
        };
        Ok(Assumed { credentials, were_kept: false, ends_at })
    }

    /// Whether STS answers and knows the service's own credentials.
    ///
    /// # Errors
    /// When it does not.
    pub async fn check(&self) -> Result<(), StsError> {
        match self.client.get_caller_identity().send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(StsError::Unavailable { problem: aws_calls::brief(&error) }),
        }
    }
}

/// The client and all that its session is made of: where the item is changed so that the session is another one, nothing
/// that was remembered of the old one counts.
fn key_of_session(caller: &Caller<'_>, session: &AssumeRole) -> Key {
    let AssumeRole { role_arn, session_name, source_identity, tags, policy, duration, external_id, narrowed_member } =
        session;
    let duration = duration.as_secs().to_string();
    let optional = [source_identity.as_deref(), policy.as_deref(), external_id.as_deref(), *narrowed_member];
    let parts = [caller.issuer(), caller.client_id(), role_arn.as_str(), session_name, &duration];
    let tags = tags.iter().flat_map(|(name, value)| [*name, value.as_str()]);
    // What is absent and what is empty differ.
    let optional = optional.into_iter().flat_map(|part| [if part.is_some() { "1" } else { "" }, part.unwrap_or("")]);
    hash_of(parts.into_iter().chain(optional).chain(tags))
}

fn explain(error: &SdkError<AssumeRoleError>, session: &AssumeRole) -> StsError {
    let actions = if session.tags.is_empty() {
        "sts:AssumeRole"
    } else {
        "sts:AssumeRole, sts:TagSession and sts:SetSourceIdentity"
    };
    match error.code() {
        Some("AccessDenied" | "AccessDeniedException") => {
            StsError::RoleNotAssumable { role_arn: session.role_arn.to_string(), actions }
        }
        Some(code @ ("MalformedPolicyDocument" | "PackedPolicyTooLarge")) => {
            let code = code.to_owned();
            match session.narrowed_member {
                Some(member) => StsError::NarrowingRefused { code, member },
                None => StsError::Refused { code, suspects: "`session_policy` and `s3_path_prefix`" },
            }
        }
        Some(code @ "ValidationError") => StsError::Refused {
            code: code.to_owned(),
            suspects: "`role_arn`, `external_id` and `session_duration_seconds` (the role's maximum session duration \
                       may be lower)",
        },
        _ => StsError::Unavailable { problem: aws_calls::brief(error) },
    }
}
