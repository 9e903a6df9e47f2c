//! Auth0: `https://DOMAIN/oauth/token`, for one API (`audience`).

use super::client_credentials::{Authentication, ClientCredentials, EndpointSource};
use environment::Variables;

/// Reads the `AUTH0_…` variables; `None` when a fault was noted.
pub(crate) fn from_env(variables: &Variables<'_>) -> Option<ClientCredentials> {
    let source = source(variables);
    let client_id = variables.required("AUTH0_CLIENT_ID", "aBcExample1Client");
    let authentication = Authentication::from_env(variables, "AUTH0", Authentication::ClientSecretPost);
    let audience = variables.required("AUTH0_AUDIENCE", "https://credvend.example.com");
    let (secrets, mut authentication) = authentication?;
    if let Authentication::PrivateKeyJwt { audience, .. } = &mut authentication {
        // Auth0's documentation of private_key_jwt asks for the tenant, where others ask for the token endpoint.
        *audience = variables.optional("AUTH0_DOMAIN").map(|domain| format!("https://{domain}/"));
    }
    Some(ClientCredentials {
        prefix: "AUTH0",
        source: source?,
        client_id: client_id?,
        secrets,
        authentication,
        parameters: vec![("audience", audience?)],
    })
}

fn source(variables: &Variables<'_>) -> Option<EndpointSource> {
    const EXAMPLE: &str = "https://example.eu.auth0.com/oauth/token";
    let (name, url) = match variables.optional("AUTH0_TOKEN_ENDPOINT") {
        Some(url) => ("AUTH0_TOKEN_ENDPOINT", url),
        None => {
            let domain = variables.host("AUTH0_DOMAIN", "example.eu.auth0.com")?;
            ("AUTH0_DOMAIN", format!("https://{domain}/oauth/token"))
        }
    };
    variables.endpoint(name, &url, EXAMPLE).map(EndpointSource::TokenEndpoint)
}
