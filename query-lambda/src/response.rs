//! The bodies of responses.

use entrance::{ApiResponse, Judged as _};
use serde::Serialize;

use crate::error::QueryError;
use crate::page::Page;
use crate::results::{Column, MAX_SENT, Rows, sent_size};

/// The longest `nextPage` with its name, and the name of `data`.
const REST: usize = 1600;

/// What is said of a query beside its rows.
pub(crate) struct Facts {
    pub(crate) client_id: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) role_arn: String,
    pub(crate) query: String,
    pub(crate) query_id: String,
    pub(crate) scanned_bytes: u64,
}

/// 200 with rows (**kept**, and what is new beside it). `data` is written behind it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RowsBody<'a> {
    success: bool,
    auth_method: &'a str,
    client_id: &'a str,
    scopes: &'a [String],
    lf_role: &'a str,
    row_count: usize,
    columns: &'a [Column],
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page: Option<String>,
    scanned_bytes: u64,
    query: &'a str,
    query_execution_id: &'a str,
    #[serde(rename = "request_id")]
    request_id: &'a str,
}

/// 202, and 200 of a query that was stopped.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StateBody<'a> {
    success: bool,
    query_id: &'a str,
    state: &'a str,
    #[serde(rename = "request_id")]
    request_id: &'a str,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    success: bool,
    error: &'a str,
    error_description: String,
    request_id: &'a str,
    retryable: bool,
    #[serde(rename = "queryId", skip_serializing_if = "Option::is_none")]
    query_id: Option<&'a str>,
}

impl Facts {
    fn body<'a>(&'a self, columns: &'a [Column], next_page: Option<String>, request_id: &'a str) -> RowsBody<'a> {
        RowsBody {
            success: true,
            auth_method: "CLIENT_CREDENTIALS",
            client_id: &self.client_id,
            scopes: &self.scopes,
            lf_role: &self.role_arn,
            row_count: 0,
            columns,
            next_page,
            scanned_bytes: self.scanned_bytes,
            query: &self.query,
            query_execution_id: &self.query_id,
            request_id,
        }
    }
}

/// Bytes that everything but columns and rows leaves of a response, as sent.
pub(crate) fn room(facts: &Facts, request_id: &str) -> usize {
    MAX_SENT.saturating_sub(sent_size(&json(&facts.body(&[], None, request_id))) + REST)
}

pub(crate) fn rows(facts: &Facts, page: &Page, rows: &Rows, request_id: &str) -> ApiResponse {
    let next = rows.next.as_deref().map(|token| page.next(rows.likely_next, token));
    let mut body = json(&RowsBody { row_count: rows.count, ..facts.body(&rows.columns, next, request_id) });
    // An object's last brace makes room for its largest member, which is JSON already.
    body.pop();
    body.push_str(",\"data\":");
    body.push_str(&rows.json);
    body.push('}');
    ApiResponse::json(200, body, request_id)
}

pub(crate) fn state(status: u16, query_id: &str, state: &str, request_id: &str) -> ApiResponse {
    ApiResponse::json(status, json(&StateBody { success: true, query_id, state, request_id }), request_id)
}

/// Status, headers and body from the one table in [`crate::error`].
pub(crate) fn error(error: &QueryError, query_id: Option<&str>, request_id: &str) -> ApiResponse {
    let verdict = error.verdict();
    let body = ErrorBody {
        success: false,
        error: verdict.code,
        error_description: error.description(),
        request_id,
        retryable: verdict.retryable,
        query_id,
    };
    ApiResponse::error(&verdict, json(&body), request_id)
}

/// Structs of strings and numbers always serialize.
fn json(body: &impl Serialize) -> String {
    serde_json::to_string(body).unwrap_or_default()
}
