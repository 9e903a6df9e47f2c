//! `clients show ID`: the item, and what the service makes of it.

use environment::visible;
use serde_json::{Value, json};

use super::Context;
use crate::cli::ClientId;
use crate::date;
use crate::error::Error;
use crate::item::{Item, State};
use crate::output;
use crate::value;

pub(super) async fn run(context: &Context, id: &ClientId) -> Result<(), Error> {
    let item = context.item(id).await?;
    let state = item.state(context.governed.observed(), context.now);
    let faults = match &state {
        State::Misconfigured(faults) => faults.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    };
    let issuer = item.text("issuer").or(context.governed.default_issuer());
    if context.json {
        return output::print_json(&json!({
            "item": item.to_json(), "state": state.word(), "faults": faults, "issuer": issuer,
        }));
    }
    output::print(text(&item, &state, &faults, issuer).as_bytes())
}

fn text(item: &Item, state: &State, faults: &[String], issuer: Option<&str>) -> String {
    let mut lines = vec![format!("{}  {}", visible(&item.key), state.word())];
    for (name, attribute) in &item.attributes {
        let shown = match value::to_json(name, attribute) {
            Value::String(text) => text,
            Value::Array(values) => values.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
            other => other.to_string(),
        };
        let note = match grant::attributes::attribute_type(name) {
            None => " (not read by the service)".to_owned(),
            Some(_) if name == "expires_at" => {
                let date = item.epoch_seconds(name).and_then(date::text);
                date.map(|date| format!(" ({date})")).unwrap_or_default()
            }
            Some(_) => String::new(),
        };
        lines.push(format!("  {} = {}{note}", visible(name), visible(&shown)));
    }
    match (issuer, item.text("issuer")) {
        (Some(issuer), None) => lines.push(format!("for tokens of {} (the default issuer)", visible(issuer))),
        (None, None) => lines.push("for tokens of the service's default issuer, which is not known here".to_owned()),
        (_, Some(_)) => {}
    }
    lines.extend(faults.iter().map(|fault| format!("the service refuses it: {fault}")));
    lines.join("\n") + "\n"
}
