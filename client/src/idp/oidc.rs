//! Any other issuer with the client credentials grant: by its metadata, or by its token endpoint alone.

use super::client_credentials::{Authentication, ClientCredentials, EndpointSource};
use super::discovery::Issuer;
use environment::Variables;

/// Reads the `OIDC_…` variables; `None` when a fault was noted.
pub(crate) fn from_env(variables: &Variables<'_>) -> Option<ClientCredentials> {
    let source = source(variables);
    let client_id = variables.required("OIDC_CLIENT_ID", "web-01");
    let with_secret = secret_method(variables);
    let authentication =
        Authentication::from_env(variables, "OIDC", with_secret.unwrap_or(Authentication::ClientSecret));
    let parameters = [
        ("audience", variables.optional("OIDC_AUDIENCE")),
        ("resource", variables.optional("OIDC_RESOURCE")),
        ("scope", variables.optional("OIDC_SCOPES").map(|scopes| single_spaces(&scopes))),
    ];
    let (secrets, authentication) = authentication?;
    Some(ClientCredentials {
        prefix: "OIDC",
        source: source?,
        client_id: client_id?,
        secrets,
        authentication,
        parameters: parameters.into_iter().filter_map(|(name, value)| Some((name, value?))).collect(),
    })
}

fn source(variables: &Variables<'_>) -> Option<EndpointSource> {
    if let Some(url) = variables.optional("OIDC_TOKEN_ENDPOINT") {
        let example = "https://idp.example.com/oauth2/token";
        return variables.endpoint("OIDC_TOKEN_ENDPOINT", &url, example).map(EndpointSource::TokenEndpoint);
    }
    let Some(name) = variables.optional("OIDC_ISSUER") else {
        variables.missing("OIDC_ISSUER", "for example `https://idp.example.com`; or OIDC_TOKEN_ENDPOINT");
        return None;
    };
    let endpoint = variables.endpoint("OIDC_ISSUER", &name, "https://idp.example.com")?;
    Some(EndpointSource::Issuer(Issuer::new(name, &endpoint)))
}

/// `OIDC_TOKEN_ENDPOINT_AUTH_METHOD`, for token endpoints without metadata and metadata that is wrong.
fn secret_method(variables: &Variables<'_>) -> Option<Authentication> {
    const NAME: &str = "OIDC_TOKEN_ENDPOINT_AUTH_METHOD";
    match variables.optional(NAME)?.as_str() {
        "client_secret_basic" => Some(Authentication::ClientSecretBasic),
        "client_secret_post" => Some(Authentication::ClientSecretPost),
        other => {
            let known = "client_secret_basic or client_secret_post is expected (a private key needs neither)";
            variables.fault(NAME, format_args!("`{other}`: {known}"));
            None
        }
    }
}

/// RFC 6749 §3.3: scopes are separated by single spaces.
fn single_spaces(scopes: &str) -> String {
    scopes.split_whitespace().collect::<Vec<_>>().join(" ")
}
