//! The roles in IAM, and the one inline policy of theirs that is ours.
//!
//! `PutRolePolicy` has no condition, so two operators who write the policy of one role at the same time can undo each other.
//! What is done about it: a run reads, changes and writes within [`WINDOW`], or starts again from reading; and it looks
//! again when the window of everybody who can have read the policy before its own write is over. What it has written
//! and does not find then, it writes once more.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_iam::Client;
use aws_sdk_iam::error::ProvideErrorMetadata as _;
use environment::RoleArn;

use super::denials::{Denials, POLICY_NAME};
use crate::aws::AwsError;
use crate::error::Error;
use crate::policy_document::{PolicyDocument, decoded};

/// The longest time between reading a policy and having written it.
const WINDOW: Duration = Duration::from_secs(3);
/// How long after a write another run's write can still undo it: its window, and what IAM takes to show a write to everybody.
pub(super) const SETTLED: Duration = Duration::from_secs(4);
/// So often is a policy read and written at most.
pub(super) const ROUNDS: u32 = 5;

pub(super) struct Roles {
    client: Client,
}

/// A role's policy before a change and after it.
pub(super) struct Changed {
    pub(super) before: Denials,
    pub(super) after: Denials,
}

impl Roles {
    pub(super) fn new(settings: &SdkConfig) -> Self {
        Self { client: Client::new(settings) }
    }

    /// The role's trust policy, or `None` where there is no such role in the account of the caller's credentials.
    pub(super) async fn trust(&self, role: &RoleArn) -> Result<Option<PolicyDocument>, Error> {
        let found = match self.client.get_role().role_name(role.name()).send().await {
            Ok(output) => output.role,
            Err(error) if error.code() == Some("NoSuchEntity") => None,
            Err(error) => return Err(AwsError::new("iam:GetRole", &error).into()),
        };
        // A name says nothing of the account, and this role's namesake is not to be touched.
        let found = found.filter(|found| found.arn == role.as_str());
        let trust = found.map(|found| found.assume_role_policy_document.unwrap_or_default());
        Ok(trust.map(|document| PolicyDocument::parse(&document).unwrap_or_default()))
    }

    pub(super) async fn read(&self, role: &RoleArn) -> Result<Denials, Error> {
        let sent = self.client.get_role_policy().role_name(role.name()).policy_name(POLICY_NAME).send().await;
        match sent {
            Ok(output) => decoded(&output.policy_document)
                .and_then(|document| Denials::parse(&document))
                .ok_or_else(|| Error::ForeignPolicy { policy: POLICY_NAME, role: role.to_string() }),
            Err(error) if error.code() == Some("NoSuchEntity") => Ok(Denials::default()),
            Err(error) => Err(AwsError::new("iam:GetRolePolicy", &error).into()),
        }
    }

    /// Reads the policy, changes it and writes it where that makes a difference.
    pub(super) async fn change(&self, role: &RoleArn, edit: impl Fn(&mut Denials)) -> Result<Changed, Error> {
        for _ in 0..ROUNDS {
            match tokio::time::timeout(WINDOW, self.change_once(role, &edit)).await {
                Ok(Err(Error::Aws(error))) if error.is_conflict() => {}
                Ok(result) => return result,
                // Whether the write was carried out is not known; if it was, the next round finds nothing to change.
                Err(_) => {}
            }
        }
        let seconds = WINDOW.as_secs();
        let problem = format!("reading and writing the policy of {role} took longer than {seconds} s, {ROUNDS} times");
        Err(AwsError::unexpected("iam:PutRolePolicy", &problem).into())
    }

    async fn change_once(&self, role: &RoleArn, edit: &impl Fn(&mut Denials)) -> Result<Changed, Error> {
        let before = self.read(role).await?;
        let mut after = before.clone();
        edit(&mut after);
        if after != before {
            self.write(role, &after).await?;
        }
        Ok(Changed { before, after })
    }

    async fn write(&self, role: &RoleArn, denials: &Denials) -> Result<(), Error> {
        if denials.is_empty() {
            let sent = self.client.delete_role_policy().role_name(role.name()).policy_name(POLICY_NAME).send().await;
            return match sent {
                Err(error) if error.code() != Some("NoSuchEntity") => {
                    Err(AwsError::new("iam:DeleteRolePolicy", &error).into())
                }
                _ => Ok(()),
            };
        }
        let put = self.client.put_role_policy().role_name(role.name()).policy_name(POLICY_NAME);
        match put.policy_document(denials.document()).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("LimitExceeded") => Err(Error::PolicyFull { role: role.to_string() }),
            Err(error) => Err(AwsError::new("iam:PutRolePolicy", &error).into()),
        }
    }
}
