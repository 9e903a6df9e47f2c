//! What a response must show to be taken for S3's, and how long S3 asks to wait before the next try.
//!
//! A captive portal, a proxy's page or a web server at the wrong endpoint responds to any request with 200, so a
//! response with neither an ETag nor S3's XML is not a success.

use std::time::{Duration, SystemTime};

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::config::interceptors::{AfterDeserializationInterceptorContextRef, InterceptorContext};
use aws_sdk_s3::config::retry::{ClassifyRetry, RetryAction};
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use aws_smithy_runtime_api::client::retries::classifiers::RetryClassifierPriority;
use aws_smithy_types::retry::ErrorKind;
use aws_transport::is_whole_xml;

/// The longest `Retry-After` that is waited for; a longer one ends the run, and the message says for how long.
pub(crate) const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);

/// Every response of S3 carries it, and so do those of most servers that speak its protocol.
const REQUEST_ID: &str = "x-amz-request-id";

/// A response that claims success and is not S3's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotS3 {
    #[error("a web page came instead of S3's response")]
    Page,
    #[error("the response shows neither an ETag nor S3's XML")]
    Bare,
    #[error("the response ends before its XML does")]
    CutOff,
}

/// Looks at every response with a 2xx status after the SDK has read it.
#[derive(Debug)]
pub(crate) struct OfS3;

impl Intercept for OfS3 {
    fn name(&self) -> &'static str {
        "OfS3"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        if !response.status().is_success() {
            return Ok(());
        }
        let header = |name: &str| response.headers().get(name);
        let shown = Shown {
            status: response.status().as_u16(),
            is_html: header("content-type").is_some_and(is_html),
            has_etag: header("etag").is_some(),
            has_request_id: header(REQUEST_ID).is_some(),
            body: response.body().bytes(),
        };
        Ok(shown.check()?)
    }
}

/// What of a response tells whether it is S3's.
struct Shown<'a> {
    status: u16,
    is_html: bool,
    has_etag: bool,
    has_request_id: bool,
    /// None: an object's bytes, which are still to come.
    body: Option<&'a [u8]>,
}

impl Shown<'_> {
    fn check(&self) -> Result<(), NotS3> {
        let Some(body) = self.body else {
            // An object may be a page; whether this one is, the download finds out.
            return if self.has_etag { Ok(()) } else { Err(NotS3::Bare) };
        };
        let body = body.trim_ascii();
        if !body.is_empty() && (self.is_html || is_page(body)) {
            return Err(NotS3::Page);
        }
        if body.starts_with(b"<") {
            return if is_whole_xml(body) { Ok(()) } else { Err(NotS3::CutOff) };
        }
        // S3 responds to a deletion with 204 and no header of its own.
        if self.has_etag || self.has_request_id || self.status == 204 { Ok(()) } else { Err(NotS3::Bare) }
    }
}

pub(crate) fn is_html(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    ["text/html", "application/xhtml+xml"].iter().any(|html| media_type.eq_ignore_ascii_case(html))
}

fn is_page(body: &[u8]) -> bool {
    ["<!doctype html", "<html"].iter().any(|beginning| {
        body.get(..beginning.len()).is_some_and(|found| found.eq_ignore_ascii_case(beginning.as_bytes()))
    })
}

/// The code of an error that S3 reports with status 200: Amazon S3 API Reference, `CompleteMultipartUpload`.
pub(crate) fn error_in_success(response: &HttpResponse) -> Option<String> {
    let body = std::str::from_utf8(response.body().bytes()?).ok()?;
    if !response.status().is_success() || !body.contains("<Error>") {
        return None;
    }
    let (_, after) = body.split_once("<Code>")?;
    Some(after.split_once("</Code>")?.0.to_owned())
}

/// The wait that the server asks for.
pub(crate) fn retry_after(response: &HttpResponse) -> Option<Duration> {
    #[allow(clippy::disallowed_methods, reason = "a date is compared with the clock as the response is read")]
    let now = SystemTime::now();
    parse_retry_after(response.headers().get("retry-after")?, now)
}

/// RFC 9110 §10.2.3: seconds or a date.
fn parse_retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date: SystemTime = DateTime::from_str(text.trim(), DateTimeFormat::HttpDate).ok()?.try_into().ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

/// Makes the SDK retry when the server says: it knows neither `Retry-After` nor a 429 without a code of AWS's.
#[derive(Debug)]
pub(crate) struct AsTheServerAsks;

impl ClassifyRetry for AsTheServerAsks {
    fn name(&self) -> &'static str {
        "AsTheServerAsks"
    }

    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let (Some(response), Some(Err(_))) = (context.response(), context.output_or_error()) else {
            return RetryAction::NoActionIndicated;
        };
        decide(response)
    }

    /// After the SDK's own, whose verdict this one replaces.
    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

fn decide(response: &HttpResponse) -> RetryAction {
    let kind = match response.status().as_u16() {
        429 | 503 => ErrorKind::ThrottlingError,
        500 | 502 | 504 => ErrorKind::ServerError,
        _ if error_in_success(response).is_some_and(|code| is_temporary(&code)) => ErrorKind::ServerError,
        _ => return RetryAction::NoActionIndicated,
    };
    match retry_after(response) {
        Some(wait) if wait > MAX_RETRY_AFTER => RetryAction::RetryForbidden,
        Some(wait) => RetryAction::retryable_error_with_explicit_delay(kind, wait),
        None => RetryAction::retryable_error(kind),
    }
}

/// Amazon S3 API Reference, "Error responses".
pub(crate) fn is_temporary(code: &str) -> bool {
    matches!(code, "InternalError" | "SlowDown" | "ServiceUnavailable" | "RequestTimeout")
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::primitives::SdkBody;

    use super::*;

    fn shown(status: u16, headers: &[&str], body: Option<&str>) -> Result<(), NotS3> {
        Shown {
            status,
            is_html: headers.contains(&"html"),
            has_etag: headers.contains(&"etag"),
            has_request_id: headers.contains(&"id"),
            body: body.map(str::as_bytes),
        }
        .check()
    }

    #[test]
    fn responses_of_s3_are_taken() {
        for (status, headers, body) in [
            (200, &["etag"][..], Some("")),
            (200, &["etag", "id"], None),
            (206, &["etag", "html"], None),
            (204, &[], Some("")),
            (200, &["id"], Some("")),
            (200, &[], Some("<ListBucketResult/>")),
            (200, &[], Some("<?xml version=\"1.0\"?>\n<!-- x > y -->\n<A xmlns=\"b\"><Key>a>b</Key></A >\n")),
        ] {
            assert_eq!(shown(status, headers, body), Ok(()), "{status} {headers:?} {body:?}");
        }
    }

    #[test]
    fn a_page_is_no_success() {
        for body in ["<!DOCTYPE html><html></html>", "  <HTML><body></body></HTML>", "<html/>"] {
            assert_eq!(shown(200, &["etag", "id"], Some(body)), Err(NotS3::Page), "{body}");
        }
        assert_eq!(shown(200, &["html", "etag"], Some("please log in")), Err(NotS3::Page));
        for (status, body) in [(200, Some("")), (200, Some("OK")), (200, None), (201, Some("")), (206, None)] {
            assert_eq!(shown(status, &[], body), Err(NotS3::Bare), "{status} {body:?}");
        }
    }

    #[test]
    fn half_a_document_is_no_success() {
        let whole = "<?xml version=\"1.0\"?>\n<ListBucketResult><Key>a</Key></ListBucketResult>";
        for end in 1..whole.len() {
            let cut = whole[..end].trim_end();
            assert_eq!(shown(200, &["id"], Some(cut)), Err(NotS3::CutOff), "{cut}");
        }
        for odd in ["<", "<>", "</>", "<!--", "<A></B>", "<A>/>"] {
            assert_eq!(shown(200, &["id"], Some(odd)), Err(NotS3::CutOff), "{odd}");
        }
    }

    fn response(status: u16, retry_after: Option<&str>, body: &'static str) -> HttpResponse {
        let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
        if let Some(value) = retry_after {
            response.headers_mut().insert("retry-after", value.to_owned());
        }
        response
    }

    #[test]
    fn the_wait_is_the_one_that_is_asked_for() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let after = |text| parse_retry_after(text, now).map(|wait| wait.as_secs());
        assert_eq!([after("7"), after(" 0 "), after("Sun, 06 Nov 1994 08:49:47 GMT")], [Some(7), Some(0), Some(10)]);
        assert_eq!([after("Sun, 06 Nov 1994 08:00:00 GMT"), after("soon"), after("-1")], [Some(0), None, None]);
    }

    #[test]
    fn what_is_tried_again_and_when() {
        let decided = |status, after, body| decide(&response(status, after, body));
        let waits = RetryAction::retryable_error_with_explicit_delay;
        assert_eq!(decided(503, Some("3"), ""), waits(ErrorKind::ThrottlingError, Duration::from_secs(3)));
        assert_eq!(decided(500, Some("60"), ""), waits(ErrorKind::ServerError, MAX_RETRY_AFTER));
        assert_eq!(decided(429, Some("61"), ""), RetryAction::RetryForbidden);
        assert_eq!(decided(429, None, ""), RetryAction::throttling_error());
        for (status, after) in [(403, Some("1")), (501, Some("1")), (400, None), (200, None)] {
            assert_eq!(decided(status, after, ""), RetryAction::NoActionIndicated, "{status}");
        }
        let late = "<Error><Code>InternalError</Code></Error>";
        assert_eq!(decided(200, None, late), RetryAction::server_error());
        assert_eq!(decided(200, None, "<Error><Code>InvalidPart</Code></Error>"), RetryAction::NoActionIndicated);
    }
}
