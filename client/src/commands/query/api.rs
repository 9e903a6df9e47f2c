//! The query API's routes, and what its responses hold.

use environment::Variables;
use http_client::{Endpoint, Request, Response};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::error::QueryError;
use super::run::Statement;
use crate::output::query_rows::RowFormat;

const ROUTE: &str = "query-client-creds";
/// Rows of one response.
const PAGE: u64 = 1000;

/// Where statements are run.
pub(super) struct QueryApi {
    pub(super) endpoint: Endpoint,
}

/// A response that is no error.
pub(super) enum Answer {
    Running { id: String, state: String },
    Page(Page),
}

/// Some rows. In [`RowFormat::wire`] `rows`, the first of the first page are the columns' names.
pub(super) struct Page {
    pub(super) id: Option<String>,
    pub(super) rows: Vec<Box<RawValue>>,
    pub(super) next: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    query_id: Option<String>,
    query_execution_id: Option<String>,
    state: Option<String>,
    data: Option<Vec<Box<RawValue>>>,
    next_page: Option<String>,
}

impl QueryApi {
    /// Reads `QUERY_API_URL`: the API's URL, with or without the route.
    pub(super) fn from_env(variables: &Variables<'_>) -> Option<Self> {
        const NAME: &str = "QUERY_API_URL";
        const EXAMPLE: &str = "https://query.example.com";
        let url = variables.required(NAME, EXAMPLE)?;
        let endpoint = variables.endpoint(NAME, &url, EXAMPLE)?;
        let path = endpoint.path().trim_end_matches('/');
        let base = path.strip_suffix(ROUTE).map_or(path, |base| base.trim_end_matches('/'));
        Some(Self { endpoint: endpoint.with_path(&format!("{base}/{ROUTE}")) })
    }

    /// Starts the statement, or finds the one that this key has started.
    pub(super) fn start(&self, statement: &Statement, key: &str, format: RowFormat, wait: Option<u8>) -> Request {
        let mut body = json!({
            "query": statement.query,
            "format": format.wire(),
            "max_rows": statement.max_rows.unwrap_or(PAGE).min(PAGE),
            "idempotency_key": key,
        });
        if let (Some(database), Some(members)) = (&statement.database, body.as_object_mut()) {
            members.insert("database".to_owned(), json!(database));
        }
        if let (Some(wait), Some(members)) = (wait, body.as_object_mut()) {
            members.insert("wait_seconds".to_owned(), json!(wait));
        }
        Request::post_json(&self.endpoint, body.to_string().into_bytes())
    }

    /// The state, or a page of the rows.
    pub(super) fn page(&self, id: &str, page: Option<&str>, format: RowFormat) -> Request {
        let endpoint = self.of(id).with_query("format", format.wire());
        Request::get(&page.map_or(endpoint.clone(), |page| endpoint.with_query("page", page)))
    }

    pub(super) fn stop(&self, id: &str) -> Request {
        Request::delete(&self.of(id))
    }

    fn of(&self, id: &str) -> Endpoint {
        self.endpoint.with_path(&format!("{}/{id}", self.endpoint.path()))
    }

    /// Reads a response; `id` is the query's, where it is known already.
    pub(super) fn read(&self, response: &Response, token: &str, id: Option<&str>) -> Result<Answer, QueryError> {
        let endpoint = &self.endpoint;
        let status = response.status;
        if status != 200 && status != 202 {
            return Err(QueryError::answered(endpoint, response, token, id));
        }
        let unusable = |problem| {
            let (endpoint, id) = (endpoint.clone(), id.map(str::to_owned));
            QueryError::Unusable { endpoint, status, problem, id }
        };
        let body: Body = serde_json::from_slice(&response.body).map_err(|_| unusable("not with JSON of its own"))?;
        if status == 202 {
            let id = body.query_id.or_else(|| id.map(str::to_owned)).filter(|id| is_id(id));
            let id = id.ok_or_else(|| unusable("names no query"))?;
            let state = body.state.filter(|state| is_id(state)).unwrap_or_else(|| "RUNNING".to_owned());
            return Ok(Answer::Running { id, state });
        }
        let rows = body.data.ok_or_else(|| unusable("has no rows"))?;
        let id = body.query_execution_id.filter(|id| is_id(id));
        Ok(Answer::Page(Page { id, rows, next: body.next_page.filter(|page| !page.is_empty()) }))
    }
}

/// It becomes a part of a URL, and of messages.
fn is_id(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !text.is_empty() && text.len() <= 128 && text.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(url: &str) -> QueryApi {
        let lookup = |name: &str| (name == "QUERY_API_URL").then(|| url.to_owned());
        QueryApi::from_env(&Variables::new(&lookup)).unwrap()
    }

    #[test]
    fn the_route_is_appended_where_it_is_missing() {
        for (given, expected) in [
            ("https://a.example", "https://a.example/query-client-creds"),
            ("https://a.example/", "https://a.example/query-client-creds"),
            ("https://a.example/prod/", "https://a.example/prod/query-client-creds"),
            ("https://a.example/prod/query-client-creds", "https://a.example/prod/query-client-creds"),
            ("https://a.example/query-client-creds/", "https://a.example/query-client-creds"),
        ] {
            assert_eq!(api(given).endpoint.as_str(), expected);
        }
        let page = api("https://a.example").page("q-1", Some("a b&c"), RowFormat::Json);
        assert_eq!(page.endpoint().as_str(), "https://a.example/query-client-creds/q-1?format=objects&page=a+b%26c");
    }

    #[test]
    fn ids_stay_one_segment_of_a_path() {
        assert!(is_id("6f1d0e8e-0000-4b6f-9d7e-000000000000"));
        for id in ["", "a/b", "..", "a?b", "a\n", "ä"] {
            assert!(!is_id(id), "{id:?}");
        }
    }
}
