//! The four steps of a rotation. Each can be taken again: after a lost response, a crash, or because Secrets Manager
//! tries again what has failed. Whatever fails, the current token stays where it is.

use crate::error::RotationError;
use crate::event::{Event, Step};
use crate::index::{Index, IndexError};
use crate::secret_value::{SecretValue, Token, staged_token, used_by};
use crate::secrets::{Secrets, SecretsError, Wanted};
use crate::versions::{CURRENT, PENDING, PREVIOUS, Progress, Versions};

/// What a step has done, for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// `AWSPENDING` holds the staged token.
    Created,
    /// Nothing had to be done.
    NothingToDo,
    /// The index accepts the token.
    Accepted,
    /// The token is current, and the staged one is marked as used.
    Finished,
    /// The token is current, and the function's role may not mark the staged one.
    FinishedWithoutMark,
}

impl Outcome {
    /// For the log.
    pub fn words(self) -> &'static str {
        match self {
            Self::Created => "the staged token waits as AWSPENDING",
            Self::NothingToDo => "nothing to do",
            Self::Accepted => "the index accepts the token",
            Self::Finished => "the token is current",
            Self::FinishedWithoutMark => {
                "the token is current. It is still staged as well: allow the function's role secretsmanager:PutSecretValue and \
                 secretsmanager:UpdateSecretVersionStage on the secret of the staged token"
            }
        }
    }
}

/// Everything that a step takes.
pub struct Rotation {
    /// Secrets Manager.
    pub secrets: Secrets,
    /// Where tokens are tried.
    pub index: Index,
    /// `TOKEN_PREFIX`: what every token of the index begins with.
    pub token_prefix: Option<String>,
}

impl Rotation {
    /// Takes one step.
    ///
    /// # Errors
    /// When it was not taken; the current token is what it was.
    pub async fn take(&self, event: &Event) -> Result<Outcome, RotationError> {
        let versions = self.secrets.describe(&event.secret_id).await?;
        match (event.step, versions.progress(&event.client_request_token)?) {
            (Step::CreateSecret, Progress::Pending) => self.create(event, &versions).await,
            (Step::SetSecret, Progress::Pending) => self.set(event).await,
            (Step::TestSecret, Progress::Pending) => self.test(event).await,
            (Step::FinishSecret, Progress::Pending) => self.finish(event, &versions).await,
            // The label was moved and the rest was not reached.
            (Step::FinishSecret, Progress::Finished) => self.mark_as_used(event, &versions).await,
            (_, Progress::Finished) => Ok(Outcome::NothingToDo),
        }
    }

    /// Makes the pending version of the staged token, with all other members of the current value.
    async fn create(&self, event: &Event, versions: &Versions) -> Result<Outcome, RotationError> {
        versions.current()?;
        let current = self.value(event, Wanted::Label(CURRENT)).await?;
        match self.value(event, Wanted::Version(&event.client_request_token)).await {
            Ok(pending) => {
                self.check(&pending.token, &current, event, versions).await?;
                return Ok(Outcome::NothingToDo);
            }
            Err(RotationError::Secret(SecretsError::NotFound(_))) => {}
            Err(error) => return Err(error),
        }
        let (_, token) = self.staged(versions).await?.ok_or_else(|| RotationError::nothing_staged(versions))?;
        self.check(&token, &current, event, versions).await?;
        let value = current.with_token(&token);
        self.secrets.put(&event.secret_id, &event.client_request_token, PENDING, &value).await?;
        Ok(Outcome::Created)
    }

    /// An index has no API that is told of a token: it has made it. What can be wrong is the pending version.
    async fn set(&self, event: &Event) -> Result<Outcome, RotationError> {
        self.pending(event).await?;
        Ok(Outcome::NothingToDo)
    }

    /// A version with a token that the index refuses would be tried again by every later rotation, whatever is staged by
    /// then: it is given up. (User guide, "How rotation works": `AWSPENDING` may be on no version at the end.)
    async fn test(&self, event: &Event) -> Result<Outcome, RotationError> {
        let tried = self.index.accepts(&self.pending(event).await?).await;
        if let Err(IndexError::Refused { .. }) = &tried {
            self.secrets.remove_label(&event.secret_id, PENDING, &event.client_request_token).await?;
        }
        tried?;
        Ok(Outcome::Accepted)
    }

    /// Moves the label, from the version that was current a moment ago: if another one is now, nothing is moved.
    async fn finish(&self, event: &Event, versions: &Versions) -> Result<Outcome, RotationError> {
        let current = versions.current()?;
        // A version without a value must never become current, nor one whose token came into use by another way meanwhile.
        let pending = self.pending(event).await?;
        let in_use = self.value(event, Wanted::Label(CURRENT)).await?;
        self.check(&pending.token, &in_use, event, versions).await?;
        self.secrets.move_label(&event.secret_id, CURRENT, current, &event.client_request_token).await?;
        self.mark_as_used(event, versions).await
    }

    /// Puts a note in the place of the staged token, if it is still the one that has become current: an operator may have
    /// staged the next one already. The rotation is done without it, and a token that is current is never taken again.
    async fn mark_as_used(&self, event: &Event, versions: &Versions) -> Result<Outcome, RotationError> {
        let current = self.value(event, Wanted::Version(&event.client_request_token)).await?;
        match self.staged(versions).await {
            Ok(Some((version, staged))) if staged == current.token => {
                match self.replace_staged(event, versions, &version).await {
                    Err(SecretsError::Denied { .. } | SecretsError::Key(_)) => Ok(Outcome::FinishedWithoutMark),
                    result => Ok(result.map(|()| Outcome::Finished)?),
                }
            }
            // What is staged by now is the next rotation's to judge.
            Ok(_) | Err(RotationError::Staged { .. }) => Ok(Outcome::Finished),
            Err(error) => Err(error),
        }
    }

    /// The label is moved from the very version that was looked at, so that a newer one is never hidden.
    async fn replace_staged(&self, event: &Event, versions: &Versions, staged: &str) -> Result<(), SecretsError> {
        let (secret, note) = (versions.staged_secret(), &event.client_request_token);
        self.secrets.put(&secret, note, PENDING, &used_by(note)).await?;
        self.secrets.move_label(&secret, CURRENT, staged, note).await
    }

    /// The pending version, as far as it can be judged without the index.
    async fn pending(&self, event: &Event) -> Result<SecretValue, RotationError> {
        let pending = self.value(event, Wanted::Version(&event.client_request_token)).await?;
        self.check_prefix(&pending.token, &event.secret_id)?;
        Ok(pending)
    }

    /// Never the old value again, neither the one in use nor the one before it, which may be revoked.
    async fn check(
        &self,
        token: &Token,
        current: &SecretValue,
        event: &Event,
        versions: &Versions,
    ) -> Result<(), RotationError> {
        let staged_in = versions.staged_secret();
        self.check_prefix(token, &staged_in)?;
        if *token == current.token {
            return Err(RotationError::Reused { staged_in, label: CURRENT });
        }
        if versions.with_label(PREVIOUS).is_none() {
            return Ok(());
        }
        match self.value(event, Wanted::Label(PREVIOUS)).await {
            Ok(previous) if *token == previous.token => Err(RotationError::Reused { staged_in, label: PREVIOUS }),
            // A previous value that cannot be read as one holds no token that could be the same.
            Ok(_) | Err(RotationError::Value { .. } | RotationError::Secret(SecretsError::NotFound(_))) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn check_prefix(&self, token: &Token, secret: &str) -> Result<(), RotationError> {
        match &self.token_prefix {
            Some(prefix) if !token.expose().starts_with(prefix.as_str()) => {
                Err(RotationError::Prefix { secret: secret.to_owned(), prefix: prefix.clone() })
            }
            _ => Ok(()),
        }
    }

    async fn value(&self, event: &Event, wanted: Wanted<'_>) -> Result<SecretValue, RotationError> {
        let value = self.secrets.value(&event.secret_id, wanted).await?;
        SecretValue::parse(&value.text).map_err(|problem| RotationError::Value {
            secret: event.secret_id.clone(),
            version: value.version,
            problem,
        })
    }

    /// The staged token and the version that it is in; `None` where there is none, or the last one is used up.
    async fn staged(&self, versions: &Versions) -> Result<Option<(String, Token)>, RotationError> {
        let secret = versions.staged_secret();
        let value = match self.secrets.value(&secret, Wanted::Label(CURRENT)).await {
            Ok(value) => value,
            Err(SecretsError::NotFound(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let staged = staged_token(&value.text).map_err(|problem| RotationError::Staged { secret, problem })?;
        Ok(staged.map(|token| (value.version, token)))
    }
}
