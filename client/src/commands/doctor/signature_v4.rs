//! AWS Signature Version 4: the doctor is the one command that calls AWS with the credentials it got.

use std::time::SystemTime;

use aws_credential_types::Credentials as Identity;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
};
use aws_sigv4::sign::v4::SigningParams;
use http_client::Request;

use crate::credentials::Credentials;

/// Why a request could not be signed. Its parts come from the configuration, so that is what is wrong.
#[derive(Debug, thiserror::Error)]
#[error("the request cannot be signed: {0}")]
pub(super) struct SignatureError(String);

/// A service of AWS, as signatures name it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    Sts,
    S3,
}

/// The request with its signature.
pub(super) fn sign(
    request: Request,
    service: Service,
    region: &str,
    credentials: &Credentials,
    now: SystemTime,
) -> Result<Request, SignatureError> {
    let failed = |error: &dyn std::fmt::Display| SignatureError(error.to_string());
    let (secret, session) = (credentials.secret_access_key.expose(), credentials.session_token.expose());
    let identity = Identity::new(&credentials.access_key_id, secret, Some(session.to_owned()), None, "credvend").into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(if service == Service::S3 { "s3" } else { "sts" })
        .time(now)
        .settings(settings(service))
        .build()
        .map_err(|error| failed(&error))?
        .into();
    let signed = {
        let (content_type, body) = request.body().unzip();
        let headers =
            content_type.map(|content_type| ("content-type", content_type)).into_iter().chain(request.more_headers());
        let body = SignableBody::Bytes(body.unwrap_or_default());
        let signable = SignableRequest::new(request.method(), request.endpoint().as_str(), headers, body);
        let signable = signable.map_err(|error| failed(&error))?;
        aws_sigv4::http_request::sign(signable, &params).map_err(|error| failed(&error))?.into_parts().0
    };
    Ok(signed.headers().fold(request, |request, (name, value)| match name {
        "authorization" => request.authorization(value),
        _ => request.header(name, value),
    }))
}

/// Signature Version 4 of S3 differs: the path is taken as it is, and the body's digest goes along.
fn settings(service: Service) -> SigningSettings {
    let mut settings = SigningSettings::default();
    if service == Service::S3 {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    }
    settings
}
