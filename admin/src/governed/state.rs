//! What Terraform's state says of the vending function.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::error::Error;

/// The foundation's output that names the function, where several look like it.
const FUNCTION_OUTPUT: &str = "credential_vending_lambda_function_name";

/// What is deployed, as far as it is known: everything is `None` or empty without `--from`.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Deployment {
    /// Name of the vending function.
    pub(crate) function_name: Option<String>,
    /// The role it runs as, which the clients' roles trust (`--function-role`, else the state's).
    pub(crate) function_role_arn: Option<String>,
    /// Where its audit lines are.
    pub(crate) log_group: Option<String>,
    /// Every role that is managed in this state.
    pub(crate) role_arns: BTreeSet<String>,
}

/// The function's variables (and `AWS_REGION`, by its ARN), and what is deployed.
pub(super) fn read(folder: &Path) -> Result<(HashMap<String, String>, Deployment), Error> {
    let problem = |problem: String| Error::File { path: folder.to_owned(), problem };
    let output = Command::new("terraform")
        .arg(format!("-chdir={}", folder.display()))
        .args(["show", "-json", "-no-color"])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| problem(format!("`terraform show -json` cannot be run: {error}")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().to_owned();
        return Err(problem(format!("`terraform show -json` failed ({}): {said}", output.status)));
    }
    let state: Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| problem(format!("`terraform show -json` printed no JSON: {error}")))?;
    let function = function(&state).map_err(|words| problem(words.to_owned()))?;
    Ok((environment_of(function), deployment(&state, function)))
}

/// The one function that is meant.
fn function(state: &Value) -> Result<&Value, &'static str> {
    let mut found: Vec<_> = resources(state, "aws_lambda_function")
        .into_iter()
        .filter(|function| function["environment"][0]["variables"]["DYNAMODB_TABLE"].is_string())
        .collect();
    if found.len() > 1
        && let Some(name) = state["values"]["outputs"][FUNCTION_OUTPUT]["value"].as_str()
    {
        found.retain(|function| function["function_name"] == name);
    }
    match found.as_slice() {
        [function] => Ok(function),
        [] => Err("the state holds no Lambda function with DYNAMODB_TABLE in its environment: name the folder of the \
                   vending API's root module, after `terraform apply`"),
        _ => Err(
            "the state holds several Lambda functions with DYNAMODB_TABLE: name one's environment with --service-env",
        ),
    }
}

fn deployment(state: &Value, function: &Value) -> Deployment {
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let function_name = text(&function["function_name"]);
    let default_group = function_name.as_ref().map(|name| format!("/aws/lambda/{name}"));
    Deployment {
        function_role_arn: text(&function["role"]),
        log_group: text(&function["logging_config"][0]["log_group"]).or(default_group),
        role_arns: resources(state, "aws_iam_role").into_iter().filter_map(|role| text(&role["arn"])).collect(),
        function_name,
    }
}

/// The values of all managed resources of a type, in any module.
fn resources<'a>(state: &'a Value, kind: &str) -> Vec<&'a Value> {
    let mut found = Vec::new();
    let mut modules = vec![&state["values"]["root_module"]];
    while let Some(module) = modules.pop() {
        let list = |name: &str| module[name].as_array().map(Vec::as_slice).unwrap_or_default();
        let of_kind = |resource: &&Value| resource["mode"] == "managed" && resource["type"] == kind;
        found.extend(list("resources").iter().filter(of_kind).map(|resource| &resource["values"]));
        modules.extend(list("child_modules"));
    }
    found
}

fn environment_of(function: &Value) -> HashMap<String, String> {
    let variables = function["environment"][0]["variables"].as_object();
    let mut found: HashMap<_, _> = variables
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect();
    // arn:PARTITION:lambda:REGION:…
    let region = function["arn"].as_str().and_then(|arn| arn.split(':').nth(3));
    if let Some(region) = region {
        found.entry("AWS_REGION".to_owned()).or_insert_with(|| region.to_owned());
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn vending(name: &str) -> Value {
        json!({"mode": "managed", "type": "aws_lambda_function", "name": name, "values": {
            "arn": format!("arn:aws:lambda:eu-west-1:123456789012:function:{name}"), "function_name": name,
            "role": format!("arn:aws:iam::123456789012:role/{name}"),
            "environment": [{"variables": {"DYNAMODB_TABLE": "t", "LOG_LEVEL": "info"}}]}})
    }

    fn state(resources: &[Value], output: Option<&str>) -> Value {
        let other = json!({"mode": "managed", "type": "aws_lambda_function", "values": {
            "environment": [{"variables": {"A": "b"}}]}});
        let role =
            json!({"mode": "managed", "type": "aws_iam_role", "values": {"arn": "arn:aws:iam::123456789012:role/r"}});
        let read =
            json!({"mode": "data", "type": "aws_iam_role", "values": {"arn": "arn:aws:iam::123456789012:role/d"}});
        let outputs = output.map(|name| json!({FUNCTION_OUTPUT: {"value": name}}));
        json!({"values": {"outputs": outputs, "root_module": {"resources": [other, role, read],
            "child_modules": [{"child_modules": [{"resources": resources}]}]}}})
    }

    #[test]
    fn the_function_is_found_in_any_module() {
        let state = state(&[vending("v")], None);
        let function = function(&state).unwrap();
        let environment = environment_of(function);
        assert_eq!((environment["DYNAMODB_TABLE"].as_str(), environment["AWS_REGION"].as_str()), ("t", "eu-west-1"));
        let expected = Deployment {
            function_name: Some("v".to_owned()),
            function_role_arn: Some("arn:aws:iam::123456789012:role/v".to_owned()),
            log_group: Some("/aws/lambda/v".to_owned()),
            role_arns: BTreeSet::from(["arn:aws:iam::123456789012:role/r".to_owned()]),
        };
        assert_eq!(deployment(&state, function), expected);
    }

    #[test]
    fn of_several_functions_the_output_names_one() {
        let both = [vending("probe"), vending("v")];
        assert_eq!(function(&state(&both, Some("v"))).unwrap()["function_name"], "v");
        for state in [state(&both, None), state(&both, Some("x")), state(&[], None), json!({})] {
            assert!(function(&state).is_err(), "{state}");
        }
    }
}
