//! Exchanging the token for AWS credentials.

pub(crate) mod error;
pub(crate) mod sts_response;
pub(crate) mod vending_api;
pub(crate) mod web_identity;

use http_client::Endpoint;

use self::error::ExchangeError;
use self::vending_api::VendingApi;
use self::web_identity::WebIdentity;
use crate::access_token::AccessToken;
use crate::credentials::Credentials;
use crate::freshness::call::Call;
use crate::idp::IdpType;
use environment::Variables;

/// Who takes the token.
pub(crate) enum Exchange {
    VendingApi(VendingApi),
    WebIdentity(WebIdentity),
}

impl Exchange {
    /// Cognito's tokens go to the vending API, since STS does not take them; of the others, what is set decides.
    pub(crate) fn from_env(idp_type: IdpType, client_id: Option<&str>, variables: &Variables<'_>) -> Option<Self> {
        const ROLE: &str = "AWS_ROLE_ARN";
        const API: &str = "CREDENTIAL_API_URL";
        if idp_type == IdpType::Cognito {
            return VendingApi::from_env(variables, "COGNITO_CREDENTIAL_API_URL").map(Self::VendingApi);
        }
        match (variables.optional(ROLE), variables.optional(API)) {
            (Some(_), Some(_)) => {
                let problem = "set as well as AWS_ROLE_ARN: a token is exchanged either by the vending API or by STS";
                variables.fault(API, problem);
                None
            }
            (None, Some(_)) => VendingApi::from_env(variables, API).map(Self::VendingApi),
            (Some(role), None) => WebIdentity::from_env(variables, &role, client_id).map(Self::WebIdentity),
            (None, None) => {
                let example = "arn:aws:iam::123456789012:role/web-01";
                variables
                    .missing(ROLE, format_args!("for example `{example}`; or CREDENTIAL_API_URL, the vending API"));
                // What the role would need as well, so that it is not missed only when the role is there.
                if variables.aws_endpoint("STS").is_none() {
                    variables.required("AWS_REGION", "eu-west-1");
                }
                None
            }
        }
    }

    pub(crate) async fn credentials(
        &self,
        token: &AccessToken,
        call: &mut Call<'_>,
    ) -> Result<Credentials, ExchangeError> {
        match self {
            Self::VendingApi(api) => Ok(api.vend(token, call).await?.credentials),
            Self::WebIdentity(sts) => Ok(sts.assume_role(token, call).await?.credentials),
        }
    }

    /// Known beforehand only where this side names the role.
    pub(crate) fn role_arn(&self) -> Option<String> {
        match self {
            Self::VendingApi(_) => None,
            Self::WebIdentity(sts) => Some(sts.role_arn.to_string()),
        }
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        match self {
            Self::VendingApi(api) => &api.endpoint,
            Self::WebIdentity(sts) => &sts.endpoint,
        }
    }

    /// All that tells this exchange from another one.
    pub(crate) fn identity(&self) -> Vec<String> {
        match self {
            Self::VendingApi(api) => vec![api.endpoint.as_str().to_owned()],
            Self::WebIdentity(sts) => sts.identity(),
        }
    }
}
