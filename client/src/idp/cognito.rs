//! Cognito: the token endpoint of a user pool's domain.

use super::client_credentials::{Authentication, ClientCredentials, EndpointSource};
use crate::secret::SecretSource;
use environment::{Partition, Variables, is_host};
use http_client::Endpoint;

/// Reads the `COGNITO_…` variables; `None` when a fault was noted.
pub(crate) fn from_env(variables: &Variables<'_>) -> Option<ClientCredentials> {
    let token_endpoint = token_endpoint(variables);
    let client_id = variables.required("COGNITO_CLIENT_ID", "6h0example1client");
    let secrets = SecretSource::current_and_next(variables, "COGNITO_CLIENT_SECRET");
    if secrets.is_empty() {
        variables.missing("COGNITO_CLIENT_SECRET", "or its file: COGNITO_CLIENT_SECRET_FILE");
        return None;
    }
    // None: the pool grants all that the client may have. Asking for more than that is refused as a whole.
    let scopes = scopes(variables);
    Some(ClientCredentials {
        prefix: "COGNITO",
        source: EndpointSource::TokenEndpoint(token_endpoint?),
        client_id: client_id?,
        secrets,
        authentication: Authentication::ClientSecretBasic,
        parameters: if scopes.is_empty() { Vec::new() } else { vec![("scope", scopes.join(" "))] },
    })
}

fn token_endpoint(variables: &Variables<'_>) -> Option<Endpoint> {
    let example = "https://my-pool.auth.eu-west-1.amazoncognito.com/oauth2/token";
    if let Some(url) = variables.optional("COGNITO_TOKEN_ENDPOINT") {
        return variables.endpoint("COGNITO_TOKEN_ENDPOINT", &url, example);
    }
    let region = variables.optional("AWS_REGION");
    let domain = variables.required("COGNITO_DOMAIN", "my-pool` or `auth.example.com");
    let is_prefix = domain.as_ref().is_none_or(|domain| !domain.contains('.'));
    if is_prefix && region.is_none() {
        variables.missing("AWS_REGION", "for example `eu-west-1`; a custom host in COGNITO_DOMAIN needs none");
    }
    let domain = domain?;
    if !is_host(&domain) {
        let problem = "a domain prefix or a host name is expected, without https:// and path";
        variables.fault("COGNITO_DOMAIN", format_args!("{problem}, for example `my-pool` or `auth.example.com`"));
        return None;
    }
    let host = if is_prefix {
        let region = region?;
        if !is_host(&region) {
            variables.fault("AWS_REGION", "not a region, for example `eu-west-1`");
            return None;
        }
        Partition::cognito_domain_host(&domain, &region)
    } else {
        domain
    };
    variables.endpoint("COGNITO_DOMAIN", &format!("https://{host}/oauth2/token"), example)
}

/// A short name gets its resource server: `write` of `https://api.example` is `https://api.example/write`.
fn scopes(variables: &Variables<'_>) -> Vec<String> {
    let resource_server = variables.optional("COGNITO_RESOURCE_SERVER");
    let full = |scope: &str| match &resource_server {
        Some(server) if !scope.contains('/') => format!("{server}/{scope}"),
        _ => scope.to_owned(),
    };
    variables.optional("COGNITO_SCOPES").unwrap_or_default().split_whitespace().map(full).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<ClientCredentials, String> {
        let all = [("COGNITO_CLIENT_ID", "abc"), ("COGNITO_CLIENT_SECRET", "hunter2")];
        let lookup =
            |name: &str| pairs.iter().chain(&all).find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let variables = Variables::new(&lookup);
        let cognito = from_env(&variables);
        variables.finish(cognito).map_err(|error| error.to_string())
    }

    fn endpoint(pairs: &[(&str, &str)]) -> String {
        read(pairs).map_or_else(|error| error, |cognito| cognito.source.as_str().to_owned())
    }

    #[test]
    fn prefix_custom_host_or_whole_url() {
        let region = ("AWS_REGION", "eu-west-1");
        assert_eq!(
            endpoint(&[("COGNITO_DOMAIN", "my-pool"), region]),
            "https://my-pool.auth.eu-west-1.amazoncognito.com/oauth2/token"
        );
        assert_eq!(endpoint(&[("COGNITO_DOMAIN", "auth.example.com")]), "https://auth.example.com/oauth2/token");
        assert_eq!(
            endpoint(&[("COGNITO_TOKEN_ENDPOINT", "http://127.0.0.1:9/t"), ("COGNITO_DOMAIN", "ignored")]),
            "http://127.0.0.1:9/t"
        );
        assert_eq!(
            endpoint(&[("COGNITO_DOMAIN", "my-pool")]),
            "missing environment variables: AWS_REGION (for example `eu-west-1`; a custom host in COGNITO_DOMAIN needs \
             none)"
        );
        assert!(endpoint(&[("COGNITO_DOMAIN", "https://my-pool"), region]).contains("without https://"));
        assert!(endpoint(&[("COGNITO_DOMAIN", "evil.example/?"), region]).contains("without https://"));
        assert!(endpoint(&[("COGNITO_DOMAIN", "a"), ("AWS_REGION", "x/y")]).starts_with("AWS_REGION: "));
    }

    #[test]
    fn short_scopes_get_their_resource_server() {
        let domain = ("COGNITO_DOMAIN", "auth.example.com");
        let scopes = |pairs: &[(&str, &str)]| read(pairs).map(|cognito| cognito.parameters).unwrap_or_default();
        let server = ("COGNITO_RESOURCE_SERVER", "https://api.example");
        assert!(scopes(&[domain, server]).is_empty());
        assert_eq!(
            scopes(&[domain, server, ("COGNITO_SCOPES", "write  b/read")]),
            [("scope", "https://api.example/write b/read".to_owned())]
        );
        assert_eq!(scopes(&[domain, ("COGNITO_SCOPES", "write")]), [("scope", "write".to_owned())]);
    }
}
