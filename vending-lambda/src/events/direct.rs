//! A direct invocation, whose event is the body of a `POST /credentials`.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method};

use crate::request::ApiRequest;

pub(super) fn from_invocation(event: &[u8], request_id: String) -> ApiRequest {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    ApiRequest {
        method: Method::POST,
        path: "/credentials".to_owned(),
        headers,
        body: Ok(event.to_vec()),
        source_ip: None,
        request_id,
    }
}
