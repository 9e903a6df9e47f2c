//! What the Terraform trees say of the service is what the service does.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tests::process::repository;

use crate::service::{Service, Setup, environment, start_process, token, upstream};

fn file(path: &str) -> String {
    std::fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The lines between two others, without comments.
fn between<'a>(text: &'a str, start: &str, end: &str) -> Vec<&'a str> {
    let rest = text.split_once(start).unwrap_or_else(|| panic!("{start} is not there")).1;
    let lines = rest.split_once(end).unwrap_or_else(|| panic!("{end} is not there")).0.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

/// The service lists the members that it knows when it meets one that it does not know.
#[tokio::test]
async fn terraform_knows_every_member_of_a_trusted_issuer() {
    let upstream = upstream(json!({})).await;
    let mut variables = environment(&upstream);
    variables.push(("TRUSTED_ISSUERS", r#"[{"no_such_member":1}]"#.to_owned()));
    let mut process = start_process(&variables);
    assert_eq!(process.exit_code().await, Some(1));
    let output = process.output();
    let known = output.split_once("expected one of ").expect("the members are listed").1;
    let known = known.split(" at line").next().unwrap_or_default();
    let mut known: BTreeSet<&str> = known.split(", ").map(|member| member.trim_matches('`')).collect();
    // A Lambda has no file of the operator's: there, `jwks` is the document itself.
    assert!(known.remove("jwks_file"), "{known:?}");
    let declared = file("terraform-cognito/foundation/variables_vending.tf");
    let (_, declared) = declared.split_once("variable \"trusted_issuers\"").expect("the variable");
    let declared: BTreeSet<&str> = between(declared, "type = list(object({", "}))")
        .into_iter()
        .map(|line| line.split_once('=').expect("a member and its type").0.trim())
        .collect();
    assert_eq!(declared, known);
}

/// The steps of a vend that the dashboard asks the audit lines for.
#[tokio::test]
async fn the_dashboard_shows_every_step() {
    let dashboard = file("terraform-cognito/foundation/dashboard.tf");
    let steps = dashboard.lines().find_map(|line| line.trim().strip_prefix("steps = ")).expect("the list of steps");
    let steps: Vec<String> = serde_json::from_str(steps).expect("a list of strings in one line");
    let service = Service::start(Setup::default()).await;
    assert_eq!(service.vend(&token()).await.status, 200);
    let line = service.audit().await.remove(0);
    let taken: BTreeSet<_> =
        line.as_object().expect("a line").keys().filter_map(|field| field.strip_prefix("LatencyMs.")).collect();
    assert_eq!(steps.iter().map(String::as_str).collect::<BTreeSet<_>>(), taken);
}

/// API Gateway answers 404 itself where it has no route.
#[tokio::test]
async fn every_route_of_the_service_has_one_in_front() {
    let api = file("terraform-cognito/foundation/api.tf");
    let routes: BTreeSet<String> = between(&api, "for_each = toset([", "])")
        .into_iter()
        .map(|line| line.trim_end_matches(',').trim_matches('"').to_owned())
        .collect();
    let service = Service::start(Setup::default()).await;
    let description = service.send(service.request("GET", "/openapi.json")).await.body;
    let methods = |operations: &Value| operations.as_object().expect("operations").keys().cloned().collect::<Vec<_>>();
    let mut expected = BTreeSet::new();
    for (path, operations) in description["paths"].as_object().expect("paths") {
        for method in methods(operations).iter().filter(|method| ["get", "post"].contains(&method.as_str())) {
            expected.insert(format!("{} {path}", method.to_uppercase()));
            if method == "get" && path != "/credentials" {
                expected.insert(format!("HEAD {path}"));
            }
        }
    }
    assert_eq!(routes, expected);
    for route in routes {
        let (method, path) = route.split_once(' ').expect("a method and a path");
        let response = service.request(method, path).send().await.expect("a response");
        assert!(![404, 405].contains(&response.status().as_u16()), "{route}: {}", response.status());
    }
}
