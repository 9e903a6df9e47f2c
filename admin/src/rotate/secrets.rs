//! The secrets of an app client, at Cognito.

use std::fmt;
use std::time::Duration;

use aws_config::{Region, SdkConfig};
use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::config::Builder;
use aws_sdk_cognitoidentityprovider::config::retry::RetryConfig;
use aws_sdk_cognitoidentityprovider::error::ProvideErrorMetadata as _;
use aws_sdk_cognitoidentityprovider::primitives::DateTime;
use aws_sdk_cognitoidentityprovider::types::ClientSecretDescriptorType;

use super::new_secret::NewSecret;
use crate::aws::AwsError;
use crate::date;
use crate::error::Error;

const PAUSE: Duration = Duration::from_secs(1);
const ATTEMPTS: u32 = 3;
/// What an endpoint says that does not know an operation: AWS's own, and those of others.
const UNKNOWN_OPERATION: [&str; 4] =
    ["UnknownOperationException", "InvalidAction", "NotImplemented", "UnknownOperation"];

/// A secret as Cognito lists it: never its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Secret {
    pub(super) id: String,
    /// Seconds since 1970; 0 where Cognito does not say it.
    pub(super) created: u64,
}

impl fmt::Display for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match date::text(self.created) {
            Some(date) if self.created > 0 => write!(formatter, "{} (of {date})", self.id),
            _ => write!(formatter, "{} (without a date)", self.id),
        }
    }
}

/// A second secret, after a call that was to add one.
pub(super) struct Added {
    pub(super) secret: Secret,
    /// The response to the call named it. Without that it is one that is listed: another operator's, perhaps.
    pub(super) is_certain: bool,
}

pub(super) struct NotAdded {
    pub(super) cause: Error,
    /// Cognito refused the only call that was made: no secret is this run's.
    pub(super) is_refusal: bool,
}

pub(super) struct Secrets {
    client: Client,
    pub(super) pool_id: String,
    pub(super) client_id: String,
}

impl Secrets {
    pub(super) fn new(settings: &SdkConfig, pool_id: &str, client_id: &str) -> Self {
        // A pool's id begins with its region.
        let region = pool_id.split_once('_').map(|(region, _)| Region::new(region.to_owned()));
        let client = Client::from_conf(Builder::from(settings).region(region).build());
        Self { client, pool_id: pool_id.to_owned(), client_id: client_id.to_owned() }
    }

    pub(super) async fn list(&self) -> Result<Vec<Secret>, Error> {
        let call = self.client.list_user_pool_client_secrets().user_pool_id(&self.pool_id).client_id(&self.client_id);
        match call.send().await {
            Ok(output) => Ok(output.client_secrets().iter().filter_map(secret).collect()),
            Err(error) if error.code().is_some_and(|code| UNKNOWN_OPERATION.contains(&code)) => {
                Err(Error::NoSecretCalls)
            }
            Err(error) => Err(AwsError::new("cognito-idp:ListUserPoolClientSecrets", &error).into()),
        }
    }

    /// Adds a secret beside `old`. A response that is lost is no loss: the value is known here, and the id is listed.
    pub(super) async fn add(&self, value: &NewSecret, old: &Secret) -> Result<Added, NotAdded> {
        let mut attempts = 1;
        loop {
            let call = self.client.add_user_pool_client_secret().user_pool_id(&self.pool_id).client_id(&self.client_id);
            // The SDK would try again without looking whether the first one has come through.
            let once = aws_sdk_cognitoidentityprovider::config::Config::builder().retry_config(RetryConfig::disabled());
            let result = call.client_secret(value.expose()).customize().config_override(once).send().await;
            let error = match result {
                Ok(output) => match output.client_secret_descriptor().and_then(secret) {
                    Some(secret) => return Ok(Added { secret, is_certain: true }),
                    None => AwsError::unexpected(
                        "cognito-idp:AddUserPoolClientSecret",
                        "a response without the secret's id",
                    ),
                },
                Err(error) => AwsError::new("cognito-idp:AddUserPoolClientSecret", &error),
            };
            // A secret that is listed after that is somebody else's: it may be why the call was refused.
            if attempts == 1 && !error.is_unavailable() {
                return Err(NotAdded { cause: error.into(), is_refusal: true });
            }
            let listed = self.list().await.map_err(|cause| NotAdded { cause, is_refusal: false })?;
            if let Some(secret) = listed.into_iter().find(|secret| secret.id != old.id) {
                return Ok(Added { secret, is_certain: false });
            }
            if !error.is_unavailable() || attempts == ATTEMPTS {
                return Err(NotAdded { cause: error.into(), is_refusal: false });
            }
            attempts += 1;
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Done once it is not listed any more, whatever the call itself says.
    pub(super) async fn delete(&self, secret: &Secret) -> Result<(), Error> {
        let call = self.client.delete_user_pool_client_secret().user_pool_id(&self.pool_id).client_id(&self.client_id);
        let Err(error) = call.client_secret_id(&secret.id).send().await else { return Ok(()) };
        let error = AwsError::new("cognito-idp:DeleteUserPoolClientSecret", &error);
        let is_gone = self.list().await.is_ok_and(|left| left.iter().all(|one| one.id != secret.id));
        if is_gone { Ok(()) } else { Err(error.into()) }
    }

    /// The AWS CLI's command for it: what this program does not do by itself.
    pub(super) fn delete_command(&self, secret: &Secret) -> String {
        format!(
            "aws cognito-idp delete-user-pool-client-secret --user-pool-id {} --client-id {} --client-secret-id {}",
            self.pool_id, self.client_id, secret.id
        )
    }

    /// Domain and custom domain of the pool.
    pub(super) async fn domains(&self) -> Result<(Option<String>, Option<String>), Error> {
        let output = self.client.describe_user_pool().user_pool_id(&self.pool_id).send().await;
        let output = output.map_err(|error| AwsError::new("cognito-idp:DescribeUserPool", &error))?;
        let pool = output.user_pool();
        let text = |value: Option<&str>| value.filter(|text| !text.is_empty()).map(str::to_owned);
        Ok((text(pool.and_then(|pool| pool.domain())), text(pool.and_then(|pool| pool.custom_domain()))))
    }
}

fn secret(descriptor: &ClientSecretDescriptorType) -> Option<Secret> {
    let created = descriptor.client_secret_create_date().map_or(0, DateTime::secs);
    Some(Secret { id: descriptor.client_secret_id()?.to_owned(), created: u64::try_from(created).unwrap_or_default() })
}
