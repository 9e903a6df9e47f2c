//! The service's own credentials: from the environment, or from what the SDK's chain finds and refreshes.

use std::net::IpAddr;

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::web_identity_token::{StaticConfiguration, WebIdentityTokenCredentialsProvider};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_transport::LoopbackFirst;
use environment::{Endpoint, RoleArn, Variables};

const ACCESS_KEY_ID: &str = "AWS_ACCESS_KEY_ID";
const SECRET_ACCESS_KEY: &str = "AWS_SECRET_ACCESS_KEY";
const SESSION_TOKEN: &str = "AWS_SESSION_TOKEN";
const CONTAINER_URI: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const CONTAINER_RELATIVE_URI: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
const CONTAINER_TOKEN_FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
const WEB_IDENTITY_TOKEN_FILE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";
const INSTANCE_METADATA: &str = "AWS_EC2_METADATA_SERVICE_ENDPOINT";

/// The SDK reads these by itself, and as they are.
const READ_BY_THE_SDK: [&str; 9] = [
    CONTAINER_URI,
    CONTAINER_RELATIVE_URI,
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    CONTAINER_TOKEN_FILE,
    INSTANCE_METADATA,
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_STS",
];

/// Link-local services for credentials, which plain http is accepted for beside loopback: ECS, EKS Pod Identity, IMDS.
const CREDENTIAL_SERVICES: [&str; 5] =
    ["169.254.170.2", "169.254.170.23", "fd00:ec2::23", "169.254.169.254", "fd00:ec2::254"];

/// Where the service's own credentials come from.
pub(crate) enum OwnCredentials {
    /// The environment. They are never refreshed: Lambda starts a new process before they expire.
    Environment(Credentials),
    /// A token that is exchanged at STS (EKS: IRSA).
    WebIdentity(StaticConfiguration),
    /// An endpoint beside the container: of ECS, of EKS Pod Identity, and of Lambda with `SnapStart`, where a
    /// snapshot outlives the credentials of the environment.
    Container,
    /// The instance's metadata (`IMDSv2`).
    Instance,
}

impl OwnCredentials {
    /// Decides where they come from; faults are noted in `variables`.
    pub(crate) fn from_env(variables: &Variables<'_>, program: &str) -> Option<Self> {
        let in_lambda = variables.is_set("AWS_LAMBDA_RUNTIME_API");
        let has_container = variables.is_set(CONTAINER_URI) || variables.is_set(CONTAINER_RELATIVE_URI);
        let has_keys = [ACCESS_KEY_ID, SECRET_ACCESS_KEY, SESSION_TOKEN].iter().any(|name| variables.is_set(name));
        if has_keys || (in_lambda && !has_container) {
            return from_environment(variables).map(Self::Environment);
        }
        for name in READ_BY_THE_SDK {
            variables.untouched(name);
        }
        variables.regular_file(CONTAINER_TOKEN_FILE);
        for name in [CONTAINER_URI, INSTANCE_METADATA] {
            if let Some(value) = variables.optional(name)
                && !is_credential_service(&value)
            {
                let problem = "neither an https URL nor one of loopback or of a link-local service for credentials";
                variables.fault(name, format_args!("{problem}, for example `http://169.254.170.23/v1/credentials`"));
            }
        }
        match (variables.is_set(WEB_IDENTITY_TOKEN_FILE) && !in_lambda, has_container) {
            (true, _) => web_identity(variables, program).map(Self::WebIdentity),
            (false, true) => Some(Self::Container),
            (false, false) => Some(Self::Instance),
        }
    }

    /// Nothing is asked before the first call of AWS needs credentials.
    pub(crate) fn provider(self, config: &ProviderConfig) -> SharedCredentialsProvider {
        match self {
            Self::Environment(credentials) => SharedCredentialsProvider::new(credentials),
            Self::WebIdentity(settings) => {
                let provider = WebIdentityTokenCredentialsProvider::builder().configure(config);
                SharedCredentialsProvider::new(provider.static_configuration(settings).build())
            }
            Self::Container => {
                let provider = EcsCredentialsProvider::builder().configure(config).dns(LoopbackFirst);
                SharedCredentialsProvider::new(provider.build())
            }
            Self::Instance => {
                SharedCredentialsProvider::new(ImdsCredentialsProvider::builder().configure(config).build())
            }
        }
    }
}

fn from_environment(variables: &Variables<'_>) -> Option<Credentials> {
    let access_key_id = variables.required(ACCESS_KEY_ID, "ASIA… (set by Lambda itself)");
    let secret_access_key = variables.required(SECRET_ACCESS_KEY, "… (set by Lambda itself)");
    let session_token = variables.optional(SESSION_TOKEN);
    Some(Credentials::new(access_key_id?, secret_access_key?, session_token, None, "environment"))
}

fn web_identity(variables: &Variables<'_>, program: &str) -> Option<StaticConfiguration> {
    let token_file = variables.optional(WEB_IDENTITY_TOKEN_FILE);
    variables.regular_file(WEB_IDENTITY_TOKEN_FILE);
    let role_arn = variables.required("AWS_ROLE_ARN", &format!("arn:aws:iam::123456789012:role/{program}"));
    if role_arn.as_deref().is_some_and(|arn| RoleArn::parse(arn).is_none()) {
        variables.fault("AWS_ROLE_ARN", "not the ARN of a role, for example `arn:aws:iam::123456789012:role/a`");
    }
    Some(StaticConfiguration {
        web_identity_token_file: token_file?.into(),
        role_arn: role_arn?,
        session_name: variables.optional("AWS_ROLE_SESSION_NAME").unwrap_or_else(|| program.to_owned()),
    })
}

fn is_credential_service(url: &str) -> bool {
    if Endpoint::parse(url).is_ok() {
        return true;
    }
    let Some(authority) = url.strip_prefix("http://").and_then(|rest| rest.split(['/', '?']).next()) else {
        return false;
    };
    let host = authority.strip_prefix('[').and_then(|rest| rest.split(']').next());
    let host = host.unwrap_or_else(|| authority.split(':').next().unwrap_or_default());
    let address = host.parse::<IpAddr>();
    address.is_ok_and(|address| CREDENTIAL_SERVICES.iter().any(|known| known.parse() == Ok(address)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<&'static str, String> {
        let lookup = |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let variables = Variables::new(&lookup);
        let found = OwnCredentials::from_env(&variables, "vending-lambda");
        variables.finish(found).map_err(|error| error.to_string()).map(|found| match found {
            OwnCredentials::Environment(_) => "environment",
            OwnCredentials::WebIdentity(_) => "web identity",
            OwnCredentials::Container => "container",
            OwnCredentials::Instance => "instance",
        })
    }

    const LAMBDA: (&str, &str) = ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001");
    const KEYS: [(&str, &str); 2] = [(ACCESS_KEY_ID, "AKIA\n"), (SECRET_ACCESS_KEY, "s\r\n")];
    const CONTAINER: (&str, &str) = (CONTAINER_URI, "http://127.0.0.1:1/credentials");
    const TOKEN_FILE: (&str, &str) = (WEB_IDENTITY_TOKEN_FILE, "/var/run/token");
    const ROLE: (&str, &str) = ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/a");

    #[test]
    fn where_they_come_from() {
        for (pairs, source) in [
            (&KEYS[..], "environment"),
            (&[KEYS[0], KEYS[1], CONTAINER, LAMBDA][..], "environment"),
            (&[KEYS[0], KEYS[1], TOKEN_FILE][..], "environment"),
            (&[CONTAINER, LAMBDA][..], "container"),
            (&[CONTAINER][..], "container"),
            (&[(CONTAINER_URI, "http://169.254.170.23/v1/credentials")][..], "container"),
            (&[(CONTAINER_URI, "http://[fd00:ec2::23]/v1/credentials")][..], "container"),
            (&[(CONTAINER_RELATIVE_URI, "/v2/a")][..], "container"),
            (&[TOKEN_FILE, ROLE][..], "web identity"),
            (&[][..], "instance"),
            (&[TOKEN_FILE, ROLE, CONTAINER][..], "web identity"),
            (&[TOKEN_FILE, ROLE, CONTAINER, LAMBDA][..], "container"),
        ] {
            assert_eq!(read(pairs), Ok(source), "{pairs:?}");
        }
    }

    #[test]
    fn what_can_never_work() {
        for (pairs, named) in [
            (&[LAMBDA][..], ACCESS_KEY_ID),
            (&[KEYS[0]][..], SECRET_ACCESS_KEY),
            (&[(SESSION_TOKEN, "a")][..], ACCESS_KEY_ID),
            (&[(ACCESS_KEY_ID, "AK\nIA"), KEYS[1]][..], ACCESS_KEY_ID),
            (&[(CONTAINER_URI, "http://192.0.2.2/credentials")][..], CONTAINER_URI),
            (&[(CONTAINER_URI, "http://169.254.170.2.evil.example/")][..], CONTAINER_URI),
            (&[(CONTAINER_URI, "http://127.0.0.1:1/credentials\n")][..], CONTAINER_URI),
            (&[(INSTANCE_METADATA, "http://192.0.2.2/")][..], INSTANCE_METADATA),
            (&[CONTAINER, (CONTAINER_RELATIVE_URI, "")][..], CONTAINER_RELATIVE_URI),
            (&[TOKEN_FILE][..], "AWS_ROLE_ARN"),
            (&[TOKEN_FILE, ("AWS_ROLE_ARN", "a")][..], "AWS_ROLE_ARN"),
        ] {
            assert!(read(pairs).is_err_and(|error| error.contains(named)), "{pairs:?}");
        }
    }
}
