//! A direct invocation, whose event is the body of a `POST`.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method};

use crate::call::Call;
use crate::request::ApiRequest;

pub(super) fn from_invocation(event: &[u8], request_id: String, path: &str, call: Call) -> ApiRequest {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    ApiRequest {
        method: Method::POST,
        path: path.to_owned(),
        query: Vec::new(),
        headers,
        body: Ok(event.to_vec()),
        source_ip: None,
        request_id,
        call,
    }
}
