//! `clients list`: a line an item.

use serde_json::{Value, json};

use super::Context;
use crate::date;
use crate::error::Error;
use crate::item::{Item, State};
use crate::output;
use crate::rows::Rows;

pub(super) async fn run(context: &Context) -> Result<(), Error> {
    if context.json {
        return run_as_json(context).await;
    }
    let observed = context.governed.observed();
    let mut rows = Rows::new(["CLIENT", "STATE", "SERVER", "PREFIX", "LEVEL", "EXPIRES", "OBSERVED", "ROLE"]);
    context.table.each(|item| rows.push(&row(&item, &item.state(observed, context.now)))).await?;
    rows.sort();
    output::print_with(|mut out| rows.write(&mut out))
}

async fn run_as_json(context: &Context) -> Result<(), Error> {
    let observed = context.governed.observed();
    // As text they take a fraction of what they take as objects. Each begins with its key, by which they are sorted.
    let mut rows: Vec<Box<str>> = Vec::new();
    context
        .table
        .each(|item| rows.push(row_as_json(&item, &item.state(observed, context.now)).to_string().into()))
        .await?;
    rows.sort_unstable();
    output::print_with(|out| {
        let mut separator = "[\n";
        for row in &rows {
            write!(out, "{separator}  {row}")?;
            separator = ",\n";
        }
        out.write_all(if rows.is_empty() { b"[]\n" } else { b"\n]\n" })
    })
}

fn row(item: &Item, state: &State) -> [String; 8] {
    let text = |name: &str| item.text(name).unwrap_or("-").to_owned();
    let role = text("role_arn");
    [
        item.key.clone(),
        state.word().to_owned(),
        text("server_name"),
        text("s3_path_prefix"),
        item.text("s3_permissions").unwrap_or("write").to_owned(),
        item.epoch_seconds("expires_at").and_then(date::text).unwrap_or_else(|| "-".to_owned()),
        item.texts("observe").map_or_else(|| "-".to_owned(), |rules| rules.join(",")),
        role.rsplit_once(":role/").map_or(role.clone(), |(_, name)| name.to_owned()),
    ]
}

fn row_as_json(item: &Item, state: &State) -> Value {
    let mut row = item.to_json();
    if let Value::Object(members) = &mut row {
        members.insert("state".to_owned(), json!(state.word()));
    }
    row
}
