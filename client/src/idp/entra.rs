//! Entra ID: `https://login.microsoftonline.com/TENANT/oauth2/v2.0/token`, for one API (`…/.default`).

use super::client_credentials::{Authentication, ClientCredentials, EndpointSource};
use environment::Variables;

/// Reads the `ENTRA_…` variables; `None` when a fault was noted.
pub(crate) fn from_env(variables: &Variables<'_>) -> Option<ClientCredentials> {
    let source = source(variables);
    let client_id = variables.required("ENTRA_CLIENT_ID", "00001111-aaaa-2222-bbbb-3333cccc4444");
    let authentication = Authentication::from_env(variables, "ENTRA", Authentication::ClientSecretPost);
    let scope = variables.required("ENTRA_SCOPE", "api://credvend/.default");
    let (secrets, authentication) = authentication?;
    Some(ClientCredentials {
        prefix: "ENTRA",
        source: source?,
        client_id: client_id?,
        secrets,
        authentication,
        parameters: vec![("scope", with_default(&scope?))],
    })
}

fn source(variables: &Variables<'_>) -> Option<EndpointSource> {
    const EXAMPLE: &str = "https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/oauth2/v2.0/token";
    let (name, url) = match variables.optional("ENTRA_TOKEN_ENDPOINT") {
        Some(url) => ("ENTRA_TOKEN_ENDPOINT", url),
        None => {
            // A GUID, or one of the tenant's domains.
            let tenant = variables.host("ENTRA_TENANT_ID", "aaaabbbb-0000-cccc-1111-dddd2222eeee")?;
            ("ENTRA_TENANT_ID", format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"))
        }
    };
    variables.endpoint(name, &url, EXAMPLE).map(EndpointSource::TokenEndpoint)
}

/// Microsoft identity platform, "OAuth 2.0 client credentials flow": the scope is the API's name with `/.default`, and
/// nothing else is taken. Only the suffix may be left out here.
fn with_default(scope: &str) -> String {
    if scope.ends_with("/.default") { scope.to_owned() } else { format!("{}/.default", scope.trim_end_matches('/')) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suffix_may_be_left_out() {
        for scope in ["api://credvend/.default", "api://credvend", "api://credvend/"] {
            assert_eq!(with_default(scope), "api://credvend/.default");
        }
    }
}
