//! Half a response of AWS is no response. The SDK's parsers take what they find: an XML document that ends inside of a
//! token, and an empty body where a JSON object belongs.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use aws_transport::is_whole_xml;
use serde::de::IgnoredAny;

/// For STS's protocol: a response is one XML document.
#[derive(Debug)]
pub struct WholeXml;

impl Intercept for WholeXml {
    fn name(&self) -> &'static str {
        "WholeXml"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let is_whole = has_failed_to_arrive(context) || context.response().body().bytes().is_some_and(is_whole_xml);
        if is_whole { Ok(()) } else { Err("the XML document has no end".into()) }
    }
}

/// For the protocol of `DynamoDB`, Athena and Secrets Manager: a response is one JSON object.
#[derive(Debug)]
pub struct WholeJson;

impl Intercept for WholeJson {
    fn name(&self) -> &'static str {
        "WholeJson"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        // The SDK reads the code of an error from a header as well.
        let is_whole = !response.status().is_success()
            || has_failed_to_arrive(context)
            || response.body().bytes().is_some_and(is_whole_json);
        if is_whole { Ok(()) } else { Err("the body is not a JSON object".into()) }
    }
}

/// A body that could not be read to its end is an error already, and one that the SDK retries.
fn has_failed_to_arrive(context: &AfterDeserializationInterceptorContextRef<'_>) -> bool {
    context.output_or_error().is_err() && context.response().body().bytes().is_none()
}

fn is_whole_json(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"{") && serde_json::from_slice::<IgnoredAny>(body).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_and_nothing_else() {
        assert!(is_whole_json(b"{}") && is_whole_json(b" {\"Item\":{\"a\":{\"S\":\"}\"}}}\n"));
        for other in ["", " ", "{", "[]", "null", "\"\"", "{}{}", "<html></html>", "{\"Item\":{\"a\":{\"S\":\"b\"}}"] {
            assert!(!is_whole_json(other.as_bytes()), "{other}");
        }
    }
}
