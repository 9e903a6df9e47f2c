//! Findings as SARIF 2.1.0, for programs that collect those of many tools.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::finding::{Finding, rules};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";
const HOME: &str = env!("CARGO_PKG_REPOSITORY");

pub(super) fn document(findings: &[Finding], not_checked: &[String]) -> Value {
    let rules = rules();
    let described = rules.iter().map(|rule| {
        json!({
            "id": rule.id,
            "shortDescription": {"text": rule.summary},
            "defaultConfiguration": {"level": rule.level.word()},
        })
    });
    let mut driver = json!({
        "name": "credvend-admin",
        "semanticVersion": env!("CARGO_PKG_VERSION"),
        "rules": described.collect::<Vec<_>>(),
    });
    if !HOME.is_empty() {
        driver["informationUri"] = json!(HOME);
    }
    let results = findings.iter().map(|finding| {
        json!({
            "ruleId": finding.rule.id,
            "ruleIndex": rules.iter().position(|rule| *rule == finding.rule),
            "level": finding.level.word(),
            "message": {"text": format!("{}: {}. Fix: {}", finding.item, finding.problem, finding.fix)},
            "locations": [location(&finding.item)],
            "partialFingerprints": {"ruleAndItem/v1": format!("{}/{}", finding.rule.id, finding.item)},
        })
    });
    let notifications = not_checked.iter().map(|sentence| json!({"level": "warning", "message": {"text": sentence}}));
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": driver},
            "results": results.collect::<Vec<_>>(),
            "invocations": [{
                "executionSuccessful": true,
                "toolExecutionNotifications": notifications.collect::<Vec<_>>(),
            }],
        }],
    })
}

/// An item is no file; collectors that know files alone show this name.
fn location(item: &str) -> Value {
    let name = utf8_percent_encode(item, NON_ALPHANUMERIC).to_string();
    json!({
        "physicalLocation": {"artifactLocation": {"uri": format!("clients/{name}")}},
        "logicalLocations": [{"name": item, "kind": "resource"}],
    })
}
