//! The installation that is governed: the service's own variables, from a file, from Terraform's state or from the process.

use std::collections::HashMap;
use std::path::Path;
use std::process::{Command, Stdio};

use authenticate::AuthenticationSettings;
use environment::{Lookup, Variables, parse_env_file};
use serde_json::Value;

use crate::cli::GlobalOptions;
use crate::error::Error;

/// What the service trusts, and where its table is.
pub(crate) struct Governed {
    /// `DYNAMODB_TABLE`.
    pub(crate) table: Option<String>,
    /// The service's region, where its environment says so.
    pub(crate) region: Option<String>,
    /// `--issuer`.
    issuer: Option<String>,
    /// `None` where nothing is known of the issuers: then `--issuer` is believed.
    trust: Option<Trust>,
}

struct Trust {
    issuers: Vec<String>,
    default: Option<String>,
}

impl Governed {
    pub(crate) fn read(options: &GlobalOptions, process: Lookup<'_>) -> Result<Self, Error> {
        let own = match (&options.service_env, &options.from) {
            (Some(file), _) => Some(read_file(file)?),
            (None, Some(folder)) => Some(read_state(folder)?),
            (None, None) => None,
        };
        let lookup = |name: &str| match &own {
            Some(own) => own.get(name).cloned(),
            None => process(name),
        };
        let variables = Variables::new(&lookup);
        let knows_issuers = variables.is_set("COGNITO_ISSUER") || variables.is_set("TRUSTED_ISSUERS");
        let trust = knows_issuers.then(|| {
            let settings = AuthenticationSettings::from_env(&variables);
            Trust {
                default: settings.default_issuer().map(str::to_owned),
                issuers: settings.issuers.into_iter().map(|issuer| issuer.rules.url).collect(),
            }
        });
        let table = options.table.clone().or_else(|| variables.optional("DYNAMODB_TABLE"));
        let region = own.is_some().then(|| variables.optional("AWS_REGION")).flatten();
        let (table, region, trust) = variables.finish(Some((table, region, trust)))?;
        let governed = Self { table, region, issuer: options.issuer.clone(), trust };
        governed.check_issuer()?;
        Ok(governed)
    }

    fn check_issuer(&self) -> Result<(), Error> {
        match (&self.issuer, &self.trust) {
            (Some(issuer), Some(trust)) if !trust.issuers.contains(issuer) => {
                Err(Error::UntrustedIssuer { issuer: issuer.clone(), trusted: trust.issuers.join(", ") })
            }
            _ => Ok(()),
        }
    }

    /// Whose tokens an item without `issuer` is for.
    pub(crate) fn default_issuer(&self) -> Option<&str> {
        self.trust.as_ref()?.default.as_deref()
    }

    /// What `put` writes into a new item: nothing where only one issuer can be meant.
    pub(crate) fn issuer_of_a_new_item(&self) -> Result<Option<String>, Error> {
        match (&self.issuer, &self.trust) {
            (Some(issuer), Some(trust)) => Ok((trust.issuers.len() > 1).then(|| issuer.clone())),
            (issuer, None) => Ok(issuer.clone()),
            (None, Some(trust)) if trust.issuers.len() == 1 => Ok(None),
            (None, Some(trust)) => trust.default.clone().map(Some).ok_or(Error::WhichIssuer),
        }
    }

    /// The issuer that was named on the command line.
    pub(crate) fn named_issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }
}

/// The lines of `--service-env`, as `credvend --env-file` reads them too.
fn read_file(path: &Path) -> Result<HashMap<String, String>, Error> {
    let problem = |problem: String| Error::File { path: path.to_owned(), problem };
    let text = std::fs::read_to_string(path).map_err(|error| problem(error.to_string()))?;
    let pairs = parse_env_file(&text).map_err(|error| problem(format!("line {}: {}", error.line, error.problem)))?;
    Ok(pairs.into_iter().collect())
}

/// The environment of the vending function in Terraform's state, and its region by its ARN.
fn read_state(folder: &Path) -> Result<HashMap<String, String>, Error> {
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
    let mut functions = Vec::new();
    find_functions(&state["values"]["root_module"], &mut functions);
    match functions.as_slice() {
        [function] => Ok(environment_of(function)),
        [] => Err(problem(
            "the state holds no Lambda function with DYNAMODB_TABLE in its environment: name the folder of the vending \
             API's root module, after `terraform apply`"
                .to_owned(),
        )),
        _ => Err(problem(
            "the state holds several Lambda functions with DYNAMODB_TABLE: name one's environment with --service-env".to_owned(),
        )),
    }
}

fn find_functions<'a>(module: &'a Value, found: &mut Vec<&'a Value>) {
    let list = |name: &str| module[name].as_array().map(Vec::as_slice).unwrap_or_default();
    found.extend(list("resources").iter().filter(|resource| {
        resource["mode"] == "managed"
            && resource["type"] == "aws_lambda_function"
            && resource["values"]["environment"][0]["variables"]["DYNAMODB_TABLE"].is_string()
    }));
    for child in list("child_modules") {
        find_functions(child, found);
    }
}

fn environment_of(function: &Value) -> HashMap<String, String> {
    let variables = function["values"]["environment"][0]["variables"].as_object();
    let mut found: HashMap<_, _> = variables
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect();
    // arn:PARTITION:lambda:REGION:…
    let region = function["values"]["arn"].as_str().and_then(|arn| arn.split(':').nth(3));
    if let Some(region) = region {
        found.entry("AWS_REGION".to_owned()).or_insert_with(|| region.to_owned());
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_function_is_found_in_any_module() {
        let function = |name: &str, variables: Value| {
            json!({"mode": "managed", "type": "aws_lambda_function", "name": name, "values": {
                "arn": "arn:aws:lambda:eu-west-1:123456789012:function:f", "environment": [{"variables": variables}]}})
        };
        let vending = function("vending", json!({"DYNAMODB_TABLE": "t", "LOG_LEVEL": "info"}));
        let root = json!({"resources": [function("other", json!({"A": "b"}))],
            "child_modules": [{"child_modules": [{"resources": [vending]}]}]});
        let mut found = Vec::new();
        find_functions(&root, &mut found);
        let [function] = found.as_slice() else { panic!("{found:?}") };
        let environment = environment_of(function);
        assert_eq!(environment["DYNAMODB_TABLE"], "t");
        assert_eq!(environment["AWS_REGION"], "eu-west-1");
    }

    #[test]
    fn what_put_writes_as_issuer() {
        let governed = |issuer: Option<&str>, trusted: &[&str], default: Option<&str>| Governed {
            table: None,
            region: None,
            issuer: issuer.map(str::to_owned),
            trust: (!trusted.is_empty()).then(|| Trust {
                issuers: trusted.iter().map(|url| (*url).to_owned()).collect(),
                default: default.map(str::to_owned),
            }),
        };
        for (issuer, trusted, default, written) in [
            (None, &[][..], None, Some(None)),
            (Some("a"), &[][..], None, Some(Some("a"))),
            (None, &["a"][..], Some("a"), Some(None)),
            (Some("a"), &["a"][..], Some("a"), Some(None)),
            (None, &["a", "b"][..], Some("a"), Some(Some("a"))),
            (Some("b"), &["a", "b"][..], Some("a"), Some(Some("b"))),
            (None, &["a", "b"][..], None, None),
        ] {
            let found = governed(issuer, trusted, default).issuer_of_a_new_item().ok();
            assert_eq!(found, written.map(|issuer: Option<&str>| issuer.map(str::to_owned)), "{issuer:?} {trusted:?}");
        }
        assert!(governed(Some("c"), &["a", "b"], None).check_issuer().is_err());
        assert!(governed(Some("c"), &[], None).check_issuer().is_ok());
    }
}
