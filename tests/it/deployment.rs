//! What the Terraform trees say of the service is what the service does.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tests::process::repository;

use crate::machine::run;
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

/// A call of a module: what it is given, and whether that is taken.
struct Call {
    module: &'static str,
    arguments: String,
    is_taken: bool,
}

/// The rules for names and prefixes stand in several places. The service and the client are compared with the same table.
#[tokio::test]
async fn terraform_takes_what_the_table_says() {
    let folder = tempfile::tempdir().expect("a folder");
    // The variables alone: no provider is needed for them.
    for (module, files) in [
        ("rules", &["terraform/modules/server-rules/variables.tf"][..]),
        ("servers", &["terraform-cognito/servers/variables.tf", "terraform-cognito/servers/variables_servers.tf"]),
        ("access", &["terraform-cognito/modules/server-access/variables.tf"]),
        ("permissions", &["terraform/modules/s3-permissions/variables.tf"]),
    ] {
        let module = folder.path().join(module);
        std::fs::create_dir(&module).expect("a writable folder");
        for path in files {
            let name = Path::new(path).file_name().expect("a file");
            std::fs::copy(repository().join(path), module.join(name)).expect("the file is there");
        }
    }
    std::fs::write(folder.path().join("servers/locals.tf"), "locals {\n  name = \"credvend\"\n}\n").expect("writable");
    let calls = calls(&serde_json::from_str(&file("tests/cases/server-rules/table.json")).expect("JSON"));
    let mut taken: BTreeSet<usize> = (0..calls.len()).collect();
    // A rule about two variables is looked at once no other rule refuses anything: so until a plan refuses nothing.
    loop {
        let refused = refused(folder.path(), &calls, &taken).await;
        if refused.is_empty() {
            break;
        }
        taken.retain(|number| !refused.contains(number));
    }
    let wrong = calls.iter().enumerate().filter(|(number, call)| taken.contains(number) != call.is_taken);
    let wrong: Vec<_> =
        wrong.map(|(_, call)| format!("{} ({}):\n{}", call.module, call.is_taken, call.arguments)).collect();
    assert!(wrong.is_empty(), "the table says otherwise: {}", wrong.join("\n"));
}

/// The calls that a plan with the calls of these numbers refuses.
async fn refused(folder: &Path, calls: &[Call], numbers: &BTreeSet<usize>) -> BTreeSet<usize> {
    let mut main = String::new();
    let mut starts = Vec::new();
    for number in numbers {
        let Call { module, arguments, .. } = &calls[*number];
        starts.push((main.lines().count() as u64 + 1, *number));
        writeln!(main, "module \"call_{number}\" {{\n  source = \"./{module}\"\n{arguments}}}").expect("a String");
    }
    std::fs::write(folder.join("main.tf"), main).expect("a writable folder");
    let terraform = async |arguments: &[&str]| {
        let mut command = Command::new("terraform");
        command.current_dir(folder).args(arguments);
        run(command).await
    };
    let init = terraform(&["init", "-input=false", "-no-color"]).await;
    assert_eq!(init.code(), Some(0), "{}", init.stderr());
    let plan = terraform(&["plan", "-json", "-input=false"]).await;
    let output = plan.stdout();
    let lines = output.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line of JSON"));
    let errors = lines.filter(|line| line["@level"] == "error").map(|line| {
        assert_eq!(line["diagnostic"]["summary"], "Invalid value for variable", "{line}");
        let at = line["diagnostic"]["range"]["start"]["line"].as_u64().expect("a line of main.tf");
        starts[starts.partition_point(|(start, _)| *start <= at) - 1].1
    });
    let refused: BTreeSet<usize> = errors.collect();
    assert_eq!(refused.is_empty(), plan.code() == Some(0), "{output}{}", plan.stderr());
    refused
}

fn calls(table: &Value) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut call = |module, arguments: String, is_taken: &Value| {
        calls.push(Call { module, arguments, is_taken: is_taken == &Value::Bool(true) });
    };
    let servers = |name: &str, prefix: &str, more: &str| {
        format!("  servers = {{ {name} = {{ s3_path_prefix = {prefix}, s3_permissions = \"write\"{more} }} }}\n")
    };
    let of_rules = ", overlaps_with = [], max_session_duration = 3600";
    let of_rules = |name: &str, prefix: &str| format!("  name = \"credvend\"\n{}", servers(name, prefix, of_rules));
    let of_root = "  aws_region = \"eu-west-1\"\n  state_bucket = \"state\"\n";
    let of_root = |name: &str, prefix: &str, more: &str| format!("{of_root}{}", servers(name, prefix, more));
    let of_access = |name: &str, prefix: &str| {
        let others = ["user_pool_id", "issuer", "resource_server_identifier", "table_name", "lambda_role_arn"];
        let others = others.into_iter().chain(["lambda_function_arn", "bucket_arn"]);
        let others = others.map(|argument| format!("  {argument} = \"any\"\n")).collect::<Vec<_>>().concat();
        format!("  name = \"credvend\"\n  server_name = {name}\n  s3_path_prefix = {prefix}\n{others}")
    };
    let (web, logs) = ("\"web-01\"", "\"logs/web-01/\"");
    for row in rows(table, "names") {
        let name = quoted(&row["value"]);
        call("rules", of_rules(&name, logs), &row["terraform"]);
        call("servers", of_root(&name, logs, ""), &row["terraform"]);
        call("access", of_access(&name, logs), &row["terraform"]);
    }
    for row in rows(table, "prefixes") {
        let prefix = quoted(&row["value"]);
        call("rules", of_rules(web, &prefix), &row["terraform"]);
        call("servers", of_root(web, &prefix, ""), &row["terraform"]);
        let shared = format!("  access_mode = \"shared-role\"\n{}", of_root(web, &prefix, ""));
        call("servers", shared, &row["shared_role"]);
        call("access", of_access(web, &prefix), &row["terraform"]);
        let of_permissions = "  bucket_arn = \"arn:aws:s3:::example-logs\"\n  s3_permissions = \"write\"\n";
        call("permissions", format!("{of_permissions}  s3_path_prefix = {prefix}\n"), &row["terraform"]);
    }
    for (list, attribute) in [("external_ids", "external_id"), ("expires_at", "expires_at")] {
        for row in rows(table, list) {
            call("servers", of_root(web, logs, &format!(", {attribute} = {}", quoted(&row["value"]))), &row["valid"]);
        }
    }
    for attribute in ["source_cidrs", "observe"] {
        for row in rows(table, attribute) {
            let set = format!(", {attribute} = [{}]", quoted(&row["value"]));
            call("servers", of_root(web, logs, &set), &row["valid"]);
        }
    }
    calls
}

fn rows<'a>(table: &'a Value, list: &str) -> &'a [Value] {
    table[list].as_array().unwrap_or_else(|| panic!("{list} is not there"))
}

/// As Terraform writes strings: JSON's, with the beginnings of its templates doubled.
fn quoted(value: &Value) -> String {
    value.to_string().replace("${", "$${").replace("%{", "%%{")
}
