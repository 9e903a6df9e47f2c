//! What a connection responds by itself, where no handler can.

use std::convert::Infallible;

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::header::{CONNECTION, CONTENT_LENGTH};
use hyper::{Response, StatusCode};

/// Why a connection ends without the response of a handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// A request's headers did not arrive in time.
    Late,
    /// There are too many connections.
    NoRoom,
    /// The process ends.
    Stopping,
    /// What came can be read in no way, or in more than one: why.
    Malformed(&'static str),
    /// The request's line and headers are larger than [`crate::Limits::max_head_bytes`], or too many.
    HeadersTooLarge,
    /// An HTTP version that is not served.
    Version,
    /// A transfer coding other than `chunked`.
    TransferCoding,
}

impl Refusal {
    /// Of what the HTTP library takes for no request.
    pub(crate) const NOT_HTTP: Self = Self::Malformed("this is not a request of HTTP/1.1");

    /// Whether what came is the reason.
    pub(crate) fn is_fault(self) -> bool {
        !matches!(self, Self::Late | Self::NoRoom | Self::Stopping)
    }

    /// What is wrong, for those who answer for the connection.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Late => "the request did not arrive in time",
            Self::NoRoom => "there are too many connections at the moment",
            Self::Stopping => "the server stops",
            Self::Malformed(reason) => reason,
            Self::HeadersTooLarge => "the request line and the headers are longer, or more, than is accepted",
            Self::Version => "the HTTP version is not one that is served",
            Self::TransferCoding => "the only transfer coding that is understood is `chunked`",
        }
    }

    /// The status of its response.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::Late => StatusCode::REQUEST_TIMEOUT,
            Self::NoRoom | Self::Stopping => StatusCode::SERVICE_UNAVAILABLE,
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::TransferCoding => StatusCode::NOT_IMPLEMENTED,
        }
    }

    /// What hyper has found, by the response that it would have sent: `HTTP/1.1 431 …`.
    pub(crate) fn of_hyper(response: &[u8]) -> Self {
        match response.get(9..12) {
            Some(b"414" | b"431") => Self::HeadersTooLarge,
            _ => Self::NOT_HTTP,
        }
    }
}

/// A response as HTTP/1.1 sends it. It announces the end of its connection.
pub(crate) async fn wire_form(response: Response<Full<Bytes>>) -> Vec<u8> {
    let (head, body) = response.into_parts();
    let Ok::<_, Infallible>(body) = body.collect().await;
    let (status, body) = (head.status, body.to_bytes());
    let reason = status.canonical_reason().unwrap_or_default();
    let mut bytes = format!("HTTP/1.1 {} {reason}\r\nconnection: close\r\n", status.as_u16()).into_bytes();
    for (name, value) in head.headers.iter().filter(|(name, _)| ![CONNECTION, CONTENT_LENGTH].contains(name)) {
        bytes.extend_from_slice(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    bytes.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
    bytes.extend_from_slice(&body);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_length_is_that_of_the_body_whatever_the_program_says() {
        let mut response = Response::new(Full::new(Bytes::from_static(b"{}")));
        *response.status_mut() = Refusal::Late.status();
        for (name, value) in [("content-length", "7"), ("connection", "keep-alive"), ("x-request-id", "a")] {
            response.headers_mut().insert(name, value.parse().unwrap());
        }
        let expected =
            "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\nx-request-id: a\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(String::from_utf8(wire_form(response).await).unwrap(), expected);
    }

    #[test]
    fn what_hyper_has_found() {
        for (response, refusal) in [
            (&b"HTTP/1.1 400 Bad Request\r\n"[..], Refusal::NOT_HTTP),
            (b"HTTP/1.1 414 URI Too Long\r\n", Refusal::HeadersTooLarge),
            (b"HTTP/1.1 431 Request Header Fields Too Large\r\n", Refusal::HeadersTooLarge),
            (b"", Refusal::NOT_HTTP),
        ] {
            assert_eq!(Refusal::of_hyper(response), refusal);
        }
    }
}
