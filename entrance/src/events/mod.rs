//! Lambda's entrance: API Gateway payloads 1.0 and 2.0, function URLs and direct invocations become [`ApiRequest`]s.
//!
//! Only the fields that are used are read. An authorizer's claims, a time or a field of next year may have any type
//! without making the request unreadable. Events of every other kind (load balancers, VPC Lattice, schedules, queues,
//! pings) are refused by name, and never taken for a direct invocation.

mod api_gateway;
mod direct;

use std::collections::BTreeMap;

use http::Method;
use runtime_api::Invocation;
use serde::Serialize;
use serde_json::{Map, Value};
use thiserror::Error;

use crate::audit_line;
use crate::call::Call;
use crate::request::ApiRequest;
use crate::response::ApiResponse;
use crate::service::Service;

/// The shape of the response that the sender of an event expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// REST API: headers as lists.
    Payload1,
    /// HTTP API, function URL and direct invocation.
    Payload2,
}

/// Why an event is not a request. Names come from the event, values never do.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EventError {
    /// Not JSON, or another JSON value.
    #[error("the event was not understood: it is not a JSON object")]
    NotAnObject,
    /// A field that is used holds something else than it should.
    #[error("the event was not understood: `{field}` {problem}")]
    Field {
        /// Dotted path.
        field: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// An event of another service.
    #[error(
        "the event was not understood: it has {fields}, and is neither an event of API Gateway or of a function URL \
         (`requestContext.http`, or `httpMethod`) nor a direct invocation (`access_token`)"
    )]
    OtherKind {
        /// The event's fields.
        fields: String,
    },
}

/// Responds to an invocation. What is no request is told in the log as well: a load balancer shows a body to nobody,
/// and a schedule asks for no response.
pub(crate) async fn respond<S: Service>(service: &S, invocation: Invocation) -> String {
    let Invocation { request_id, event, deadline } = invocation;
    let call = Call::now(deadline);
    let response = match read(&event, request_id.clone(), S::DIRECT_PATH, call) {
        Ok((request, shape)) => {
            let is_head = request.method == Method::HEAD;
            let mut response = service.handle(request).await;
            if is_head {
                response.body.clear();
            }
            EventResponse::new(response, shape)
        }
        Err(error) => {
            service.log().warn(format_args!("request {request_id}: {error}"));
            let fields: Option<Map<String, Value>> = serde_json::from_slice(&event).ok();
            let source_ip = fields.as_ref().and_then(api_gateway::source);
            EventResponse::new(service.refuse_event(error, &request_id, source_ip).await, Shape::Payload2)
        }
    };
    // Lambda stops the process with the response. A reader that stands still has failed the decision already.
    let _ = audit_line::flush().await;
    // A struct of texts and numbers always serializes.
    serde_json::to_string(&response).unwrap_or_default()
}

/// Reads an event; a direct invocation is a `POST` of `direct_path`.
///
/// # Errors
/// When it is of a kind that is not served, or a field that is used cannot be read.
pub fn read(
    event: &[u8],
    request_id: String,
    direct_path: &str,
    call: Call,
) -> Result<(ApiRequest, Shape), EventError> {
    let Ok(Value::Object(fields)) = serde_json::from_slice(event) else { return Err(EventError::NotAnObject) };
    let context = fields.get("requestContext").filter(|context| !context.is_null());
    if context.is_some_and(|context| context.get("elb").is_some()) {
        let problem = "says that a load balancer sent it, and load balancers are not served";
        return Err(EventError::field("requestContext.elb", problem));
    }
    if context.is_some_and(|context| context.get("http").is_some_and(Value::is_object)) {
        return Ok((api_gateway::from_payload_2(&fields, request_id, call)?, Shape::Payload2));
    }
    if fields.contains_key("httpMethod") {
        return Ok((api_gateway::from_payload_1(&fields, request_id, call)?, Shape::Payload1));
    }
    match context {
        Some(Value::Object(context)) => Err(EventError::other_kind("requestContext.", context)),
        Some(_) => Err(EventError::field("requestContext", "is not an object")),
        None if fields.contains_key("access_token") => {
            Ok((direct::from_invocation(event, request_id, direct_path, call), Shape::Payload2))
        }
        None => Err(EventError::other_kind("", &fields)),
    }
}

impl EventError {
    fn field(field: impl Into<String>, problem: &'static str) -> Self {
        Self::Field { field: field.into().chars().take(200).collect(), problem }
    }

    /// A dozen names are enough to recognise a service by.
    fn other_kind(prefix: &str, fields: &Map<String, Value>) -> Self {
        let names =
            fields.keys().take(12).map(|name| format!("`{prefix}{}`", name.chars().take(40).collect::<String>()));
        let names: Vec<_> = names.collect();
        Self::OtherKind { fields: if names.is_empty() { "no fields".to_owned() } else { names.join(", ") } }
    }
}

/// A response as the sender of the event expects it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventResponse {
    status_code: u16,
    #[serde(flatten)]
    headers: ResponseHeaders,
    body: String,
    is_base64_encoded: bool,
}

#[derive(Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum ResponseHeaders {
    Payload1 {
        multi_value_headers: BTreeMap<String, Vec<String>>,
    },
    Payload2 {
        headers: BTreeMap<String, String>,
        /// There are none; Lambda's emulator (cargo lambda) takes no response without the list.
        cookies: [String; 0],
    },
}

impl EventResponse {
    /// Puts a response into the expected shape.
    #[must_use]
    pub fn new(response: ApiResponse, shape: Shape) -> Self {
        // Header values are made from text here; one that is not would be a header that no caller could read.
        let pairs = response.headers.iter();
        let pairs = pairs.filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())));
        let headers = match shape {
            Shape::Payload1 => ResponseHeaders::Payload1 {
                multi_value_headers: pairs.map(|(name, value)| (name, vec![value])).collect(),
            },
            Shape::Payload2 => ResponseHeaders::Payload2 { headers: pairs.collect(), cookies: [] },
        };
        Self { status_code: response.status, headers, body: response.body, is_base64_encoded: false }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(event: &Value) -> String {
        read(event.to_string().as_bytes(), String::new(), "/credentials", Call::now(None))
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    }

    #[test]
    fn what_is_no_request_is_told_by_its_fields() {
        for (event, named) in [
            (json!({"requestContext": {"elb": {}}, "httpMethod": "GET", "path": "/"}), "`requestContext.elb`"),
            (json!({"requestContext": {"elb": {}}, "access_token": "a"}), "`requestContext.elb`"),
            (
                json!({"version": "2.0", "path": "/", "requestContext": {"serviceArn": "a"}}),
                "`requestContext.serviceArn`",
            ),
            (json!({"raw_path": "/", "method": "GET", "headers": {}, "is_base64_encoded": false}), "`raw_path`"),
            (json!({"detail-type": "Scheduled Event", "source": "aws.events", "detail": {}}), "`detail-type`"),
            (json!({"Records": [{"eventSource": "aws:sqs", "body": "{\"access_token\": \"a\"}"}]}), "`Records`"),
            (json!({"warmer": true}), "`warmer`"),
            (json!({"client_id": "a"}), "`client_id`"),
            (json!({"requestContext": {"connectionId": "x", "eventType": "CONNECT"}}), "`requestContext.connectionId`"),
            (json!({"requestContext": "x", "access_token": "a"}), "`requestContext` is not an object"),
            (json!({}), "no fields"),
            (json!([{"access_token": "a"}]), "not a JSON object"),
            (json!("a"), "not a JSON object"),
        ] {
            assert!(refusal(&event).contains(named), "{event}: {}", refusal(&event));
        }
    }

    #[test]
    fn a_refusal_is_short_and_holds_no_value() {
        let many: Map<String, Value> =
            (0..1000).map(|number| (format!("{number}{}", "x".repeat(99)), json!("value"))).collect();
        let refusal = refusal(&Value::Object(many));
        assert!(refusal.len() < 1000 && !refusal.contains("value"), "{refusal}");
    }
}
