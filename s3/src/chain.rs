//! What an error of the SDK's chain of credentials means to the caller. The SDK tells the links apart by type only where
//! it must; the rest is read from its messages, whose wording the tests in `tests/it/s3/credentials.rs` check.

use std::error::Error as StdError;
use std::io;

use aws_config::imds::client::error::ImdsError;
use aws_credential_types::provider::error::CredentialsError as ProviderError;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_transport::{ProxyFailure, causes};

use crate::kind::Kind;

/// aws-config, `credential_process.rs`.
const PROCESS_ENDED: &str = "external process exited with code exit status: ";
/// aws-config, `http_credential_provider.rs`: what stands behind it is `StatusCode(403)`.
const ENDPOINT_STATUS: &str = "Non-success status from HTTP credential provider: ";

/// Unavailable only where waiting may help.
pub(crate) fn kind(error: &ProviderError) -> Kind {
    if let Some(failure) = ProxyFailure::find(error) {
        return Kind::of_proxy(&failure);
    }
    if let Some(kind) = causes(error).find_map(kind_of_cause) {
        return kind;
    }
    let innermost = causes(error).filter_map(|cause| cause.downcast_ref::<ProviderError>()).last();
    match innermost.unwrap_or(error) {
        ProviderError::ProviderTimedOut(_) => Kind::Unavailable,
        // No such profile, a file or a response that cannot be read: only a change helps.
        _ => Kind::Configuration,
    }
}

fn kind_of_cause(cause: &(dyn StdError + 'static)) -> Option<Kind> {
    if let Some(error) = cause.downcast_ref::<SdkError<AssumeRoleWithWebIdentityError, HttpResponse>>() {
        return kind_of_sts(error);
    }
    if let Some(error) = cause.downcast_ref::<SdkError<AssumeRoleError, HttpResponse>>() {
        return kind_of_sts(error);
    }
    if let Some(ImdsError::ErrorResponse(context)) = cause.downcast_ref::<ImdsError>() {
        return Some(kind_of_status(context.response().status().as_u16()));
    }
    if cause.is::<ConnectorError>() {
        return Some(Kind::Unavailable);
    }
    if let Some(error) = cause.downcast_ref::<io::Error>() {
        let is_of_a_file = matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied);
        return is_of_a_file.then_some(Kind::Configuration);
    }
    kind_of_words(&cause.to_string())
}

fn kind_of_sts<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<Kind> {
    // Without a response it is the connection's fault, which is found further down.
    let status = error.raw_response()?.status().as_u16();
    Some(match error.code() {
        // AWS STS API Reference, AssumeRoleWithWebIdentity, "Errors".
        Some("IDPCommunicationError" | "Throttling" | "ThrottlingException" | "RequestLimitExceeded") => {
            Kind::Unavailable
        }
        Some("InvalidIdentityToken" | "ExpiredTokenException" | "ExpiredToken" | "IDPRejectedClaim") => Kind::Refused,
        _ => kind_of_status(status),
    })
}

fn kind_of_status(status: u16) -> Kind {
    match status {
        401 | 403 => Kind::Refused,
        408 | 429 | 500.. => Kind::Unavailable,
        _ => Kind::Configuration,
    }
}

fn kind_of_words(words: &str) -> Option<Kind> {
    let number_after = |beginning: &str| {
        let rest = words.strip_prefix(beginning).or_else(|| words.split_once(beginning).map(|(_, rest)| rest))?;
        let digits = rest.trim_start_matches("StatusCode(");
        digits[..digits.find(|letter: char| !letter.is_ascii_digit())?].parse::<u16>().ok()
    };
    if let Some(code) = number_after(PROCESS_ENDED) {
        return Some(Kind::of_exit_code(Some(code.into())));
    }
    number_after(ENDPOINT_STATUS).map(kind_of_status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_sdk() {
        for (words, kind) in [
            (
                "Error retrieving credentials: external process exited with code exit status: 3. Stderr: x",
                Kind::Refused,
            ),
            (
                "Error retrieving credentials: external process exited with code exit status: 4. Stderr: ",
                Kind::Unavailable,
            ),
            (
                "Error retrieving credentials: external process exited with code exit status: 1. Stderr: ",
                Kind::Configuration,
            ),
            ("Error: external process exited with code exit status: 127. Stderr: sh: 3: x", Kind::Configuration),
            ("Non-success status from HTTP credential provider: StatusCode(403)", Kind::Refused),
            ("Non-success status from HTTP credential provider: StatusCode(502)", Kind::Unavailable),
            ("Non-success status from HTTP credential provider: StatusCode(404)", Kind::Configuration),
        ] {
            assert_eq!(kind_of_words(words), Some(kind), "{words}");
        }
        assert_eq!(kind_of_words("external process exited with code signal: 9 (SIGKILL). Stderr: "), None);
    }

    #[test]
    fn a_file_that_is_missing_is_no_outage() {
        for (error, expected) in [
            (ProviderError::provider_error(io::Error::from(io::ErrorKind::NotFound)), Kind::Configuration),
            (ProviderError::provider_error(io::Error::from(io::ErrorKind::PermissionDenied)), Kind::Configuration),
            (ProviderError::invalid_configuration("no such profile"), Kind::Configuration),
            (ProviderError::provider_timed_out(std::time::Duration::from_secs(5)), Kind::Unavailable),
            (ProviderError::provider_error(ConnectorError::io("refused".into())), Kind::Unavailable),
            (ProviderError::provider_error(ProviderError::unhandled("not UTF-8")), Kind::Configuration),
        ] {
            assert_eq!(kind(&error), expected, "{error:?}");
        }
    }
}
