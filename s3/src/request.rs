//! What a request to S3 met, in the words of whoever has to deal with it.

use std::error::Error as StdError;
use std::fmt;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::credentials::CredentialsError;
use crate::error::Kind;
use crate::key::PathPrefix;

const MAX_QUOTED: usize = 300;

/// A request that failed for good: the SDK has tried again where that made sense.
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
    Answer { status: u16, code: String, message: String },
    NoCredentials(CredentialsError),
    Connection(String),
    Timeout,
    Malformed(String),
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

    /// An answer that is not what was asked for.
    pub(crate) fn malformed(attempt: String, problem: &str) -> Self {
        Self { attempt, failure: Failure::Malformed(problem.to_owned()), hint: String::new() }
    }

    /// A body that broke off.
    pub(crate) fn broken_off(attempt: String, error: &(dyn StdError + 'static)) -> Self {
        Self { attempt, failure: Failure::Connection(innermost(error)), hint: String::new() }
    }

    pub(crate) fn kind(&self) -> Kind {
        match &self.failure {
            Failure::Answer { code, .. } if code == ARCHIVED => Kind::Configuration,
            Failure::Answer { status: 401 | 403, .. } => Kind::Refused,
            // S3 answers an expired or unknown token with 400.
            Failure::Answer { code, .. } if is_refusal(code) => Kind::Refused,
            Failure::Answer { code, .. } if is_damage(code) => Kind::Unavailable,
            Failure::Answer { status: 408 | 412 | 429 | 500.., .. }
            | Failure::Connection(_)
            | Failure::Timeout
            | Failure::Malformed(_) => Kind::Unavailable,
            Failure::Answer { .. } => Kind::Configuration,
            Failure::NoCredentials(error) => error.kind(),
        }
    }

    /// Whether another object would meet it as well.
    pub(crate) fn concerns_all_objects(&self) -> bool {
        match &self.failure {
            Failure::Answer { status: 412, .. } => false,
            Failure::Answer { code, .. } if is_damage(code) || code == ARCHIVED => false,
            Failure::Answer { code, .. } if code == "NoSuchBucket" || is_elsewhere(code) => true,
            _ => self.kind() != Kind::Configuration,
        }
    }

    /// The upload is unknown: completed, aborted, or cleaned away by a lifecycle rule.
    pub(crate) fn is_no_such_upload(&self) -> bool {
        matches!(&self.failure, Failure::Answer { code, .. } if code == "NoSuchUpload")
    }

    /// S3 has looked at the parts of an upload, and they do not make the object.
    pub(crate) fn is_of_the_parts(&self) -> bool {
        let is_it =
            |code: &str| is_damage(code) || matches!(code, "InvalidPart" | "InvalidPartOrder" | "EntityTooSmall");
        matches!(&self.failure, Failure::Answer { code, .. } if is_it(code))
    }
}

/// Amazon S3 API Reference, `GetObject`: a 403 that no permission helps against.
const ARCHIVED: &str = "InvalidObjectState";

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
        match error {
            SdkError::TimeoutError(_) => Self::Timeout,
            SdkError::DispatchFailure(failure) if failure.is_timeout() => Self::Timeout,
            SdkError::DispatchFailure(failure) => {
                Self::Connection(failure.as_connector_error().map_or_else(String::new, |error| innermost(error)))
            }
            SdkError::ServiceError(context) => Self::Answer {
                status: context.raw().status().as_u16(),
                code: printable(context.err().code().unwrap_or_default()),
                message: printable(context.err().message().unwrap_or_default()),
            },
            SdkError::ResponseError(context) => {
                let status = context.raw().status().as_u16();
                // A 5xx of a proxy comes with a page of HTML.
                if status >= 400 {
                    return Self::Answer { status, code: String::new(), message: String::new() };
                }
                Self::Malformed(innermost(&SdkError::<E, HttpResponse>::ResponseError(context)))
            }
            other => Self::Malformed(innermost(&other)),
        }
    }

    fn hint(&self, action: &str, prefix: &PathPrefix) -> String {
        let Self::Answer { status, code, .. } = self else { return String::new() };
        match code.as_str() {
            code if is_refusal(code) => "the credentials have expired: get fresh ones".to_owned(),
            "InvalidAccessKeyId" | "SignatureDoesNotMatch" => {
                "the credentials are not ones that this S3 knows: check where they come from".to_owned()
            }
            "RequestTimeTooSkewed" => "this machine's clock is wrong: set it".to_owned(),
            "NoSuchBucket" => "check S3_BUCKET".to_owned(),
            "NoSuchKey" | "NotFound" => "there is no such object".to_owned(),
            ARCHIVED => "the object is archived: have it restored first".to_owned(),
            code if is_elsewhere(code) => "the bucket lies in another region: check AWS_REGION".to_owned(),
            code if is_damage(code) => {
                "the file changed meanwhile, or the data was damaged on its way: try again".to_owned()
            }
            _ if *status == 412 => "the object was replaced meanwhile: try again".to_owned(),
            _ if matches!(status, 401 | 403) => allowed(action, prefix),
            _ => String::new(),
        }
    }
}

fn allowed(action: &str, prefix: &PathPrefix) -> String {
    let place = match prefix.as_str() {
        "" => "S3_PATH_PREFIX is not set: name a key below the prefix that the identity has".to_owned(),
        prefix => format!("its prefix is `{prefix}`"),
    };
    // S3 says 404 only to whoever may list the bucket, so for one that is held to a prefix nothing is there but this.
    let absent = if action == "s3:GetObject" { "there is no such object, or " } else { "" };
    format!("{absent}the identity lacks {action} there; {place}, or ask whoever keeps its role")
}

impl fmt::Display for RequestError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "cannot {}: ", self.attempt)?;
        match &self.failure {
            Failure::Answer { status, code, message } => {
                write!(formatter, "{}{}", if code.is_empty() { "HTTP " } else { code }, Space(code))?;
                write!(formatter, "{status}")?;
                if !message.is_empty() {
                    write!(formatter, " ({})", message.trim_end_matches('.'))?;
                }
            }
            Failure::NoCredentials(error) => write!(formatter, "{error}")?,
            Failure::Connection(problem) => write!(formatter, "S3 cannot be reached: {problem}")?,
            Failure::Timeout => formatter.write_str("S3 does not answer in time")?,
            Failure::Malformed(problem) => write!(formatter, "S3's answer cannot be understood: {problem}")?,
        }
        if self.hint.is_empty() { Ok(()) } else { write!(formatter, "; {}", self.hint) }
    }
}

/// A space behind something.
struct Space<'a>(&'a str);

impl fmt::Display for Space<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_empty() { "" } else { " " })
    }
}

impl StdError for RequestError {}

/// The cause at the bottom of an error is the one that says something.
fn innermost(error: &(dyn StdError + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    printable(&last.to_string())
}

/// What a server wrote goes to a terminal: no control characters, not endlessly.
fn printable(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(MAX_QUOTED).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, code: &str) -> RequestError {
        let failure = Failure::Answer { status, code: code.to_owned(), message: printable("Access\u{1b}[31m Denied.") };
        let hint = failure.hint("s3:PutObject", &PathPrefix::new("logs/web/".to_owned()));
        RequestError { attempt: "upload `s3://b/k`".to_owned(), failure, hint }
    }

    #[test]
    fn a_refusal_names_the_prefix() {
        assert_eq!(
            answer(403, "AccessDenied").to_string(),
            "cannot upload `s3://b/k`: AccessDenied 403 (Access[31m Denied); the identity lacks s3:PutObject there; its \
             prefix is `logs/web/`, or ask whoever keeps its role"
        );
    }

    #[test]
    fn what_is_not_there_is_refused_to_whoever_may_not_list() {
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
            (301, "PermanentRedirect", Kind::Configuration),
        ] {
            assert_eq!(answer(status, code).kind(), kind, "{status} {code}");
        }
        assert!(answer(404, "NoSuchUpload").is_no_such_upload());
        assert!(answer(403, ARCHIVED).to_string().contains("restored"));
    }

    #[test]
    fn what_the_next_object_would_meet_as_well() {
        for (status, code) in
            [(403, "AccessDenied"), (503, "SlowDown"), (404, "NoSuchBucket"), (301, "PermanentRedirect")]
        {
            assert!(answer(status, code).concerns_all_objects(), "{status} {code}");
        }
        for (status, code) in [(404, "NoSuchKey"), (412, ""), (400, "BadDigest"), (403, ARCHIVED), (400, "KeyTooLong")]
        {
            assert!(!answer(status, code).concerns_all_objects(), "{status} {code}");
        }
    }
}
