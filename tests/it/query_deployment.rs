//! What Terraform and CloudFormation say of the query API is what its description says.

use std::collections::BTreeSet;

use serde_json::Value;
use tests::process::repository;

fn file(path: &str) -> String {
    std::fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn description() -> Value {
    serde_json::from_str(&file("query-lambda/src/openapi.json")).expect("JSON")
}

/// The texts in quotation marks between two others.
fn quoted<'a>(text: &'a str, start: &str, end: &str) -> BTreeSet<&'a str> {
    let rest = text.split_once(start).unwrap_or_else(|| panic!("{start} is not there")).1;
    let list = rest.split_once(end).unwrap_or_else(|| panic!("{end} is not there")).0;
    let lines = list.lines().filter(|line| !line.trim_start().starts_with('#'));
    lines.flat_map(|line| line.split('"').skip(1).step_by(2)).collect()
}

/// API Gateway answers 404 itself where it has no route.
#[test]
fn every_route_of_the_query_api_has_one_in_front() {
    let description = description();
    let mut expected = BTreeSet::new();
    for (path, operations) in description["paths"].as_object().expect("paths") {
        for method in operations.as_object().expect("operations").keys() {
            expected.insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    let expected: BTreeSet<&str> = expected.iter().map(String::as_str).collect();
    let terraform = file("terraform-cognito/query-api/api.tf");
    assert_eq!(quoted(&terraform, "for_each = toset([", "])"), expected);
    let template = file("cloudformation/query-api/api.yaml");
    let routes: BTreeSet<&str> = template.lines().filter_map(|line| line.trim().strip_prefix("RouteKey: ")).collect();
    assert_eq!(routes, expected);
}

/// An alarm on a code that does not exist never goes off.
#[test]
fn alarms_are_on_codes_that_there_are() {
    let description = description();
    let codes = &description["components"]["schemas"]["Error"]["properties"]["error"]["enum"];
    let codes: BTreeSet<&str> = codes.as_array().expect("codes").iter().filter_map(Value::as_str).collect();
    let terraform = file("terraform-cognito/query-api/alarms.tf");
    // The rest of the codes are a connection's of plain HTTP, which API Gateway answers for.
    let known = quoted(&terraform, "codes = [", "]");
    assert!(known.len() > 20 && known.is_subset(&codes), "{:?}", known.difference(&codes));
    let template = file("cloudformation/query-api/observability.yaml");
    let alarms: BTreeSet<&str> =
        template.split("- Name: code\n          Value: ").skip(1).filter_map(|rest| rest.lines().next()).collect();
    assert!(alarms.len() > 10 && alarms.is_subset(&known), "{:?}", alarms.difference(&known));
}
