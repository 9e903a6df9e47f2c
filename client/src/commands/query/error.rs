//! Why there are no rows, or not all of them.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use http_client::{BuildError, Endpoint, Response};
use serde::Deserialize;

use crate::consequence::{Consequence, Kind};
use crate::exchange::error::IN_FRONT;
use crate::freshness::call::CallError;
use crate::freshness::error::FetchError;
use crate::timestamp;

/// Of an error's words, as much is shown.
const MAX_WORDS: usize = 1000;

/// Why a query did not end with all its rows.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QueryError {
    #[error("the statement in {name} cannot be read: {cause}")]
    Statement { name: String, cause: io::Error },
    #[error("the statement is larger than 256 KiB, which is all that Athena takes")]
    TooLarge,
    #[error("the statement is empty: give it as the argument, with --file FILE, or `-` and standard input")]
    Empty,
    #[error("{} is not a file path: name a file in a folder that exists", .0.display())]
    NoFile(PathBuf),
    #[error(transparent)]
    HttpClient(#[from] BuildError),
    #[error(transparent)]
    Token(#[from] FetchError),
    #[error("the signals of this process cannot be watched: {0}")]
    Signals(io::Error),
    #[error("the system's random numbers cannot be had")]
    Random,
    #[error("{cause}{}", running(id.as_deref()))]
    Call { cause: CallError, id: Option<String> },
    #[error("{endpoint} answered {status}{}: {}", words(problem), advice(*status, problem.code.as_deref()))]
    Answered { endpoint: Endpoint, status: u16, problem: Box<QueryProblem>, retry_after: Option<Duration> },
    #[error("{endpoint} answered {status}, but {problem}{}: is it the query API (QUERY_API_URL)?", shown("query", id.as_deref()))]
    Unusable { endpoint: Endpoint, status: u16, problem: &'static str, id: Option<String> },
    #[error("the rows cannot be written: {0}")]
    Output(io::Error),
}

/// What the body of an error says, as far as it can be shown.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct QueryProblem {
    #[serde(rename = "error")]
    code: Option<String>,
    error_description: Option<String>,
    /// What API Gateway and others say instead.
    message: Option<String>,
    request_id: Option<String>,
    retryable: Option<bool>,
    #[serde(rename = "queryId")]
    query_id: Option<String>,
}

impl QueryError {
    /// A response that is neither rows nor a state; `id` is the query's, where it is known already.
    pub(crate) fn answered(endpoint: &Endpoint, response: &Response, token: &str, id: Option<&str>) -> Self {
        let mut problem: QueryProblem = serde_json::from_slice(&response.body).unwrap_or_default();
        for text in [
            &mut problem.code,
            &mut problem.error_description,
            &mut problem.message,
            &mut problem.request_id,
            &mut problem.query_id,
        ] {
            *text = text.take().and_then(|text| showable(&text, token));
        }
        problem.query_id = problem.query_id.or_else(|| id.map(str::to_owned));
        let (endpoint, status) = (endpoint.clone(), response.status);
        Self::Answered {
            endpoint,
            status,
            problem: Box::new(problem),
            retry_after: response.retry_after(timestamp::now()),
        }
    }

    pub(crate) fn consequence(&self) -> Consequence {
        match self {
            Self::HttpClient(_)
            | Self::Statement { .. }
            | Self::TooLarge
            | Self::Empty
            | Self::NoFile(_)
            | Self::Output(_) => Consequence::last(Kind::Configuration),
            Self::Token(error) => error.consequence(),
            Self::Call { cause, .. } => cause.consequence(),
            Self::Answered { status, problem, retry_after, .. } => {
                let kind = Kind::of_status(*status);
                match problem.retryable {
                    Some(true) => Consequence::retry(kind, *retry_after),
                    None if kind == Kind::Unavailable => Consequence::retry(kind, *retry_after),
                    _ => Consequence::last(kind),
                }
            }
            Self::Unusable { .. } | Self::Signals(_) | Self::Random => Consequence::last(Kind::Unavailable),
        }
    }

    /// The request that was not made, since nothing was left of the call.
    pub(crate) fn is_spent(&self) -> bool {
        matches!(self, Self::Call { cause: CallError::Spent(_), .. })
    }
}

/// One line without control characters; nothing where it repeats the token.
fn showable(text: &str, token: &str) -> Option<String> {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_WORDS).collect();
    (!line.trim().is_empty() && !line.contains(token)).then(|| line.trim().to_owned())
}

fn words(problem: &QueryProblem) -> String {
    let code = problem.code.as_deref().map(|code| format!(" {code}")).unwrap_or_default();
    let description = problem.error_description.as_deref().or(problem.message.as_deref());
    let description = description.map(|text| format!(" ({text})")).unwrap_or_default();
    let (request, query) =
        (shown("request", problem.request_id.as_deref()), shown("query", problem.query_id.as_deref()));
    format!("{code}{description}{request}{query}")
}

fn shown(what: &str, id: Option<&str>) -> String {
    id.map(|id| format!(" [{what} {id}]")).unwrap_or_default()
}

fn running(id: Option<&str>) -> String {
    id.map(|id| format!(" [query {id}, which may still run]")).unwrap_or_default()
}

fn advice(status: u16, code: Option<&str>) -> &'static str {
    match (status, code) {
        (_, Some("invalid_query")) => "correct the statement: exactly one, in Athena's SQL",
        (_, Some("statement_not_allowed")) => {
            "the client's scopes do not allow this kind of statement: ask for query.write or query.admin"
        }
        (_, Some("insufficient_scope")) => "the token has none of the scopes query.read, query.write, query.admin",
        (_, Some("permission_denied")) => {
            "the role may not do this: ask for a grant of Lake Formation on what it names"
        }
        (_, Some("not_your_query")) => "a query belongs to the client that has started it",
        (_, Some("client_not_registered")) => "no role is mapped to this client or its scopes: ask the API's operator",
        (_, Some("client_disabled" | "client_expired")) => "ask the API's operator to enable this client",
        (_, Some("query_failed")) => "Athena ran it and says why it failed",
        (_, Some("row_too_large")) => "a row has more than 4 MiB: select fewer columns, or UNLOAD",
        (_, Some("too_many_queries" | "rate_limited")) => "try again later",
        (_, Some("misconfigured")) => "this is the API's operator's to correct: tell the request id",
        (401 | 403, None) => IN_FRONT,
        (401, _) => "the API does not trust this token: do the identity provider and the API belong together?",
        (403, _) => "ask the API's operator, with the request id",
        (429 | 500.., _) => "the API is not able to answer now: try again later",
        _ => "does QUERY_API_URL name the query API?",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_one_line_and_hold_no_token() {
        assert_eq!(showable("a\u{1b}[2Jb\nc", "tok"), Some("a [2Jb c".to_owned()));
        assert_eq!(showable("it is tok", "tok"), None);
        assert_eq!(showable(&"x".repeat(5000), "tok").unwrap().len(), MAX_WORDS);
        assert_eq!(showable(" \n", "tok"), None);
    }
}
