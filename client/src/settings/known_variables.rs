//! Every variable that this program knows: who may set it, whether it is a secret, and which child gets it. The table is
//! read wherever a list of variables is needed; the help and `docs/client.md` are compared with it by tests.

use Child::{Carried, Hook, Mentioned, S3};

/// One variable.
#[derive(Clone, Copy)]
pub(crate) struct Variable {
    pub(crate) name: &'static str,
    pub(crate) setter: Setter,
    /// A file of identities and what `setup` prints name the file that holds it instead (`NAME_FILE`).
    pub(crate) is_secret: bool,
    /// What the variable says. Of several that say the same, one in a file overrules those of the process.
    fact: &'static str,
    children: &'static [Child],
    /// The program that `exec` runs does not get it: a secret of ours, or what would win over the credentials from us.
    pub(crate) is_removed_by_exec: bool,
}

/// Who may set a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setter {
    /// The process's environment, an environment file, or an identity's table.
    Identity,
    /// The process's environment or an environment file: it concerns the machine, and every identity alike.
    Process,
    /// Others, for the AWS SDKs: credentials that would win over ours. Read by `secret` alone, where no identity is named.
    Others,
}

/// A program that gets a variable.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Child {
    /// `credvend-s3`, with the value that this program has found, in a file or elsewhere.
    S3,
    /// The command of `--on-refresh`.
    Hook,
    /// The container or unit that `setup` prints: part of the identity that it runs with.
    Carried,
    /// The same, set by the reader as far as it is needed there.
    Mentioned,
}

const fn identity(name: &'static str, children: &'static [Child]) -> Variable {
    Variable { name, setter: Setter::Identity, is_secret: false, fact: name, children, is_removed_by_exec: false }
}

const fn secret(name: &'static str, fact: &'static str) -> Variable {
    Variable { name, setter: Setter::Identity, is_secret: true, fact, children: &[], is_removed_by_exec: true }
}

const fn process(name: &'static str, children: &'static [Child]) -> Variable {
    Variable { name, setter: Setter::Process, is_secret: false, fact: name, children, is_removed_by_exec: false }
}

const fn others(name: &'static str) -> Variable {
    Variable { name, setter: Setter::Others, is_secret: false, fact: name, children: &[], is_removed_by_exec: true }
}

impl Variable {
    const fn says(self, fact: &'static str) -> Self {
        Self { fact, ..self }
    }

    /// A secret that no file holds: the CI system's runner makes it for one job.
    const fn secret(self) -> Self {
        Self { is_secret: true, is_removed_by_exec: true, ..self }
    }

    const fn removed_by_exec(self) -> Self {
        Self { is_removed_by_exec: true, ..self }
    }

    /// The key's name in an identity's table, in upper case.
    pub(crate) fn in_table(&self) -> Option<String> {
        (self.setter == Setter::Identity).then(|| {
            let file = if self.is_secret { "_FILE" } else { "" };
            format!("{}{file}", self.name)
        })
    }
}

/// Those that a child gets.
pub(crate) fn of(child: Child) -> impl Iterator<Item = &'static str> {
    VARIABLES.iter().filter(move |variable| variable.children.contains(&child)).map(|variable| variable.name)
}

/// What a variable says, or the file of a secret.
pub(crate) fn fact(name: &str) -> Option<&'static str> {
    let file_of = name.strip_suffix("_FILE");
    let is_it = |variable: &&Variable| variable.name == name || variable.is_secret && file_of == Some(variable.name);
    VARIABLES.iter().find(is_it).map(|variable| variable.fact)
}

pub(crate) const VARIABLES: &[Variable] = &[
    // The identity.
    identity("IDP_TYPE", &[Carried]),
    // The SDKs do not agree on the name. What `exec` runs gets both from us.
    identity("AWS_REGION", &[Carried, S3]).says("the region").removed_by_exec(),
    process("AWS_DEFAULT_REGION", &[]).says("the region").removed_by_exec(),
    // The SDKs read it as well, beside a token file.
    identity("AWS_ROLE_ARN", &[Carried]).says("the exchange").removed_by_exec(),
    identity("CREDENTIAL_API_URL", &[Carried]).says("the exchange"),
    identity("AWS_ROLE_SESSION_NAME", &[Carried]),
    identity("AWS_ROLE_DURATION_SECONDS", &[Carried]),
    identity("AWS_ENDPOINT_URL", &[Carried, S3]),
    identity("AWS_ENDPOINT_URL_STS", &[Carried]),
    identity("AWS_ENDPOINT_URL_S3", &[Carried, S3]),
    identity("AWS_ENDPOINT_URL_SECRETS_MANAGER", &[]),
    identity("AWS_USE_FIPS_ENDPOINT", &[Carried, S3]),
    identity("AWS_USE_DUALSTACK_ENDPOINT", &[Carried, S3]),
    identity("S3_BUCKET", &[S3]),
    identity("S3_PATH_PREFIX", &[S3]),
    identity("QUERY_API_URL", &[]),
    identity("CREDVEND_CACHE_DIR", &[S3]),
    // Auth0.
    identity("AUTH0_DOMAIN", &[Carried]).says("Auth0's tenant"),
    identity("AUTH0_TOKEN_ENDPOINT", &[Carried]).says("Auth0's tenant"),
    identity("AUTH0_CLIENT_ID", &[Carried]),
    identity("AUTH0_AUDIENCE", &[Carried]),
    secret("AUTH0_CLIENT_SECRET", "Auth0's secret"),
    secret("AUTH0_PRIVATE_KEY", "Auth0's secret"),
    secret("AUTH0_CLIENT_SECRET_NEXT", "Auth0's next secret"),
    secret("AUTH0_PRIVATE_KEY_NEXT", "Auth0's next secret"),
    identity("AUTH0_PRIVATE_KEY_ID", &[Carried]),
    identity("AUTH0_CERTIFICATE_FILE", &[]),
    // Cognito.
    identity("COGNITO_DOMAIN", &[Carried]).says("Cognito's pool"),
    identity("COGNITO_TOKEN_ENDPOINT", &[Carried]).says("Cognito's pool"),
    identity("COGNITO_CLIENT_ID", &[Carried]),
    secret("COGNITO_CLIENT_SECRET", "Cognito's secret"),
    secret("COGNITO_CLIENT_SECRET_NEXT", "Cognito's next secret"),
    identity("COGNITO_RESOURCE_SERVER", &[Carried]),
    identity("COGNITO_SCOPES", &[Carried]),
    identity("COGNITO_CREDENTIAL_API_URL", &[Carried]),
    // Entra ID.
    identity("ENTRA_TENANT_ID", &[Carried]).says("Entra's tenant"),
    identity("ENTRA_TOKEN_ENDPOINT", &[Carried]).says("Entra's tenant"),
    identity("ENTRA_CLIENT_ID", &[Carried]),
    identity("ENTRA_SCOPE", &[Carried]),
    secret("ENTRA_CLIENT_SECRET", "Entra's secret"),
    secret("ENTRA_PRIVATE_KEY", "Entra's secret"),
    secret("ENTRA_CLIENT_SECRET_NEXT", "Entra's next secret"),
    secret("ENTRA_PRIVATE_KEY_NEXT", "Entra's next secret"),
    identity("ENTRA_PRIVATE_KEY_ID", &[Carried]),
    identity("ENTRA_CERTIFICATE_FILE", &[]),
    // GitHub Actions.
    identity("GITHUB_AUDIENCE", &[Carried]),
    process("ACTIONS_ID_TOKEN_REQUEST_URL", &[]).removed_by_exec(),
    process("ACTIONS_ID_TOKEN_REQUEST_TOKEN", &[]).secret(),
    // Any other issuer.
    identity("OIDC_ISSUER", &[Carried]).says("the OIDC issuer"),
    identity("OIDC_TOKEN_ENDPOINT", &[Carried]).says("the OIDC issuer"),
    identity("OIDC_TOKEN_ENDPOINT_AUTH_METHOD", &[Carried]),
    identity("OIDC_CLIENT_ID", &[Carried]),
    secret("OIDC_CLIENT_SECRET", "the OIDC secret"),
    secret("OIDC_PRIVATE_KEY", "the OIDC secret"),
    secret("OIDC_CLIENT_SECRET_NEXT", "the next OIDC secret"),
    secret("OIDC_PRIVATE_KEY_NEXT", "the next OIDC secret"),
    identity("OIDC_PRIVATE_KEY_ID", &[Carried]),
    identity("OIDC_CERTIFICATE_FILE", &[]),
    identity("OIDC_AUDIENCE", &[Carried]),
    identity("OIDC_RESOURCE", &[Carried]),
    identity("OIDC_SCOPES", &[Carried]),
    identity("OIDC_TOKEN_FILE", &[]),
    // The machine's way out. Either case of letters says the same, and ALL_PROXY does what HTTPS_PROXY does.
    process("HTTPS_PROXY", &[S3, Mentioned]).says("the proxy"),
    process("https_proxy", &[S3, Mentioned]).says("the proxy"),
    process("ALL_PROXY", &[S3, Mentioned]).says("the proxy"),
    process("all_proxy", &[S3, Mentioned]).says("the proxy"),
    process("NO_PROXY", &[S3, Mentioned]).says("hosts without proxy"),
    process("no_proxy", &[S3, Mentioned]).says("hosts without proxy"),
    process("SSL_CERT_FILE", &[S3, Mentioned]),
    process("AWS_CA_BUNDLE", &[S3, Mentioned]),
    // The machine's folders.
    process("CREDENTIALS_DIRECTORY", &[]),
    process("CACHE_DIRECTORY", &[]),
    process("XDG_CACHE_HOME", &[]),
    process("TMPDIR", &[S3]),
    process("HOME", &[Hook]),
    // A hook gets neither secrets nor this process's place under systemd.
    process("PATH", &[Hook]),
    process("USER", &[Hook]),
    process("LOGNAME", &[Hook]),
    process("SHELL", &[Hook]),
    process("LANG", &[Hook]),
    process("LC_ALL", &[Hook]),
    process("TZ", &[Hook]),
    process("XDG_RUNTIME_DIR", &[Hook]),
    process("DBUS_SESSION_BUS_ADDRESS", &[Hook]),
    // Other ways to credentials.
    others("AWS_ACCESS_KEY_ID"),
    others("AWS_SECRET_ACCESS_KEY"),
    others("AWS_SESSION_TOKEN"),
    // Older names: boto3 prefers this token to the other one, the Go and Java SDKs these keys to the endpoint.
    others("AWS_SECURITY_TOKEN"),
    others("AWS_ACCESS_KEY"),
    others("AWS_SECRET_KEY"),
    others("AWS_CREDENTIAL_EXPIRATION"),
    others("AWS_ACCOUNT_ID"),
    others("AWS_PROFILE"),
    others("AWS_DEFAULT_PROFILE"),
    others("AWS_WEB_IDENTITY_TOKEN_FILE"),
    others("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
    others("AWS_CONTAINER_CREDENTIALS_FULL_URI"),
    others("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
    others("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_variable_stands_here_once() {
        let mut seen = HashSet::new();
        for variable in VARIABLES {
            assert!(seen.insert(variable.name), "{}", variable.name);
        }
    }

    /// In full, or as the end of a family's names: `…_PRIVATE_KEY_FILE`.
    fn is_named(variable: &Variable, text: &str) -> bool {
        let name = variable.in_table().unwrap_or_default();
        let family = name.find('_').map(|end| format!("…{}", &name[end..])).unwrap_or_default();
        let is_next = variable.name.ends_with("_NEXT");
        text.contains(variable.name) || text.contains(&family) || is_next && text.contains("…_NEXT")
    }

    /// Words that look like a variable of this program.
    fn words(text: &str) -> impl Iterator<Item = &str> {
        let words = text.split(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'));
        words.filter(|word| word.contains('_') && word.starts_with(|c: char| c.is_ascii_uppercase()))
    }

    fn every_variable_is_named(text: &str) {
        for variable in VARIABLES.iter().filter(|variable| variable.setter == Setter::Identity) {
            assert!(is_named(variable, text), "{} is missing", variable.name);
        }
        for name in ["HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "AWS_CA_BUNDLE"] {
            assert!(text.contains(name), "{name} is missing");
        }
    }

    #[test]
    fn the_help_names_every_variable_and_no_other() {
        let help = crate::cli::ENVIRONMENT;
        every_variable_is_named(help);
        for word in words(help) {
            assert!(fact(word).is_some(), "{word} is in the help and not in the table");
        }
    }

    #[test]
    fn the_docs_name_every_variable() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/client.md");
        every_variable_is_named(&std::fs::read_to_string(path).unwrap());
    }
}
