//! The user pool: what its app clients may ask for.

use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::error::ProvideErrorMetadata as _;

use crate::aws::AwsError;
use crate::clients::Context;
use crate::error::Error;

/// The scopes that the app client is allowed; `None` where the pool has no such client.
pub(crate) async fn allowed_scopes(context: &Context, client_id: &str) -> Result<Option<Vec<String>>, Error> {
    let pool = context.governed.user_pool_id()?;
    let call = Client::new(&context.aws).describe_user_pool_client().user_pool_id(pool).client_id(client_id);
    match call.send().await {
        Ok(found) => {
            Ok(Some(found.user_pool_client.and_then(|client| client.allowed_o_auth_scopes).unwrap_or_default()))
        }
        // An id that no client can have is refused as a parameter.
        Err(error) if matches!(error.code(), Some("ResourceNotFoundException" | "InvalidParameterException")) => {
            Ok(None)
        }
        Err(error) => Err(AwsError::new("cognito-idp:DescribeUserPoolClient", &error).into()),
    }
}
