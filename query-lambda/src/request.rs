//! What a request asks: a query to run, or one to look after.

use std::time::Duration;

use authenticate::bearer_token;
use entrance::{ApiRequest, RequestError, is_json, one_token};
use http::header::CONTENT_TYPE;
use serde::{Deserialize, Deserializer};

use crate::error::QueryError;
use crate::page::Page;

/// The largest body that is read: 1.5 MiB, since JSON may need six characters for one of the query's.
pub const MAX_BODY_BYTES: usize = 1_572_864;
const MAX_ROWS: u64 = 1000;
const MAX_WAIT_SECONDS: u64 = 25;

/// `POST`: a query to run.
pub struct StartRequest {
    /// The presented token, unverified.
    pub access_token: String,
    /// One statement, unread.
    pub query: String,
    /// The database of tables that name none.
    pub database: Option<String>,
    /// The first page.
    pub page: Page,
    /// How rows are written.
    pub format: Format,
    /// How long the query is waited for.
    pub wait: Duration,
    /// Two requests with the same one are one query.
    pub idempotency_key: Option<String>,
}

/// `GET` or `DELETE`: a query to look after.
pub struct LookupRequest {
    /// The presented token, unverified.
    pub access_token: String,
    /// As the caller has it: of any form.
    pub query_id: String,
    /// Which page.
    pub page: Page,
    /// How rows are written.
    pub format: Format,
}

/// How rows are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Arrays of strings, the columns' names first (**kept**).
    #[default]
    Rows,
    /// An object a row, with types and NULLs.
    Objects,
}

#[derive(Deserialize)]
struct Body {
    access_token: Option<String>,
    query: Option<String>,
    database: Option<String>,
    #[serde(default, deserialize_with = "whole_number")]
    max_rows: Option<u64>,
    format: Option<Format>,
    #[serde(default, deserialize_with = "whole_number")]
    wait_seconds: Option<u64>,
    idempotency_key: Option<String>,
}

/// JSON has one kind of number: 25.0 and 2.5e1 are integers as much as 25 (JSON Schema 2020-12, 6.1.1).
fn whole_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let Some(number) = Option::<f64>::deserialize(deserializer)? else { return Ok(None) };
    if number.fract() != 0.0 || !(0.0..=1e9).contains(&number) {
        return Err(serde::de::Error::custom("not a whole number"));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is whole and within the bounds of u64"
    )]
    Ok(Some(number as u64))
}

impl StartRequest {
    /// Reads header and body.
    ///
    /// # Errors
    /// When there is no token or more than one, or the body is not what it should be.
    pub fn read(request: &ApiRequest) -> Result<Self, QueryError> {
        let in_header = bearer_token(&request.headers)?;
        let body = parse(request)?;
        let access_token = one_token(in_header, body.access_token)?;
        let text = |name, text: Option<String>, most| match text {
            Some(text) if text.is_empty() || text.chars().count() > most => Err(QueryError::Parameter(name)),
            text => Ok(text),
        };
        let number = |name, number: Option<u64>, bounds: std::ops::RangeInclusive<u64>| match number {
            Some(number) if !bounds.contains(&number) => Err(QueryError::Parameter(name)),
            number => Ok(number.unwrap_or(*bounds.end())),
        };
        let rows = number("`max_rows` must be from 1 to 1000", body.max_rows, 1..=MAX_ROWS)?;
        let wait = number("`wait_seconds` must be from 0 to 25", body.wait_seconds, 0..=MAX_WAIT_SECONDS)?;
        Ok(Self {
            access_token,
            query: body.query.ok_or(QueryError::Parameter("`query` is missing: it is one SQL statement"))?,
            database: text("`database` must have from 1 to 255 characters", body.database, 255)?,
            page: Page::first(rows),
            format: body.format.unwrap_or_default(),
            wait: Duration::from_secs(wait),
            idempotency_key: text("`idempotency_key` must have from 1 to 128 characters", body.idempotency_key, 128)?,
        })
    }
}

fn parse(request: &ApiRequest) -> Result<Body, QueryError> {
    let body = request.body.as_ref().map_err(Clone::clone)?;
    if body.len() > MAX_BODY_BYTES {
        return Err(RequestError::TooLarge { limit: MAX_BODY_BYTES }.into());
    }
    if request.headers.get(CONTENT_TYPE).is_some_and(|value| !is_json(value.as_bytes())) {
        return Err(RequestError::UnsupportedMediaType.into());
    }
    let malformed = RequestError::Invalid("the body must be one JSON object with the member `query`");
    // Serde reads a struct from an array as well, member by member.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(malformed.into());
    }
    let wrong = QueryError::Parameter(
        "a parameter is not what it should be: `query`, `database` and `idempotency_key` are strings, `max_rows` (1 to 1000) \
         and `wait_seconds` (0 to 25) are whole numbers, `format` is rows or objects, each at most once",
    );
    serde_json::from_slice(body).map_err(|error| if error.is_data() { wrong } else { malformed.into() })
}

impl LookupRequest {
    /// Reads header and parameters.
    ///
    /// # Errors
    /// When there is no token, or a parameter is not what it should be.
    pub fn read(request: &ApiRequest, query_id: &str) -> Result<Self, QueryError> {
        let access_token = one_token(bearer_token(&request.headers)?, None)?;
        let format = match parameter(request, "format")? {
            None => Format::default(),
            Some("rows") => Format::Rows,
            Some("objects") => Format::Objects,
            Some(_) => return Err(QueryError::Parameter("`format` must be rows or objects")),
        };
        let page = match parameter(request, "page")? {
            None => Page::first(MAX_ROWS),
            Some(text) => {
                Page::parse(text).ok_or(QueryError::Parameter("`page` must be the `nextPage` of a response"))?
            }
        };
        Ok(Self { access_token, query_id: query_id.to_owned(), page, format })
    }
}

fn parameter<'a>(request: &'a ApiRequest, name: &str) -> Result<Option<&'a str>, QueryError> {
    let mut values = request.query.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(QueryError::Parameter("`page` and `format` may be given once")),
        (value, None) => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use entrance::{Call, Judged as _};
    use http::{HeaderMap, Method};

    use super::*;

    fn request(body: &str, query: &[(&str, &str)]) -> ApiRequest {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", "Bearer a.b.c".parse().unwrap());
        ApiRequest {
            method: Method::POST,
            path: "/query-client-creds".to_owned(),
            query: query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            headers,
            body: Ok(body.as_bytes().to_vec()),
            source_ip: None,
            request_id: String::new(),
            call: Call::now(None),
        }
    }

    #[test]
    fn defaults_and_bounds() {
        let read = |body: &str| StartRequest::read(&request(body, &[]));
        let plain = read(r#"{"query":"SELECT 1","unknown":1,"database":null}"#).unwrap();
        assert_eq!((plain.query.as_str(), plain.wait.as_secs(), plain.format), ("SELECT 1", 25, Format::Rows));
        let full = read(
            r#"{"query":"q","database":"d","max_rows":1.0,"format":"objects","wait_seconds":0,"idempotency_key":"k"}"#,
        );
        let full = full.unwrap();
        assert_eq!(
            (full.wait.as_secs(), full.format, full.idempotency_key.as_deref()),
            (0, Format::Objects, Some("k"))
        );
        for (body, code) in [
            ("", "invalid_request"),
            ("[]", "invalid_request"),
            ("{", "invalid_request"),
            ("{}", "invalid_query"),
            (r#"{"query":1}"#, "invalid_query"),
            (r#"{"query":"a","query":"b"}"#, "invalid_query"),
            (r#"{"query":"a","max_rows":0}"#, "invalid_query"),
            (r#"{"query":"a","max_rows":1001}"#, "invalid_query"),
            (r#"{"query":"a","max_rows":1.5}"#, "invalid_query"),
            (r#"{"query":"a","wait_seconds":26}"#, "invalid_query"),
            (r#"{"query":"a","wait_seconds":-1}"#, "invalid_query"),
            (r#"{"query":"a","format":"Rows"}"#, "invalid_query"),
            (r#"{"query":"a","database":""}"#, "invalid_query"),
            (r#"{"query":"a","idempotency_key":""}"#, "invalid_query"),
            (r#"{"query":"a","access_token":"other"}"#, "invalid_request"),
        ] {
            assert_eq!(read(body).err().unwrap().verdict().code, code, "{body}");
        }
        let long = format!(r#"{{"query":"a","idempotency_key":"{}"}}"#, "\u{e9}".repeat(128));
        assert!(read(&long).is_ok());
    }

    #[test]
    fn parameters_of_a_lookup() {
        let read = |query: &[(&str, &str)]| LookupRequest::read(&request("", query), "id");
        assert_eq!(read(&[]).unwrap().format, Format::Rows);
        assert_eq!(read(&[("format", "objects"), ("other", "x")]).unwrap().format, Format::Objects);
        for query in [
            &[("format", "xml")][..],
            &[("page", "forged")],
            &[("page", "")],
            &[("page", "1.1.YQ"), ("page", "1.1.YQ")],
        ] {
            assert_eq!(read(query).err().unwrap().verdict().code, "invalid_query", "{query:?}");
        }
    }
}
