//! Why a request to S3 failed, in the words of the person who has to deal with it.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_transport::{ProxyFailure, causes};

use crate::credentials::CredentialsError;
use crate::key::PathPrefix;
use crate::kind::Kind;
use crate::response::{self, MAX_RETRY_AFTER, NotS3};

const MAX_QUOTED: usize = 300;

/// A request that failed for good: the SDK has retried where that made sense.
#[derive(Debug)]
pub(crate) struct RequestError {
    /// For example "upload `s3://bucket/key`".
    attempt: String,
    failure: Failure,
    hint: String,
}

/// What went wrong.
#[derive(Debug)]
enum Failure {
    Response(ErrorResponse),
    NotS3(NotS3),
    NoCredentials(CredentialsError),
    Proxy(ProxyFailure),
    Connection(String),
    Timeout,
    Malformed(String),
}

/// A response that reports an error.
#[derive(Debug, Default)]
struct ErrorResponse {
    status: u16,
    /// S3's own. Empty: the response is not S3's.
    code: String,
    message: String,
    /// Set only where it is longer than this program waits.
    retry_after: Option<Duration>,
    refuses_checksum: bool,
}

impl RequestError {
    /// `action` is a verb of IAM's, such as `s3:PutObject`; `attempt` a verb and its object.
    pub(crate) fn new<E>(attempt: String, action: &str, prefix: &PathPrefix, error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        let failure = Failure::of(error);
        let hint = failure.hint(action, prefix);
        Self { attempt, failure, hint }
    }

    /// A response whose content cannot be used.
    pub(crate) fn malformed(attempt: String, problem: &str) -> Self {
        Self { attempt, failure: Failure::Malformed(problem.to_owned()), hint: String::new() }
    }

    /// A response that is not S3's.
    pub(crate) fn not_s3(attempt: String, problem: NotS3) -> Self {
        Self { attempt, failure: Failure::NotS3(problem), hint: WRONG_SERVER.to_owned() }
    }

    /// A body that broke off.
    pub(crate) fn broken_off(attempt: String, error: &(dyn StdError + 'static)) -> Self {
        Self { attempt, failure: Failure::Connection(innermost(error)), hint: String::new() }
    }

    /// Adds the hint of a request with a checksum header, which other servers than AWS's may not know.
    #[must_use]
    pub(crate) fn with_checksum_header(mut self) -> Self {
        if let Failure::Response(status) = &mut self.failure
            && status.may_be_about_checksums()
        {
            status.refuses_checksum = true;
            "this S3 may not know the checksum header: try `--checksum none`".clone_into(&mut self.hint);
        }
        self
    }

    /// Adds the hint of a completion that may have succeeded while the identity must not look at the object.
    #[must_use]
    pub(crate) fn undecided(mut self) -> Self {
        "S3 may have the object all the same, and looking needs s3:GetObject: upload again".clone_into(&mut self.hint);
        self
    }

    pub(crate) fn kind(&self) -> Kind {
        match &self.failure {
            Failure::Response(status) => status.kind(),
            Failure::NotS3(_) | Failure::Connection(_) | Failure::Timeout | Failure::Malformed(_) => Kind::Unavailable,
            Failure::NoCredentials(error) => error.kind(),
            Failure::Proxy(failure) => Kind::of_proxy(failure),
        }
    }

    /// Whether another object would meet it as well.
    pub(crate) fn concerns_all_objects(&self) -> bool {
        match &self.failure {
            Failure::Response(ErrorResponse { status: 412, .. }) => false,
            Failure::Response(ErrorResponse { code, .. }) if is_damage(code) || code == ARCHIVED => false,
            Failure::Response(
                ErrorResponse { status: 300..400 | 501, .. } | ErrorResponse { refuses_checksum: true, .. },
            ) => true,
            Failure::Response(ErrorResponse { code, .. }) if code == "NoSuchBucket" || is_elsewhere(code) => true,
            _ => self.kind() != Kind::Configuration,
        }
    }

    /// The upload is unknown: completed, aborted, or cleaned away by a lifecycle rule.
    pub(crate) fn is_no_such_upload(&self) -> bool {
        matches!(&self.failure, Failure::Response(ErrorResponse { code, .. }) if code == NO_SUCH_UPLOAD)
    }

    /// Whether S3 may have carried out the request all the same, because its response, or the one to an earlier attempt of
    /// the SDK, was lost.
    pub(crate) fn leaves_open(&self) -> bool {
        match &self.failure {
            Failure::Response(status) => status.code == NO_SUCH_UPLOAD || status.kind() == Kind::Unavailable,
            Failure::NotS3(_) | Failure::Connection(_) | Failure::Timeout | Failure::Malformed(_) => true,
            // No request has passed such a proxy.
            Failure::NoCredentials(_) | Failure::Proxy(_) => false,
        }
    }

    /// Whether S3 has checked the parts of an upload and refuses to make an object of them.
    pub(crate) fn is_of_the_parts(&self) -> bool {
        let is_it =
            |code: &str| is_damage(code) || matches!(code, "InvalidPart" | "InvalidPartOrder" | "EntityTooSmall");
        matches!(&self.failure, Failure::Response(ErrorResponse { code, .. }) if is_it(code))
    }

    /// Whether the error has a code of S3's, so that it is S3 that has answered.
    pub(crate) fn is_from_s3(&self) -> bool {
        matches!(&self.failure, Failure::Response(ErrorResponse { code, .. }) if !code.is_empty())
    }
}

/// Amazon S3 API Reference, `GetObject`: a 403 that no permission helps against.
const ARCHIVED: &str = "InvalidObjectState";
const NO_SUCH_UPLOAD: &str = "NoSuchUpload";
const WRONG_SERVER: &str = "is AWS_ENDPOINT_URL_S3 right, and does this network ask for a log-in first?";

fn is_elsewhere(code: &str) -> bool {
    matches!(code, "AuthorizationHeaderMalformed" | "PermanentRedirect" | "IllegalLocationConstraintException")
}

fn is_refusal(code: &str) -> bool {
    matches!(code, "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired" | "RequestExpired")
}

fn is_damage(code: &str) -> bool {
    matches!(code, "BadDigest" | "XAmzContentSHA256Mismatch" | "XAmzContentChecksumMismatch" | "IncompleteBody")
}

impl Failure {
    fn of<E>(error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        if let Some(credentials) = CredentialsError::find(&error) {
            return Self::NoCredentials(credentials);
        }
        if let Some(failure) = ProxyFailure::find(&error) {
            return Self::Proxy(failure);
        }
        match error {
            SdkError::TimeoutError(_) => Self::Timeout,
            SdkError::DispatchFailure(failure) if failure.is_timeout() => Self::Timeout,
            SdkError::DispatchFailure(failure) => {
                Self::Connection(failure.as_connector_error().map_or_else(String::new, |error| innermost(error)))
            }
            SdkError::ServiceError(context) => Self::Response(ErrorResponse {
                code: printable(context.err().code().unwrap_or_default()),
                message: printable(context.err().message().unwrap_or_default()),
                ..ErrorResponse::of(context.raw())
            }),
            SdkError::ResponseError(context) => {
                Self::of_unreadable(&SdkError::<E, HttpResponse>::ResponseError(context))
            }
            other => Self::Malformed(innermost(&other)),
        }
    }

    /// A response that the SDK could not read.
    fn of_unreadable<E: StdError + 'static>(error: &SdkError<E, HttpResponse>) -> Self {
        if let Some(raw) = error.raw_response() {
            if let Some(code) = response::error_in_success(raw) {
                return Self::Response(ErrorResponse { code: printable(&code), ..ErrorResponse::of(raw) });
            }
            // A 5xx of a proxy comes with a page of HTML.
            if !raw.status().is_success() {
                return Self::Response(ErrorResponse::of(raw));
            }
        }
        match causes(error).find_map(|cause| cause.downcast_ref::<NotS3>()) {
            Some(problem) => Self::NotS3(*problem),
            None => Self::Malformed(innermost(error)),
        }
    }

    fn hint(&self, action: &str, prefix: &PathPrefix) -> String {
        match self {
            Self::Response(status) => status.hint(action, prefix),
            Self::NotS3(_) => WRONG_SERVER.to_owned(),
            _ => String::new(),
        }
    }
}

impl ErrorResponse {
    fn of(raw: &HttpResponse) -> Self {
        let retry_after = response::retry_after(raw).filter(|wait| *wait > MAX_RETRY_AFTER);
        Self { status: raw.status().as_u16(), retry_after, ..Self::default() }
    }

    fn kind(&self) -> Kind {
        let Self { status, code, .. } = self;
        match (status, code.as_str()) {
            (_, ARCHIVED) => Kind::Configuration,
            (401 | 403, _) => Kind::Refused,
            // S3 responds to an expired or unknown token with 400.
            (_, code) if is_refusal(code) => Kind::Refused,
            (_, code) if is_damage(code) || response::is_temporary(code) => Kind::Unavailable,
            // Another program has completed or aborted the upload: the next run begins a new one.
            (_, NO_SUCH_UPLOAD) => Kind::Unavailable,
            // A retry cannot help: the server does not implement the request.
            (501, _) => Kind::Configuration,
            (408 | 412 | 429 | 500.., _) => Kind::Unavailable,
            _ => Kind::Configuration,
        }
    }

    /// A server that does not know the headers says 501, or 400 with one of several codes.
    fn may_be_about_checksums(&self) -> bool {
        let Self { status, code, message, .. } = self;
        let is_named = || message.to_ascii_lowercase().contains("checksum") || message.contains("x-amz-");
        let is_vague = || matches!(code.as_str(), "InvalidArgument" | "InvalidRequest" | "NotImplemented");
        let is_explained = is_damage(code) || is_refusal(code);
        !is_explained && (*status == 501 || *status == 400 && (is_named() || is_vague()))
    }

    fn hint(&self, action: &str, prefix: &PathPrefix) -> String {
        let Self { status, code, retry_after, .. } = self;
        if let Some(wait) = retry_after {
            return format!("the server asks to wait for {} s: try again then", wait.as_secs());
        }
        match code.as_str() {
            code if is_refusal(code) => "the credentials have expired: get fresh ones".to_owned(),
            "InvalidAccessKeyId" | "SignatureDoesNotMatch" => {
                "this S3 does not know the credentials: check where they come from".to_owned()
            }
            "RequestTimeTooSkewed" => "this machine's clock is wrong: set it".to_owned(),
            "NoSuchBucket" => "check S3_BUCKET".to_owned(),
            "NoSuchKey" | "NotFound" => "there is no such object".to_owned(),
            NO_SUCH_UPLOAD => "the upload was completed or aborted elsewhere: upload again".to_owned(),
            ARCHIVED => "the object is archived: have it restored first".to_owned(),
            code if is_elsewhere(code) => "the bucket is in another region: check AWS_REGION".to_owned(),
            code if is_damage(code) => "the file or its data changed on the way: try again".to_owned(),
            "" => foreign(*status),
            _ if *status == 412 => "the object was replaced meanwhile: try again".to_owned(),
            _ if matches!(status, 401 | 403) => allowed(action, prefix),
            _ => String::new(),
        }
    }
}

/// The hint of an error without an S3 code: it comes from a proxy or gateway, or from a server that is not S3.
fn foreign(status: u16) -> String {
    match status {
        300..400 => format!("this is a redirect, and not S3's: {WRONG_SERVER}"),
        401 | 403 => {
            "this is not S3's response: a proxy, gateway or firewall in between refused the request".to_owned()
        }
        400..500 if !matches!(status, 408 | 412 | 429) => format!("this is not S3's response: {WRONG_SERVER}"),
        _ => String::new(),
    }
}

fn allowed(action: &str, prefix: &PathPrefix) -> String {
    let scope = match prefix.as_str() {
        "" => "S3_PATH_PREFIX is not set: name a key below the prefix that the identity has".to_owned(),
        prefix => format!("its prefix is `{prefix}`"),
    };
    // S3 says 404 only to an identity that may list the bucket; one that is held to a prefix gets 403 instead.
    let absent = if action == "s3:GetObject" { "there is no such object, or " } else { "" };
    format!("{absent}the identity lacks {action} there; {scope}, or ask the administrator of its role")
}

impl fmt::Display for RequestError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "cannot {}: ", self.attempt)?;
        match &self.failure {
            Failure::Response(ErrorResponse { status, code, message, .. }) => {
                write!(formatter, "{} {status}", if code.is_empty() { "HTTP" } else { code })?;
                if !message.is_empty() {
                    write!(formatter, " ({})", message.trim_end_matches('.'))?;
                }
            }
            Failure::NotS3(problem) => write!(formatter, "{problem}")?,
            Failure::NoCredentials(error) => write!(formatter, "{error}")?,
            Failure::Proxy(failure) => write!(formatter, "{failure}")?,
            Failure::Connection(problem) => write!(formatter, "S3 cannot be reached: {problem}")?,
            Failure::Timeout => formatter.write_str("S3 does not respond in time")?,
            Failure::Malformed(problem) => write!(formatter, "S3's response cannot be understood: {problem}")?,
        }
        if self.hint.is_empty() { Ok(()) } else { write!(formatter, "; {}", self.hint) }
    }
}

impl StdError for RequestError {}

/// The innermost cause of an error, which is the specific one.
fn innermost(error: &(dyn StdError + 'static)) -> String {
    printable(&causes(error).last().unwrap_or(error).to_string())
}

/// Text of a server, made fit for a terminal: without control characters, and cut to a bounded length.
fn printable(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(MAX_QUOTED).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(status: u16, code: &str) -> RequestError {
        with_message(status, code, "Access\u{1b}[31m Denied.")
    }

    fn with_message(status: u16, code: &str, message: &str) -> RequestError {
        let (code, message) = (code.to_owned(), printable(message));
        let failure = Failure::Response(ErrorResponse { status, code, message, ..ErrorResponse::default() });
        let hint = failure.hint("s3:PutObject", &PathPrefix::new("logs/web/".to_owned()));
        RequestError { attempt: "upload `s3://b/k`".to_owned(), failure, hint }
    }

    #[test]
    fn a_refusal_names_the_prefix() {
        assert_eq!(
            error(403, "AccessDenied").to_string(),
            "cannot upload `s3://b/k`: AccessDenied 403 (Access[31m Denied); the identity lacks s3:PutObject there; its \
             prefix is `logs/web/`, or ask the administrator of its role"
        );
    }

    #[test]
    fn a_missing_object_is_a_refusal_for_a_caller_who_may_not_list() {
        let hint = allowed("s3:GetObject", &PathPrefix::default());
        assert!(hint.starts_with("there is no such object, or the identity lacks s3:GetObject there; "), "{hint}");
    }

    #[test]
    fn kinds() {
        for (status, code, kind) in [
            (403, "AccessDenied", Kind::Refused),
            (400, "ExpiredToken", Kind::Refused),
            (503, "SlowDown", Kind::Unavailable),
            (500, "", Kind::Unavailable),
            (429, "", Kind::Unavailable),
            (400, "BadDigest", Kind::Unavailable),
            (404, "NoSuchKey", Kind::Configuration),
            (404, "NoSuchUpload", Kind::Unavailable),
            (200, "InternalError", Kind::Unavailable),
            (200, "InvalidPart", Kind::Configuration),
            (501, "NotImplemented", Kind::Configuration),
            (301, "PermanentRedirect", Kind::Configuration),
        ] {
            assert_eq!(error(status, code).kind(), kind, "{status} {code}");
        }
        assert!(error(404, "NoSuchUpload").is_no_such_upload());
        assert!(error(403, ARCHIVED).to_string().contains("restored"));
    }

    #[test]
    fn what_the_next_object_would_meet_as_well() {
        for (status, code) in
            [(403, "AccessDenied"), (503, "SlowDown"), (404, "NoSuchBucket"), (301, "PermanentRedirect")]
        {
            assert!(error(status, code).concerns_all_objects(), "{status} {code}");
        }
        for (status, code) in [(404, "NoSuchKey"), (412, ""), (400, "BadDigest"), (403, ARCHIVED), (400, "KeyTooLong")]
        {
            assert!(!error(status, code).concerns_all_objects(), "{status} {code}");
        }
    }

    #[test]
    fn a_server_that_may_not_know_the_checksum_has_a_way_out() {
        for (status, code, message) in [
            (501, "NotImplemented", "A header you provided implies functionality that is not implemented"),
            (501, "", ""),
            (400, "InvalidArgument", "Unsupported header 'x-amz-checksum-crc64nvme' received for this API call."),
            (400, "InvalidRequest", "Value for x-amz-checksum-algorithm header is invalid."),
            (400, "Other", "unknown Checksum algorithm"),
        ] {
            let error = with_message(status, code, message).with_checksum_header();
            assert!(error.to_string().ends_with("try `--checksum none`"), "{error}");
            assert!(error.kind() == Kind::Configuration && error.concerns_all_objects(), "{error}");
        }
        for (status, code) in [(400, "BadDigest"), (403, "AccessDenied"), (400, "ExpiredToken"), (503, "SlowDown")] {
            let error = with_message(status, code, "checksum").with_checksum_header();
            assert!(!error.to_string().contains("--checksum"), "{error}");
        }
    }

    #[test]
    fn an_error_without_a_code_is_not_s3s() {
        for (status, said) in [
            (403, "a proxy, gateway or firewall in between"),
            (401, "a proxy, gateway or firewall in between"),
            (302, "this is a redirect"),
            (405, "AWS_ENDPOINT_URL_S3"),
        ] {
            let error = error(status, "");
            assert!(error.to_string().contains(said) && !error.to_string().contains("s3:PutObject"), "{error}");
            assert!(!error.is_from_s3());
        }
        assert!(error(403, "AccessDenied").is_from_s3());
    }

    #[test]
    fn what_a_lost_response_leaves_open() {
        for (status, code) in [(500, "InternalError"), (504, ""), (404, "NoSuchUpload"), (200, "InternalError")] {
            assert!(error(status, code).leaves_open(), "{status} {code}");
        }
        for (status, code) in [(400, "InvalidPart"), (403, "AccessDenied"), (404, "NoSuchBucket")] {
            assert!(!error(status, code).leaves_open(), "{status} {code}");
        }
    }
}
