//! AWS Signature Version 4, for the commands that call AWS with the credentials they got: the doctor and `secret`.

use std::time::SystemTime;

use aws_credential_types::Credentials as Identity;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
};
use aws_sigv4::sign::v4::SigningParams;
use http_client::Request;

use crate::credentials::Credentials;
use crate::secret::Secret;

/// Why a request could not be signed. Its parts come from the configuration, so that is what is wrong.
#[derive(Debug, thiserror::Error)]
#[error("the request cannot be signed: {0}")]
pub(crate) struct SignatureError(String);

/// A service of AWS, as signatures name it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    Sts,
    S3,
    SecretsManager,
}

/// What a request is signed with. A user's long-lived keys have no session token.
#[derive(Clone, Copy)]
pub(crate) struct SigningKeys<'a> {
    pub(crate) access_key_id: &'a str,
    pub(crate) secret_access_key: &'a Secret,
    pub(crate) session_token: Option<&'a Secret>,
}

impl<'a> From<&'a Credentials> for SigningKeys<'a> {
    fn from(credentials: &'a Credentials) -> Self {
        Self {
            access_key_id: &credentials.access_key_id,
            secret_access_key: &credentials.secret_access_key,
            session_token: Some(&credentials.session_token),
        }
    }
}

impl Service {
    fn name(self) -> &'static str {
        match self {
            Self::Sts => "sts",
            Self::S3 => "s3",
            Self::SecretsManager => "secretsmanager",
        }
    }
}

/// The request with its signature.
pub(crate) fn sign(
    request: Request,
    service: Service,
    region: &str,
    keys: SigningKeys<'_>,
    now: SystemTime,
) -> Result<Request, SignatureError> {
    let failed = |error: &dyn std::fmt::Display| SignatureError(error.to_string());
    let session = keys.session_token.map(|token| token.expose().to_owned());
    let identity = Identity::new(keys.access_key_id, keys.secret_access_key.expose(), session, None, "credvend").into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service.name())
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
