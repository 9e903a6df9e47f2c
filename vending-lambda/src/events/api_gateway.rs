//! API Gateway's payloads 1.0 (REST APIs) and 2.0 (HTTP APIs and function URLs).

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lambda_http::aws_lambda_events::apigw::{ApiGatewayProxyRequest, ApiGatewayV2httpRequest};

use crate::request::ApiRequest;

pub(super) fn from_payload_2(event: ApiGatewayV2httpRequest, request_id: String) -> ApiRequest {
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

pub(super) fn from_payload_1(event: ApiGatewayProxyRequest, request_id: String) -> ApiRequest {
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
