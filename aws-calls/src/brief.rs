//! An error of the SDK in a few words.

use std::error::Error;
use std::fmt;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_transport::{ProxyFailure, causes};

/// What went wrong in a call, short enough for an error message and without anything that the service wrote.
#[must_use]
pub fn brief<E, R>(error: &SdkError<E, R>) -> String
where
    E: Error + 'static,
    R: fmt::Debug + 'static,
    SdkError<E, R>: ProvideErrorMetadata,
{
    // Before the lack of credentials, which the proxy may be the cause of. Its address is not for everyone: `/ready`
    // shows these words to every caller.
    match ProxyFailure::find(error) {
        Some(ProxyFailure::Authentication(_)) => {
            return "the proxy in HTTPS_PROXY refused its user name and password (407)".to_owned();
        }
        Some(ProxyFailure::Unusable { .. }) => return "the proxy in HTTPS_PROXY cannot be used".to_owned(),
        None => {}
    }
    if causes(error).any(<dyn Error>::is::<CredentialsError>) {
        return "the service has no credentials of its own: neither the environment nor web identity, container endpoint \
                or instance metadata gave any"
            .to_owned();
    }
    match error {
        SdkError::TimeoutError(_) => "timed out".to_owned(),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => "timed out".to_owned(),
        SdkError::DispatchFailure(_) => "unreachable".to_owned(),
        SdkError::ConstructionFailure(_) => "the request could not be built".to_owned(),
        SdkError::ServiceError(_) => {
            error.code().filter(|code| is_error_code(code)).unwrap_or("an error without a code").to_owned()
        }
        _ => "a response that could not be understood".to_owned(),
    }
}

fn is_error_code(code: &str) -> bool {
    code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
}
