//! Athena, canned: what it was told to find, in pages. For its rules see the local stack.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::http_server::{Received, Reply};

/// One query and its result.
pub struct Athena {
    /// Rows behind the header row, in one column called `one`.
    pub rows: Vec<String>,
    /// A whole response of GetQueryResults, in the place of the rows.
    pub page: Option<String>,
    /// Of every query.
    pub state: &'static str,
    /// Id → location and text.
    queries: HashMap<String, (String, String)>,
    /// Client request token → id.
    tokens: HashMap<String, String>,
}

impl Default for Athena {
    fn default() -> Self {
        let (queries, tokens) = (HashMap::new(), HashMap::new());
        Self { rows: vec!["1".to_owned()], page: None, state: "SUCCEEDED", queries, tokens }
    }
}

impl Athena {
    pub fn reply(&mut self, received: &Received) -> Reply {
        let asked: Value = serde_json::from_slice(&received.body).unwrap_or_default();
        let target = received.headers.get("x-amz-target").map(String::as_str).unwrap_or_default();
        let id = asked["QueryExecutionId"].as_str().unwrap_or_default();
        let body = match target.trim_start_matches("AmazonAthena.") {
            "StartQueryExecution" => self.start(&asked),
            "GetQueryExecution" => self.execution(id),
            "GetQueryResults" => match &self.page {
                Some(page) => return respond(200, page.clone()),
                None => self.results(&asked),
            },
            "StopQueryExecution" => json!({}),
            _ => json!({"WorkGroup": {"Name": "primary", "Configuration": {}}}),
        };
        let status = if body.get("__type").is_some() { 400 } else { 200 };
        respond(status, body.to_string())
    }

    fn start(&mut self, asked: &Value) -> Value {
        let token = asked["ClientRequestToken"].as_str().unwrap_or_default().to_owned();
        let next = format!("00000000-0000-4000-8000-{:012}", self.tokens.len());
        let id = self.tokens.entry(token).or_insert(next).clone();
        let location = asked["ResultConfiguration"]["OutputLocation"].as_str().unwrap_or_default();
        let text = asked["QueryString"].as_str().unwrap_or_default().to_owned();
        self.queries.insert(id.clone(), (format!("{location}{id}.csv"), text));
        json!({"QueryExecutionId": id})
    }

    fn execution(&self, id: &str) -> Value {
        let Some((location, text)) = self.queries.get(id) else {
            let message = format!("QueryExecution {id} was not found");
            return json!({"__type": "InvalidRequestException", "Message": message});
        };
        json!({"QueryExecution": {
            "QueryExecutionId": id,
            "Query": text,
            "StatementType": "DML",
            "ResultConfiguration": {"OutputLocation": location},
            "Status": {"State": self.state},
            "Statistics": {"DataScannedInBytes": 42},
        }})
    }

    fn results(&self, asked: &Value) -> Value {
        let all: Vec<&str> = std::iter::once("one").chain(self.rows.iter().map(String::as_str)).collect();
        let first = asked["NextToken"].as_str().and_then(|token| token.parse().ok()).unwrap_or(0);
        let size = asked["MaxResults"].as_u64().and_then(|size| usize::try_from(size).ok()).unwrap_or(1000);
        let page: Vec<Value> =
            all.iter().skip(first).take(size).map(|value| json!({"Data": [{"VarCharValue": value}]})).collect();
        let columns = json!([{"Name": "one", "Type": "varchar"}]);
        let mut body = json!({"ResultSet": {"Rows": page, "ResultSetMetadata": {"ColumnInfo": columns}}});
        if first + size < all.len() {
            body["NextToken"] = json!((first + size).to_string());
        }
        body
    }
}

fn respond(status: u16, body: String) -> Reply {
    let headers = vec![("content-type".to_owned(), "application/x-amz-json-1.1".to_owned())];
    Reply::Whole(status, headers, body.into_bytes())
}
