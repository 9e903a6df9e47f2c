//! Lambda's entrance: API Gateway payloads 1.0 and 2.0, function URLs and direct invocations become [`ApiRequest`]s.
//!
//! The event types are `lambda_http`'s. Its conversion into an HTTP request is not used: it parses the caller's path
//! and `Host` into a URI and panics where that fails, and it drops all but one of repeated headers.

mod api_gateway;
mod direct;

use lambda_http::aws_lambda_events::apigw::{ApiGatewayProxyResponse, ApiGatewayV2httpResponse};
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
        LambdaRequest::ApiGatewayV1(event) => (api_gateway::from_payload_1(event, request_id), Shape::Payload1),
        LambdaRequest::ApiGatewayV2(event) => (api_gateway::from_payload_2(event, request_id), Shape::Payload2),
        LambdaRequest::PassThrough(event) => (direct::from_invocation(event, request_id), Shape::Payload2),
        // The type is open for events of services that this build has no feature for.
        _ => (direct::from_invocation(String::new(), request_id), Shape::Payload2),
    }
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
