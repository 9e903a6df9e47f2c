//! API Gateway's payloads 1.0 (REST APIs) and 2.0 (HTTP APIs and function URLs).

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::HeaderName;
use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Map, Value};

use super::EventError;
use crate::request::ApiRequest;

type Fields = Map<String, Value>;

pub(super) fn from_payload_2(event: &Fields, request_id: String) -> Result<ApiRequest, EventError> {
    let raw_path = text(event, "rawPath").or_else(|| text(event, "requestContext.http.path"));
    // "POST /credentials": the route that API Gateway has matched, whatever a custom domain put before it.
    let route_key = text(event, "requestContext.routeKey").or_else(|| text(event, "routeKey"));
    let route = route_key.and_then(|key| key.split_once(' ')).map(|(_, path)| path);
    Ok(ApiRequest {
        method: method(event, "requestContext.http.method")?,
        path: path(event, route, raw_path.ok_or_else(|| EventError::field("rawPath", "is not text"))?),
        headers: headers(event)?,
        body: Ok(body(event)?),
        source_ip: address(event, "requestContext.http.sourceIp"),
        request_id,
    })
}

pub(super) fn from_payload_1(event: &Fields, request_id: String) -> Result<ApiRequest, EventError> {
    let raw_path = text(event, "path").ok_or_else(|| EventError::field("path", "is not text"))?;
    Ok(ApiRequest {
        method: method(event, "httpMethod")?,
        path: path(event, text(event, "resource"), raw_path),
        headers: headers(event)?,
        body: Ok(body(event)?),
        source_ip: address(event, "requestContext.identity.sourceIp"),
        request_id,
    })
}

/// Where an event says it comes from, whatever is wrong with the rest of it.
pub(super) fn source(event: &Fields) -> Option<IpAddr> {
    let known = address(event, "requestContext.http.sourceIp");
    known.or_else(|| address(event, "requestContext.identity.sourceIp"))
}

/// The value of a field, named by its dotted path.
fn field<'a>(event: &'a Fields, path: &str) -> Option<&'a Value> {
    let mut names = path.split('.');
    let first = event.get(names.next()?);
    names.fold(first, |value, name| value?.get(name))
}

fn text<'a>(event: &'a Fields, path: &str) -> Option<&'a str> {
    field(event, path)?.as_str()
}

fn method(event: &Fields, path: &str) -> Result<Method, EventError> {
    let method = text(event, path).and_then(|text| Method::from_bytes(text.as_bytes()).ok());
    method.ok_or_else(|| EventError::field(path, "is not an HTTP method"))
}

/// The matched route where it is a literal path, else the caller's path without the stage.
fn path(event: &Fields, route: Option<&str>, raw_path: &str) -> String {
    if let Some(route) = route
        && route.starts_with('/')
        && !route.contains('{')
    {
        return route.to_owned();
    }
    let without_stage = text(event, "requestContext.stage")
        .and_then(|stage| raw_path.strip_prefix('/')?.strip_prefix(stage))
        .filter(|rest| rest.starts_with('/'));
    without_stage.unwrap_or(raw_path).to_owned()
}

/// All headers, repeated ones included: two `Authorization` headers must be seen to be refused, be they an array, or
/// two names that differ in case only.
fn headers(event: &Fields) -> Result<HeaderMap, EventError> {
    // The single-valued map holds the last of repeated headers only.
    let all = event.get("multiValueHeaders").filter(|all| all.as_object().is_some_and(|all| !all.is_empty()));
    let (map, source) = all.map_or((event.get("headers"), "headers"), |all| (Some(all), "multiValueHeaders"));
    let pairs = match map {
        None | Some(Value::Null) => return Ok(HeaderMap::new()),
        Some(Value::Object(pairs)) => pairs,
        Some(_) => return Err(EventError::field(source, "is not an object")),
    };
    let mut headers = HeaderMap::with_capacity(pairs.len());
    for (name, value) in pairs {
        // A name that HTTP does not have is none that is read here.
        let Ok(parsed) = HeaderName::from_bytes(name.as_bytes()) else { continue };
        let values = match value {
            Value::Array(values) => values.as_slice(),
            value => std::slice::from_ref(value),
        };
        for value in values {
            let value = match value {
                Value::Null => continue,
                Value::String(text) => HeaderValue::from_str(text).ok(),
                Value::Number(_) | Value::Bool(_) => HeaderValue::from_str(&value.to_string()).ok(),
                Value::Array(_) | Value::Object(_) => None,
            };
            let problem = "is not the value of a header";
            headers.append(&parsed, value.ok_or_else(|| EventError::field(format!("{source}.{name}"), problem))?);
        }
    }
    Ok(headers)
}

/// Bytes that are not the base64 they claim to be are passed on as they are, and refused as not being JSON.
fn body(event: &Fields) -> Result<Vec<u8>, EventError> {
    let body = match event.get("body") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::String(body)) => body,
        Some(_) => return Err(EventError::field("body", "is not text")),
    };
    if event.get("isBase64Encoded") == Some(&Value::Bool(true))
        && let Ok(decoded) = STANDARD.decode(body)
    {
        return Ok(decoded);
    }
    Ok(body.clone().into_bytes())
}

fn address(event: &Fields, path: &str) -> Option<IpAddr> {
    text(event, path)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(event: &Value) -> Fields {
        event.as_object().cloned().unwrap()
    }

    #[test]
    fn paths() {
        let path = |route: Option<&str>, raw: &str, stage: Value| {
            path(&fields(&json!({"requestContext": {"stage": stage}})), route, raw)
        };
        assert_eq!(path(Some("/credentials"), "/vend/credentials", json!("$default")), "/credentials");
        assert_eq!(path(Some("/{proxy+}"), "/prod/credentials", json!("prod")), "/credentials");
        assert_eq!(path(None, "/prod/credentials", json!("prod")), "/credentials");
        assert_eq!(path(None, "/production/credentials", json!("prod")), "/production/credentials");
        assert_eq!(path(None, "/credentials", json!("$default")), "/credentials");
        assert_eq!(path(None, "/credentials", json!(1)), "/credentials");
        assert_eq!(path(None, "", json!(null)), "");
    }

    #[test]
    fn every_value_of_a_header_is_seen() {
        let count =
            |event: &Value| headers(&fields(event)).map(|headers| headers.get_all("authorization").iter().count());
        for (event, values) in [
            (json!({"headers": {"Authorization": "a"}}), 1),
            (json!({"headers": {"Authorization": "a", "authorization": "b"}}), 2),
            (json!({"headers": {"authorization": ["a", "b"]}}), 2),
            (json!({"headers": {"authorization": ["a"], "AUTHORIZATION": "a"}}), 2),
            (json!({"headers": {"authorization": "a"}, "multiValueHeaders": {"authorization": ["a", "a"]}}), 2),
            (json!({"headers": {"authorization": "a"}, "multiValueHeaders": {}}), 1),
            (json!({"headers": {"authorization": "a"}, "multiValueHeaders": null}), 1),
            (json!({"headers": {"authorization": "a", "content-length": 12, "x-flag": true, "x-none": null}}), 1),
            (json!({"headers": {"authorization": "a", "not a name": {}}}), 1),
            (json!({"headers": null}), 0),
            (json!({}), 0),
        ] {
            assert_eq!(count(&event), Ok(values), "{event}");
        }
        for (event, named) in [
            (json!({"headers": {"authorization": {"a": "b"}}}), "headers.authorization"),
            (json!({"multiValueHeaders": {"authorization": [["a"]]}}), "multiValueHeaders.authorization"),
            (json!({"headers": {"authorization": "a\nb"}}), "headers.authorization"),
            (json!({"headers": ["authorization"]}), "headers"),
        ] {
            let error = count(&event).unwrap_err();
            assert!(matches!(&error, EventError::Field { field, .. } if field == named), "{event}: {error}");
        }
    }
}
