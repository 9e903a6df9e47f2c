//! Lines as they come: rows of a table, or one by one in full, or JSON.

use ::audit::RecordedLine;
use environment::visible;
use serde_json::Value;

use crate::date;
use crate::error::Error;
use crate::output;

const HEADINGS: [&str; 7] = ["TIME", "RESULT", "CLIENT", "SERVER", "SESSION", "ACCESS KEY", "FROM"];
/// So many rows are held back to align them.
const CHUNK: usize = 500;

pub(crate) struct Shown {
    form: Form,
    rows: Vec<[String; 7]>,
    count: usize,
}

#[derive(Clone, Copy)]
enum Form {
    Rows,
    Full,
    Json,
}

impl Shown {
    pub(crate) fn new(json: bool, full: bool) -> Self {
        let form = match (json, full) {
            (true, _) => Form::Json,
            (false, true) => Form::Full,
            (false, false) => Form::Rows,
        };
        Self { form, rows: Vec::new(), count: 0 }
    }

    pub(crate) fn add(&mut self, line: &RecordedLine, text: &str) -> Result<(), Error> {
        self.count += 1;
        match self.form {
            Form::Json => {
                let before = if self.count == 1 { "[\n" } else { ",\n" };
                output::print(format!("{before}{}", without_metrics(text)).as_bytes())
            }
            Form::Full => output::print(full(line).as_bytes()),
            Form::Rows => {
                self.rows.push(row(line));
                if self.rows.len() == CHUNK { self.print_rows() } else { Ok(()) }
            }
        }
    }

    pub(crate) fn end(&mut self) -> Result<(), Error> {
        match self.form {
            Form::Json if self.count == 0 => output::print(b"[]\n"),
            Form::Json => output::print(b"\n]\n"),
            Form::Rows if !self.rows.is_empty() => self.print_rows(),
            Form::Rows | Form::Full => Ok(()),
        }
    }

    fn print_rows(&mut self) -> Result<(), Error> {
        let rows = std::mem::take(&mut self.rows);
        let is_first = self.count == rows.len();
        let text = output::table(HEADINGS, &rows);
        let text = if is_first { &text } else { text.split_once('\n').map_or("", |(_, rest)| rest) };
        output::print(text.as_bytes())
    }
}

fn row(line: &RecordedLine) -> [String; 7] {
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    let result = if line.decision == "allow" { "allow".to_owned() } else { format!("{} {}", line.decision, line.code) };
    [
        time(line.time),
        result,
        text(&line.client_id),
        text(&line.server_name),
        text(&line.session_name),
        text(&line.access_key_id),
        text(&line.source_ip),
    ]
}

/// From what CloudTrail shows to the client and its request.
fn full(line: &RecordedLine) -> String {
    let mut text = String::new();
    let mut member = |name: &str, value: Option<&str>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            let line = format!("{name:<12}  {}\n", visible(value));
            text.push_str(&line);
        }
    };
    member("time", Some(&time(line.time)));
    member("client", line.client_id.as_deref());
    member("issuer", line.issuer.as_deref());
    member("server", line.server_name.as_deref());
    member("decision", Some(&line.decision));
    member("code", Some(&line.code));
    member("reason", line.reason.as_deref());
    member("role", line.role_arn.as_deref());
    member("session", line.session_name.as_deref());
    member("access key", line.access_key_id.as_deref());
    member("from", line.source_ip.as_deref());
    member("route", Some(&line.route));
    member("scopes", Some(&line.scopes.join(" ")));
    member("request", Some(&line.request_id));
    member("token id", line.jti.as_deref());
    member("token sha256", line.token_sha256.as_deref());
    text.push('\n');
    text
}

pub(crate) fn time(millis: u64) -> String {
    date::text(millis / 1000).unwrap_or_else(|| millis.to_string())
}

/// The line as it was written; what makes a metric of it is for CloudWatch alone.
fn without_metrics(text: &str) -> String {
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(mut members)) => {
            members.remove("_aws");
            Value::Object(members).to_string()
        }
        _ => text.to_owned(),
    }
}
