//! API Gateway's payloads 1.0 (REST APIs) and 2.0 (HTTP APIs and function URLs).

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::HeaderName;
use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Map, Value};

use super::EventError;
use crate::call::Call;
use crate::request::{ApiRequest, query};

type Fields = Map<String, Value>;

pub(super) fn from_payload_2(event: &Fields, request_id: String, call: Call) -> Result<ApiRequest, EventError> {
    let raw_path = text(event, "rawPath").or_else(|| text(event, "requestContext.http.path"));
    // "POST /credentials": the route that API Gateway has matched, whatever a custom domain put before it.
    let route_key = text(event, "requestContext.routeKey").or_else(|| text(event, "routeKey"));
    let route = route_key.and_then(|key| key.split_once(' ')).map(|(_, path)| path);
    Ok(ApiRequest {
        method: method(event, "requestContext.http.method")?,
        path: path(event, route, raw_path.ok_or_else(|| EventError::field("rawPath", "is not text"))?),
        query: query(text(event, "rawQueryString").unwrap_or_default()),
        headers: headers(event)?,
        body: Ok(body(event)?),
        source_ip: address(event, "requestContext.http.sourceIp"),
        request_id,
        call,
    })
}

pub(super) fn from_payload_1(event: &Fields, request_id: String, call: Call) -> Result<ApiRequest, EventError> {
    let raw_path = text(event, "path").ok_or_else(|| EventError::field("path", "is not text"))?;
    Ok(ApiRequest {
        method: method(event, "httpMethod")?,
        path: path(event, text(event, "resource"), raw_path),
        query: decoded_query(event),
        headers: headers(event)?,
        body: Ok(body(event)?),
        source_ip: address(event, "requestContext.identity.sourceIp"),
        request_id,
        call,
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

/// The matched route with its parameters, else the caller's path without the stage. A custom domain may have put something
/// before it.
fn path(event: &Fields, route: Option<&str>, raw_path: &str) -> String {
    if let Some(route) = route.filter(|route| route.starts_with('/'))
        && let Some(path) = filled(event, route)
    {
        return path;
    }
    let without_stage = text(event, "requestContext.stage")
        .and_then(|stage| raw_path.strip_prefix('/')?.strip_prefix(stage))
        .filter(|rest| rest.starts_with('/'));
    without_stage.unwrap_or(raw_path).to_owned()
}

/// A route with each `{name}` as the caller had it. `None` for one that stands for any number of segments (`{proxy+}`), and
/// where a parameter is missing.
fn filled(event: &Fields, route: &str) -> Option<String> {
    let segments =
        route.split('/').map(|segment| match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(name) => event.get("pathParameters")?.get(name)?.as_str(),
            None => (!segment.contains('{')).then_some(segment),
        });
    Some(segments.collect::<Option<Vec<_>>>()?.join("/"))
}

/// Payload 1.0 has decoded its parameters; the single-valued map holds the last of repeated ones only.
fn decoded_query(event: &Fields) -> Vec<(String, String)> {
    let map = |name| event.get(name).and_then(Value::as_object);
    let mut pairs = Vec::new();
    for (name, value) in
        map("multiValueQueryStringParameters").or_else(|| map("queryStringParameters")).into_iter().flatten()
    {
        let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        pairs.extend(values.iter().filter_map(Value::as_str).map(|value| (name.clone(), value.to_owned())));
    }
    pairs
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
    fn parameters_of_a_path() {
        let path = |route: &str, parameters: Value| {
            path(&fields(&json!({"pathParameters": parameters})), Some(route), "/base/queries/raw")
        };
        assert_eq!(path("/queries/{id}", json!({"id": "a"})), "/queries/a");
        assert_eq!(path("/queries/{id}/rows/{row}", json!({"id": "a", "row": "b"})), "/queries/a/rows/b");
        for (route, parameters) in [
            ("/queries/{id}", json!({})),
            ("/queries/{id}", json!(null)),
            ("/queries/{id}", json!({"id": 1})),
            ("/{proxy+}", json!({"proxy": "queries/raw"})),
            ("/queries/{id", json!({"id": "a"})),
            ("$default", json!(null)),
        ] {
            assert_eq!(path(route, parameters.clone()), "/base/queries/raw", "{route} {parameters}");
        }
    }

    #[test]
    fn parameters_of_a_query() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        for (event, pairs) in [
            (json!({"queryStringParameters": {"page": "a+b%20"}}), vec![pair("page", "a+b%20")]),
            (
                json!({"queryStringParameters": {"a": "2"}, "multiValueQueryStringParameters": {"a": ["1", "2"]}}),
                vec![pair("a", "1"), pair("a", "2")],
            ),
            (json!({"queryStringParameters": null, "multiValueQueryStringParameters": null}), vec![]),
            (json!({"queryStringParameters": {"a": 1}}), vec![]),
            (json!({}), vec![]),
        ] {
            assert_eq!(decoded_query(&fields(&event)), pairs, "{event}");
        }
        assert_eq!(query("page=a%2Bb+c&x"), [pair("page", "a+b c"), pair("x", "")]);
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
