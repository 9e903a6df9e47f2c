//! Whether the new secret works: it gets a token, and the token gets credentials.

use std::time::Duration;

use environment::{Endpoint, EndpointError, Lookup, Partition, Variables};
use tokio::time::Instant;
use vending_api::CredentialsResponse;

use super::new_secret::NewSecret;
use super::secrets::Secrets;
use crate::as_client::{AsClient, AskError, code_of};
use crate::cli::RotateArguments;
use crate::error::Error;
use crate::network::Network;

/// Cognito's servers do not all know a new secret at once.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Verifier(AsClient);

/// The vending API knew the client.
pub(super) enum Vend {
    Credentials,
    /// It refuses this client, or from here: the code.
    Refused(String),
}

/// Exit status 3: refused; 4: unavailable.
pub(super) fn is_refusal(error: &AskError) -> bool {
    matches!(error, AskError::Status { status, .. } if (400..500).contains(status) && *status != 429)
}

/// A new secret is refused until it is known everywhere, and so is its token where the service cannot decide.
fn may_pass(error: &AskError) -> bool {
    match error {
        AskError::Status { status, code, .. } => {
            code == "invalid_client" || matches!(status, 401 | 408 | 429) || *status >= 500
        }
        AskError::Request(_) | AskError::Unusable { .. } => true,
    }
}

impl Verifier {
    pub(super) async fn new(arguments: &RotateArguments, secrets: &Secrets, lookup: Lookup<'_>) -> Result<Self, Error> {
        let variables = Variables::new(lookup);
        let token_endpoint = arguments.token_endpoint.clone().or_else(|| variables.optional("COGNITO_TOKEN_ENDPOINT"));
        let api_url = arguments.api_url.clone().or_else(|| variables.optional("COGNITO_CREDENTIAL_API_URL"));
        let network = Network::from_env(&variables);
        let () = variables.finish(Some(()))?;
        let api = parse(&api_url.ok_or(Error::NoApiUrl)?)?;
        let token_endpoint = match token_endpoint {
            Some(url) => url,
            None => token_endpoint_of(secrets).await?,
        };
        Ok(Self(AsClient::new(&network, parse(&token_endpoint)?, &api)?))
    }

    /// Tries until it works, for half a minute.
    pub(super) async fn verify(&self, client_id: &str, secret: &NewSecret) -> Result<Vend, AskError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.try_once(client_id, secret).await {
                Err(error) if may_pass(&error) && Instant::now() + PAUSE < deadline => tokio::time::sleep(PAUSE).await,
                result => return result,
            }
        }
    }

    async fn try_once(&self, client_id: &str, secret: &NewSecret) -> Result<Vend, AskError> {
        let Self(client) = self;
        let response = client.vend(&client.token(client_id, secret.expose()).await?).await?;
        match response.status {
            200 if serde_json::from_slice::<CredentialsResponse>(&response.body).is_ok() => Ok(Vend::Credentials),
            // The service says this of a client that it knows by its token.
            403 => code_of(&response.body).map(Vend::Refused).ok_or_else(|| client.not_vended(&response)),
            _ => Err(client.not_vended(&response)),
        }
    }
}

async fn token_endpoint_of(secrets: &Secrets) -> Result<String, Error> {
    let (domain, custom) = secrets.domains().await?;
    let region = secrets.pool_id.split('_').next().unwrap_or_default();
    let host =
        custom.or_else(|| Some(Partition::cognito_domain_host(&domain?, region))).ok_or(Error::NoTokenEndpoint)?;
    Ok(format!("https://{host}/oauth2/token"))
}

fn parse(url: &str) -> Result<Endpoint, Error> {
    Endpoint::parse(url).map_err(|problem: EndpointError| Error::Url { url: url.to_owned(), problem })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_and_what_is_refused() {
        let endpoint = Endpoint::parse("https://a.example/oauth2/token").unwrap();
        for (status, code, passes, refuses) in [
            (400, "invalid_client", true, true),
            (401, "invalid_client", true, true),
            (401, "invalid_token", true, true),
            (400, "invalid_scope", false, true),
            (400, "unauthorized_client", false, true),
            (404, "not_found", false, true),
            (429, "rate_limited", true, false),
            (503, "sts_unavailable", true, false),
        ] {
            let error = AskError::Status { endpoint: endpoint.clone(), status, code: code.to_owned() };
            assert_eq!((may_pass(&error), is_refusal(&error)), (passes, refuses), "{status} {code}");
        }
    }
}
