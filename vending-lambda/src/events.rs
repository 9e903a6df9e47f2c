//! Lambda's entrance: API Gateway payloads 1.0 and 2.0, function URLs and direct invocations become [`ApiRequest`]s.
//!
//! The event types are `lambda_http`'s. Its conversion into an HTTP request is not used: it parses the caller's path
//! and `Host` into a URI and panics where that fails, and it drops all but one of repeated headers.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lambda_http::aws_lambda_events::apigw::{
    ApiGatewayProxyRequest, ApiGatewayProxyResponse, ApiGatewayV2httpRequest, ApiGatewayV2httpResponse,
};
use lambda_http::http::header::CONTENT_TYPE;
use lambda_http::http::{HeaderMap, HeaderValue, Method};
use lambda_http::request::LambdaRequest;
use serde::Serialize;

use crate::request::ApiRequest;
use crate::response::ApiResponse;

/// The shape of the response that the sender of an event expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// REST API: headers as lists.
    Payload1,
    /// HTTP API, function URL and direct invocation.
    Payload2,
}

/// A response as the sender of the event expects it.
#[derive(Serialize)]
#[serde(untagged)]
pub enum EventResponse {
    /// See [`Shape::Payload1`].
    Payload1(ApiGatewayProxyResponse),
    /// See [`Shape::Payload2`].
    Payload2(ApiGatewayV2httpResponse),
}

/// Reads an event. Whatever is not an HTTP event is taken for the body of a `POST /credentials`.
#[must_use]
pub fn read(event: LambdaRequest, request_id: String) -> (ApiRequest, Shape) {
    match event {
        LambdaRequest::ApiGatewayV1(event) => (from_payload_1(event, request_id), Shape::Payload1),
        LambdaRequest::ApiGatewayV2(event) => (from_payload_2(event, request_id), Shape::Payload2),
        LambdaRequest::PassThrough(event) => (from_direct_invocation(event, request_id), Shape::Payload2),
        // The type is open for events of services that this build has no feature for.
        _ => (from_direct_invocation(String::new(), request_id), Shape::Payload2),
    }
}

fn from_payload_2(event: ApiGatewayV2httpRequest, request_id: String) -> ApiRequest {
    let context = event.request_context;
    let raw_path = event.raw_path.as_deref().or(context.http.path.as_deref()).unwrap_or_default();
    // "POST /credentials": the route that API Gateway has matched, whatever a custom domain put before it.
    let route = context.route_key.as_deref().and_then(|key| key.split_once(' ')).map(|(_, path)| path);
    ApiRequest {
        path: route_path(route, raw_path, context.stage.as_deref()),
        method: context.http.method,
        headers: event.headers,
        body: body(event.body, event.is_base64_encoded),
        source_ip: address(context.http.source_ip.as_deref()),
        request_id,
    }
}

fn from_payload_1(event: ApiGatewayProxyRequest, request_id: String) -> ApiRequest {
    let raw_path = event.path.as_deref().unwrap_or_default();
    let stage = event.request_context.stage.as_deref();
    ApiRequest {
        path: route_path(event.resource.as_deref(), raw_path, stage),
        method: event.http_method,
        // The single-valued map holds the last of repeated headers only.
        headers: if event.multi_value_headers.is_empty() { event.headers } else { event.multi_value_headers },
        body: body(event.body, event.is_base64_encoded),
        source_ip: address(event.request_context.identity.source_ip.as_deref()),
        request_id,
    }
}

fn from_direct_invocation(event: String, request_id: String) -> ApiRequest {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    ApiRequest {
        method: Method::POST,
        path: "/credentials".to_owned(),
        headers,
        body: event.into_bytes(),
        source_ip: None,
        request_id,
    }
}

/// The matched route where it is a literal path, else the caller's path without the stage.
fn route_path(route: Option<&str>, raw_path: &str, stage: Option<&str>) -> String {
    if let Some(route) = route
        && route.starts_with('/')
        && !route.contains('{')
    {
        return route.to_owned();
    }
    let without_stage =
        stage.and_then(|stage| raw_path.strip_prefix('/')?.strip_prefix(stage)).filter(|rest| rest.starts_with('/'));
    without_stage.unwrap_or(raw_path).to_owned()
}

/// Bytes that are not the base64 they claim to be are passed on as they are, and refused as no JSON.
fn body(body: Option<String>, is_base64: bool) -> Vec<u8> {
    let body = body.unwrap_or_default();
    if is_base64 && let Ok(decoded) = STANDARD.decode(&body) {
        return decoded;
    }
    body.into_bytes()
}

fn address(text: Option<&str>) -> Option<IpAddr> {
    text?.parse().ok()
}

impl EventResponse {
    /// Puts a response into the expected shape.
    #[must_use]
    pub fn new(response: ApiResponse, shape: Shape) -> Self {
        let status_code = i64::from(response.status);
        let body = Some(lambda_http::Body::Text(response.body));
        match shape {
            Shape::Payload1 => {
                let mut event = ApiGatewayProxyResponse::default();
                event.status_code = status_code;
                event.multi_value_headers = response.headers;
                event.body = body;
                Self::Payload1(event)
            }
            Shape::Payload2 => {
                let mut event = ApiGatewayV2httpResponse::default();
                event.status_code = status_code;
                event.headers = response.headers;
                event.body = body;
                Self::Payload2(event)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        assert_eq!(route_path(Some("/credentials"), "/vend/credentials", Some("$default")), "/credentials");
        assert_eq!(route_path(Some("/{proxy+}"), "/prod/credentials", Some("prod")), "/credentials");
        assert_eq!(route_path(None, "/prod/credentials", Some("prod")), "/credentials");
        assert_eq!(route_path(None, "/production/credentials", Some("prod")), "/production/credentials");
        assert_eq!(route_path(None, "/credentials", Some("$default")), "/credentials");
        assert_eq!(route_path(None, "", None), "");
    }
}
