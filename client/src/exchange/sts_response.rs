//! What STS answers: XML by its contract, and JSON where it honours `Accept`. Both become the same names and texts.

use std::collections::HashMap;
use std::time::{Duration, UNIX_EPOCH};

use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::Value;

use super::error::Problem;
use super::vending_api::is_showable;
use crate::timestamp;

/// Texts of a response by the name of their innermost element. STS repeats no name within a response that matters here.
pub(crate) struct StsResponse(HashMap<String, String>);

/// No answer of STS is nested deeper; a hostile one is not followed.
const MAX_DEPTH: usize = 16;

impl StsResponse {
    /// `None` for what is neither.
    pub(crate) fn parse(body: &[u8]) -> Option<Self> {
        let mut texts = HashMap::new();
        if body.trim_ascii_start().starts_with(b"{") {
            collect_json(&serde_json::from_slice(body).ok()?, "", &mut texts);
        } else {
            collect_xml(body, &mut texts)?;
        }
        Some(Self(texts))
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|text| text.trim()).filter(|text| !text.is_empty())
    }

    /// The credentials, in the form that the vending API gives them.
    pub(crate) fn credentials(&self) -> Option<vending_api::Credentials> {
        Some(vending_api::Credentials {
            access_key_id: self.text("AccessKeyId")?.to_owned(),
            secret_access_key: self.text("SecretAccessKey")?.to_owned(),
            session_token: self.text("SessionToken")?.to_owned(),
            expiration: self.text("Expiration")?.to_owned(),
        })
    }

    /// An error's words, without those that repeat the token.
    pub(crate) fn problem(&self, token: &str) -> Problem {
        let showable = |name| self.text(name).filter(|text| is_showable(text, token)).map(str::to_owned);
        let is_code = |code: &String| code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
        Problem {
            code: showable("Code").filter(is_code),
            description: showable("Message"),
            request_id: showable("RequestId"),
            retryable: None,
        }
    }
}

fn collect_json(value: &Value, name: &str, texts: &mut HashMap<String, String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| collect_json(value, name, texts)),
        Value::String(text) => {
            texts.insert(name.to_owned(), text.clone());
        }
        Value::Number(number) if name == "Expiration" => {
            // Seconds since 1970. What is no time stays away, and is missed where credentials are checked.
            let since = number.as_f64().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
            let at = since.and_then(|since| UNIX_EPOCH.checked_add(since));
            texts.extend(at.map(|at| (name.to_owned(), timestamp::format(at))));
        }
        Value::Number(_) | Value::Array(_) | Value::Bool(_) | Value::Null => {}
    }
}

/// Elements, text and the five entities of XML itself: there is no DTD to expand, so nothing to blow up.
fn collect_xml(body: &[u8], texts: &mut HashMap<String, String>) -> Option<()> {
    let mut reader = Reader::from_str(std::str::from_utf8(body).ok()?);
    let mut open: Vec<String> = Vec::new();
    let mut is_document = false;
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                is_document = true;
                open.push(start.local_name().as_ref().to_owned());
                if open.len() > MAX_DEPTH {
                    return None;
                }
            }
            Event::End(_) => {
                open.pop()?;
            }
            Event::Text(text) => append(&open, &text.xml10_content(), texts),
            Event::GeneralRef(reference) => {
                let resolved = match reference.resolve_char_ref().ok()? {
                    Some(character) => character.to_string(),
                    None => quick_xml::escape::resolve_predefined_entity(&reference)?.to_owned(),
                };
                append(&open, &resolved, texts);
            }
            Event::DocType(_) => return None,
            Event::Eof => return (is_document && open.is_empty()).then_some(()),
            _ => {}
        }
    }
}

fn append(open: &[String], text: &str, texts: &mut HashMap<String, String>) {
    if let Some(name) = open.last() {
        texts.entry(name.clone()).or_default().push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xml_and_json_say_the_same() {
        let xml = br#"<?xml version="1.0"?>
            <AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
              <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIA</AccessKeyId>
              <SecretAccessKey>a/b+c&amp;d</SecretAccessKey><SessionToken>t==</SessionToken>
              <Expiration>2026-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult>
            </AssumeRoleWithWebIdentityResponse>"#;
        let json = br#"{"AssumeRoleWithWebIdentityResponse":{"AssumeRoleWithWebIdentityResult":{"Credentials":
            {"AccessKeyId":"ASIA","SecretAccessKey":"a/b+c&d","SessionToken":"t==","Expiration":1.7672256E9}}}}"#;
        for body in [&xml[..], &json[..]] {
            let credentials = StsResponse::parse(body).unwrap().credentials().unwrap();
            assert_eq!(credentials.access_key_id, "ASIA");
            assert_eq!(credentials.secret_access_key, "a/b+c&d");
            assert_eq!(credentials.session_token, "t==");
            assert_eq!(credentials.expiration, "2026-01-01T00:00:00Z");
        }
    }

    #[test]
    fn an_error_s_words_without_the_token() {
        let xml = b"<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>Not &quot;you&quot;, \
            the-token</Message></Error><RequestId>r1</RequestId></ErrorResponse>";
        let response = StsResponse::parse(xml).unwrap();
        assert_eq!(response.problem("other").to_string(), " AccessDenied (Not \"you\", the-token) [request r1]");
        assert_eq!(response.problem("the-token").to_string(), " AccessDenied [request r1]");
        let json = br#"{"Error":{"Code":"Throttling","Message":"Rate exceeded","Type":"Sender"},"RequestId":"r2"}"#;
        let problem = StsResponse::parse(json).unwrap().problem("the-token");
        assert_eq!(problem.to_string(), " Throttling (Rate exceeded) [request r2]");
    }

    #[test]
    fn what_is_no_answer_of_sts() {
        let deep = "<a>".repeat(20);
        for body in
            ["", "hello", "{", "<a><b></a>", "<a>", "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>", "<a>&x;</a>", &deep]
        {
            assert!(StsResponse::parse(body.as_bytes()).is_none(), "{body}");
        }
        assert!(StsResponse::parse(b"<html><body>captive portal</body></html>").unwrap().credentials().is_none());
    }
}
