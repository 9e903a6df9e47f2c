//! The panels of CloudWatch: their metrics and fields are those of the audit lines that the service really writes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tests::process::repository;
use tests::upstream::{Fault, Service as Upstream};

use super::{collect, dashboards};
use crate::service::{Service, Setup, token, token_with};

/// An allowed request, an explanation, a denial and an error.
async fn audit_lines() -> Vec<Value> {
    let service = Service::start(Setup::default()).await;
    assert_eq!(service.vend(&token()).await.status, 200);
    assert_eq!(service.send(service.request("POST", "/explain").bearer_auth(token())).await.status, 200);
    assert_eq!(service.vend(&token_with(json!({"exp": 1}))).await.status, 401);
    service.upstream.break_service(Upstream::Sts, Fault::Status(503, String::new()));
    assert_eq!(service.vend(&token()).await.status, 503);
    service.audit().await
}

/// Namespace, metric and dimensions, as CloudWatch reads them out of the lines.
fn metrics(lines: &[Value]) -> BTreeSet<(String, String, BTreeSet<String>)> {
    let text = |value: &Value| value.as_str().expect("a name").to_owned();
    let mut metrics = BTreeSet::new();
    for line in lines {
        for directive in line["_aws"]["CloudWatchMetrics"].as_array().expect("directives") {
            for dimensions in directive["Dimensions"].as_array().expect("sets of dimensions") {
                let dimensions: BTreeSet<_> = dimensions.as_array().expect("a set").iter().map(text).collect();
                for metric in directive["Metrics"].as_array().expect("metrics") {
                    let name = text(&metric["Name"]);
                    assert!(line[&name].is_number(), "a value for {name} in {line}");
                    metrics.insert((text(&directive["Namespace"]), name, dimensions.clone()));
                }
            }
        }
    }
    metrics
}

/// `SEARCH('{namespace,dimension} MetricName="name"', …)`
fn searched(expression: &str) -> Option<(String, String, BTreeSet<String>)> {
    let (schema, rest) = expression.strip_prefix("SEARCH('{")?.split_once('}')?;
    let (namespace, dimensions) = schema.split_once(',')?;
    let name = rest.strip_prefix(" MetricName=\"")?.split('"').next()?;
    Some((namespace.to_owned(), name.to_owned(), dimensions.split(',').map(str::to_owned).collect()))
}

fn queries(mode: &str) -> Vec<(String, Value)> {
    let mut queries = Vec::new();
    for (name, dashboard) in dashboards() {
        let mut found = Vec::new();
        let of_mode = |object: &serde_json::Map<String, Value>| {
            (object.get("queryMode")? == mode).then(|| Value::Object(object.clone()))
        };
        collect(&dashboard, &of_mode, &mut found);
        queries.extend(found.into_iter().map(|query| (name.clone(), query)));
    }
    queries
}

#[tokio::test]
async fn every_metric_is_one_that_the_service_counts() {
    let lines = audit_lines().await;
    let counted = metrics(&lines);
    let terraform = std::fs::read_to_string(repository().join("terraform-cognito/foundation/dashboard.tf"))
        .expect("the dashboard of the deployment");
    let mut shown = BTreeMap::new();
    for (place, query) in queries("Metrics") {
        let text = |name: &str| query[name].as_str().unwrap_or_default().replace("$namespace", "credvend");
        let namespace = text("namespace");
        if namespace.starts_with("AWS/") {
            // AWS's own: the names that the deployment uses as well.
            for word in [&namespace, &text("metricName")] {
                assert!(terraform.contains(&format!("\"{word}\"")), "{place}: {word}");
            }
            continue;
        }
        let metric = searched(&text("expression")).unwrap_or_else(|| {
            let dimensions = query["dimensions"].as_object().expect("dimensions").keys().cloned().collect();
            (namespace, text("metricName"), dimensions)
        });
        assert!(counted.contains(&metric), "{place}: {metric:?} is not among {counted:?}");
        shown.insert(metric, place);
    }
    assert_eq!(shown.into_keys().collect::<BTreeSet<_>>(), counted, "each metric is shown");
}

#[tokio::test]
async fn every_field_of_a_query_is_one_of_the_audit_line() {
    let lines = audit_lines().await;
    let queries = queries("Logs");
    assert_eq!(queries.len(), 2);
    for (place, query) in queries {
        let fields: Vec<_> = query["statsGroups"]
            .as_array()
            .expect("groups")
            .iter()
            .map(|field| field.as_str().expect("a name"))
            .collect();
        let expression = query["expression"].as_str().expect("a query");
        assert!(expression.contains(&format!("by {} ", fields.join(", "))), "{place}: {expression}");
        for field in [&fields[..], &["decision"]].concat() {
            assert!(lines.iter().any(|line| line.get(field).is_some()), "{place}: no line has {field}");
        }
        // What the filter leaves out is what was allowed.
        let others = lines.iter().filter(|line| line["decision"] != "allow");
        assert!(others.clone().count() == 2 && others.into_iter().all(|line| line["code"].is_string()), "{lines:?}");
    }
}
