//! What Secrets Manager sends: one step of one rotation.

use serde::Deserialize;
use thiserror::Error;

/// The steps, in their order (AWS Secrets Manager user guide, "Rotation by Lambda function").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Step {
    /// Makes the new version, `AWSPENDING`.
    CreateSecret,
    /// Tells the service behind the secret about it.
    SetSecret,
    /// Tries it.
    TestSecret,
    /// Makes it `AWSCURRENT`.
    FinishSecret,
}

/// One step of one rotation. Fields that AWS adds are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Event {
    /// The secret's ARN.
    pub secret_id: String,
    /// The id of the version that this rotation makes; the same in all steps, and in a step that is repeated.
    pub client_request_token: String,
    /// What to do.
    pub step: Step,
}

/// An event that is no step of a rotation. It is not repeated: whoever sent it may have put anything in it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "the event is not a rotation step of Secrets Manager: {0}. This function is called by Secrets Manager alone, with \
     SecretId, ClientRequestToken and Step (createSecret, setSecret, testSecret or finishSecret)"
)]
pub struct EventError(&'static str);

impl Event {
    /// Reads an event.
    ///
    /// # Errors
    /// When it is of another kind.
    pub fn parse(event: &[u8]) -> Result<Self, EventError> {
        let event: Self = serde_json::from_slice(event).map_err(|_| EventError("a field is missing or unknown"))?;
        if !(1..=2048).contains(&event.secret_id.len()) || event.secret_id.contains(char::is_control) {
            return Err(EventError("SecretId is not the ARN of a secret"));
        }
        // PutSecretValue, ClientRequestToken.
        let is_version = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if !(32..=64).contains(&event.client_request_token.len()) || !event.client_request_token.bytes().all(is_version)
        {
            return Err(EventError("ClientRequestToken is not 32 to 64 letters, digits and hyphens"));
        }
        Ok(event)
    }
}

impl Step {
    /// As Secrets Manager names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::CreateSecret => "createSecret",
            Self::SetSecret => "setSecret",
            Self::TestSecret => "testSecret",
            Self::FinishSecret => "finishSecret",
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const VERSION: &str = "0a1b2c3d-0000-4000-8000-000000000001";

    fn parse(secret: &str, version: &str, step: &str) -> Result<Event, EventError> {
        let event = json!({"SecretId": secret, "ClientRequestToken": version, "Step": step, "RotationToken": "x"});
        Event::parse(event.to_string().as_bytes())
    }

    #[test]
    fn the_four_steps() {
        for step in [Step::CreateSecret, Step::SetSecret, Step::TestSecret, Step::FinishSecret] {
            let event = parse("arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-b", VERSION, step.name());
            assert_eq!(event.unwrap().step, step);
        }
    }

    #[test]
    fn everything_else_is_refused_and_not_repeated() {
        for refused in [
            parse("", VERSION, "createSecret"),
            parse("a\nb", VERSION, "createSecret"),
            parse("CANARY", "CANARY", "createSecret"),
            parse("a", &"0".repeat(65), "createSecret"),
            parse("a", &VERSION.replace('1', "/"), "createSecret"),
            parse("a", VERSION, "CANARY"),
            parse("a", VERSION, "CreateSecret"),
            Event::parse(b""),
            Event::parse(b"[]"),
            Event::parse(b"{\"SecretId\":\"CANARY\",\"Step\":\"testSecret\"}"),
            Event::parse(b"{\"requestContext\":{\"http\":{}}}"),
        ] {
            assert!(!refused.unwrap_err().to_string().contains("CANARY"));
        }
    }
}
