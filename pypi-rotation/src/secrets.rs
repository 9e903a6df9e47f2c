//! Secrets Manager: reads versions, writes them, and moves their labels.

use std::error::Error;
use std::fmt::Debug;

use aws_calls::brief;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::versions::Versions;

/// Why Secrets Manager did not do what it was asked. No variant repeats its own text.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SecretsError {
    /// There is no such secret, or no such version of it, or the version has no value yet.
    #[error("Secrets Manager finds no value for {0}")]
    NotFound(String),
    /// The function's role may not.
    #[error(
        "the function's role may not {action} {secret}: allow it in the role's policy, or in the secret's own where it has one"
    )]
    Denied {
        /// IAM's name of what it may not do.
        action: &'static str,
        /// Where.
        secret: String,
    },
    /// The key may not be used, is disabled, or is gone.
    #[error(
        "the KMS key of {0} cannot be used: allow the function's role kms:Decrypt and kms:GenerateDataKey on it, and see \
         whether it is enabled"
    )]
    Key(String),
    /// It does not fit the secret's state.
    #[error(
        "Secrets Manager refuses {action} on {secret} ({code}): somebody else may be changing it, or it is marked for deletion"
    )]
    Refused {
        /// IAM's name of what was refused.
        action: &'static str,
        /// Where.
        secret: String,
        /// AWS's error code.
        code: String,
    },
    /// The value is binary.
    #[error("{0} holds binary data, and a JSON text is expected")]
    Binary(String),
    /// Down, slow, throttling, or a response that is not one.
    #[error("Secrets Manager cannot be used ({action} on {secret}): {problem}")]
    Unavailable {
        /// IAM's name of what was asked.
        action: &'static str,
        /// Where.
        secret: String,
        /// In a few words.
        problem: String,
    },
}

const MOVE: &str = "secretsmanager:UpdateSecretVersionStage";

/// A version's value, and which version it is.
pub struct VersionValue {
    /// The version's id.
    pub version: String,
    /// The value.
    pub text: Zeroizing<String>,
}

/// Which version of a secret is read.
#[derive(Clone, Copy)]
pub enum Wanted<'a> {
    /// The one with this label.
    Label(&'a str),
    /// The one with this id.
    Version(&'a str),
}

/// Secrets Manager.
pub struct Secrets {
    client: Client,
}

impl Secrets {
    /// Opens no connection.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// The secret's name, its versions and their labels.
    ///
    /// # Errors
    /// When Secrets Manager does not say.
    pub async fn describe(&self, secret: &str) -> Result<Versions, SecretsError> {
        const ACTION: &str = "secretsmanager:DescribeSecret";
        let described = self.client.describe_secret().secret_id(secret).send().await;
        let described = described.map_err(|error| explain(&error, ACTION, secret))?;
        let Some(name) = described.name else { return Err(half_a_response(ACTION, secret)) };
        Ok(Versions {
            secret: name,
            rotation_enabled: described.rotation_enabled,
            labels: described.version_ids_to_stages.unwrap_or_default(),
        })
    }

    /// The value of a version.
    ///
    /// # Errors
    /// When there is none, or Secrets Manager does not give it.
    pub async fn value(&self, secret: &str, wanted: Wanted<'_>) -> Result<VersionValue, SecretsError> {
        const ACTION: &str = "secretsmanager:GetSecretValue";
        let request = self.client.get_secret_value().secret_id(secret);
        let request = match wanted {
            Wanted::Label(label) => request.version_stage(label),
            Wanted::Version(version) => request.version_id(version),
        };
        let value = request.send().await.map_err(|error| explain(&error, ACTION, secret))?;
        let Some(version) = value.version_id else { return Err(half_a_response(ACTION, secret)) };
        if matches!(wanted, Wanted::Version(asked) if asked != version) {
            return Err(half_a_response(ACTION, secret));
        }
        match (value.secret_string, value.secret_binary) {
            (Some(text), _) => Ok(VersionValue { version, text: Zeroizing::new(text) }),
            (None, Some(_)) => Err(SecretsError::Binary(secret.to_owned())),
            (None, None) => Err(half_a_response(ACTION, secret)),
        }
    }

    /// Writes a version with one label. The same version with the same value can be written again.
    ///
    /// # Errors
    /// When it was not written; or it was, and the response was lost.
    pub async fn put(&self, secret: &str, version: &str, label: &str, text: &str) -> Result<(), SecretsError> {
        let request = self.client.put_secret_value().secret_id(secret).client_request_token(version);
        let written = request.version_stages(label).secret_string(text).send().await;
        written.map(drop).map_err(|error| explain(&error, "secretsmanager:PutSecretValue", secret))
    }

    /// Moves a label, if it is still where it is thought to be.
    ///
    /// # Errors
    /// When it was not moved; or it was, and the response was lost.
    pub async fn move_label(&self, secret: &str, label: &str, from: &str, to: &str) -> Result<(), SecretsError> {
        let request = self.client.update_secret_version_stage().secret_id(secret).version_stage(label);
        let moved = request.remove_from_version_id(from).move_to_version_id(to).send().await;
        moved.map(drop).map_err(|error| explain(&error, MOVE, secret))
    }

    /// Takes a label away from a version, if it is there.
    ///
    /// # Errors
    /// When it was not taken away; or it was, and the response was lost.
    pub async fn remove_label(&self, secret: &str, label: &str, from: &str) -> Result<(), SecretsError> {
        let request = self.client.update_secret_version_stage().secret_id(secret).version_stage(label);
        let removed = request.remove_from_version_id(from).send().await;
        removed.map(drop).map_err(|error| explain(&error, MOVE, secret))
    }
}

fn half_a_response(action: &'static str, secret: &str) -> SecretsError {
    let problem = "a response that could not be understood".to_owned();
    SecretsError::Unavailable { action, secret: secret.to_owned(), problem }
}

fn explain<E, R>(error: &SdkError<E, R>, action: &'static str, secret: &str) -> SecretsError
where
    E: Error + 'static,
    R: Debug + 'static,
    SdkError<E, R>: ProvideErrorMetadata,
{
    let secret = secret.to_owned();
    match error.code() {
        Some("ResourceNotFoundException") => SecretsError::NotFound(secret),
        // Said with the same code when it is the key that the role may not use.
        Some("AccessDeniedException" | "AccessDenied") if error.message().is_some_and(|text| text.contains("KMS")) => {
            SecretsError::Key(secret)
        }
        Some("AccessDeniedException" | "AccessDenied") => SecretsError::Denied { action, secret },
        Some("DecryptionFailure" | "EncryptionFailure") => SecretsError::Key(secret),
        Some(
            code @ ("InvalidRequestException"
            | "InvalidParameterException"
            | "ResourceExistsException"
            | "LimitExceededException"),
        ) => SecretsError::Refused { action, secret, code: code.to_owned() },
        _ => SecretsError::Unavailable { action, secret, problem: brief(error) },
    }
}
