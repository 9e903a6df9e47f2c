//! Half a response of AWS is no response. The SDK's parsers take what they find: an XML document that ends inside of a
//! token, and an empty body where a JSON object belongs.

use aws_sdk_sts::config::interceptors::AfterDeserializationInterceptorContextRef;
use aws_sdk_sts::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sts::error::BoxError;
use serde::de::IgnoredAny;

/// STS's protocol: one XML document.
#[derive(Debug)]
pub(crate) struct WholeXml;

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

/// `DynamoDB`'s protocol: one JSON object.
#[derive(Debug)]
pub(crate) struct WholeJson;

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

/// Whether the document ends with the end tag of its root element. No element of STS contains one of its own name.
fn is_whole_xml(document: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(document) else { return false };
    let mut rest = text.trim();
    if let Some(declared) = rest.strip_prefix("<?xml") {
        rest = declared.split_once("?>").map_or("", |(_, rest)| rest.trim_start());
    }
    let Some(root) = rest.strip_prefix('<') else { return false };
    let name = root.split(|character: char| character.is_ascii_whitespace() || "/>".contains(character)).next();
    let Some(name) = name.filter(|name| !name.is_empty()) else { return false };
    let Some(end) = rest.strip_suffix('>').and_then(|rest| rest.rsplit_once("</")) else { return false };
    end.1.trim_end() == name
}

fn is_whole_json(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"{") && serde_json::from_slice::<IgnoredAny>(body).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_whole_at_its_end_alone() {
        for document in [
            "<A xmlns=\"x\"><B>1</B></A>",
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<s:A xmlns:s=\"x\">\n <s:B/>\n</s:A >\n",
        ] {
            assert!(is_whole_xml(document.as_bytes()), "{document}");
            for end in 0..document.trim_end().len() {
                assert!(!is_whole_xml(&document.as_bytes()[..end]), "{}", &document[..end]);
            }
        }
        for other in ["", "<html>captive portal", "{}", "<A></B>", "<></>", "\u{feff}"] {
            assert!(!is_whole_xml(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn an_object_and_nothing_else() {
        assert!(is_whole_json(b"{}") && is_whole_json(b" {\"Item\":{\"a\":{\"S\":\"}\"}}}\n"));
        for other in ["", " ", "{", "[]", "null", "\"\"", "{}{}", "<html></html>", "{\"Item\":{\"a\":{\"S\":\"b\"}}"] {
            assert!(!is_whole_json(other.as_bytes()), "{other}");
        }
    }
}
