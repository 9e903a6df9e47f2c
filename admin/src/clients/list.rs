//! `clients list`: a line an item.

use serde_json::{Value, json};

use super::Context;
use crate::date;
use crate::error::Error;
use crate::item::{Item, State};
use crate::output;

pub(super) async fn run(context: &Context) -> Result<(), Error> {
    let items = context.table.scan().await?;
    if context.json {
        let rows: Vec<Value> = items.iter().map(|item| row_as_json(item, &item.state(context.now))).collect();
        return output::print_json(&Value::Array(rows));
    }
    let rows: Vec<_> = items.iter().map(|item| row(item, &item.state(context.now))).collect();
    let headings = ["CLIENT", "STATE", "SERVER", "PREFIX", "LEVEL", "EXPIRES", "OBSERVED", "ROLE"];
    output::print(output::table(headings, &rows).as_bytes())
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
