//! `credvend-admin probe`: a client that must get credentials gets them, and nobody else does.
//!
//! It asks as any client does, so it needs no credentials of AWS and no table. What it gets it throws away.

mod counterfeit;

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use environment::{Lookup, Variables};
use serde_json::{Value, json};
use tokio::time::Instant;
use vending_api::CredentialsResponse;

use self::counterfeit::Genuine;
use crate::as_client::{AsClient, WITHOUT_CODE, code_of};
use crate::cli::ProbeArguments;
use crate::error::Error;
use crate::network::Network;
use crate::output;
use crate::private_file;

const EXAMPLE: &str = "https://abc.execute-api.eu-west-1.amazonaws.com/credentials";

/// Who asks whom.
struct Setting {
    service: AsClient,
    client: Client,
    /// One whose item is disabled.
    disabled: Option<Client>,
    namespace: String,
}

struct Client {
    id: String,
    secret: String,
}

/// What a request must lead to.
#[derive(Clone, Copy)]
struct Expected {
    status: u16,
    code: &'static str,
}

struct Probe {
    name: &'static str,
    expected: Expected,
    outcome: Outcome,
    took: Duration,
}

enum Outcome {
    AsExpected,
    Failed(String),
    /// Why it was left out.
    NotTried(&'static str),
}

const VENDED: Expected = Expected { status: 200, code: "ok" };
const INVALID: Expected = Expected { status: 401, code: "invalid_token" };
const DISABLED: Expected = Expected { status: 403, code: "client_disabled" };

pub(crate) async fn run(
    arguments: &ProbeArguments,
    as_json: bool,
    lookup: Lookup<'_>,
    now: SystemTime,
) -> Result<(), Error> {
    let setting = Setting::from_env(arguments, lookup)?;
    let probes = setting.probe(arguments.token_file.as_deref(), now).await?;
    print(&probes, &setting.namespace, arguments.metrics, as_json, now)?;
    let failed = probes.iter().filter(|probe| matches!(probe.outcome, Outcome::Failed(_))).count();
    if failed > 0 { Err(Error::ProbesFailed { failed, all: probes.len() }) } else { Ok(()) }
}

impl Setting {
    fn from_env(arguments: &ProbeArguments, lookup: Lookup<'_>) -> Result<Self, Error> {
        let variables = Variables::new(lookup);
        let url = |said: &Option<String>, name: &'static str, example: &'static str| {
            let value = said.clone().or_else(|| variables.required(name, example))?;
            variables.endpoint(name, &value, example)
        };
        let api = url(&arguments.api_url, "COGNITO_CREDENTIAL_API_URL", EXAMPLE);
        let token_endpoint = url(
            &arguments.token_endpoint,
            "COGNITO_TOKEN_ENDPOINT",
            "https://example.auth.eu-west-1.amazoncognito.com/oauth2/token",
        );
        let client =
            client_from_env(&variables, "COGNITO_CLIENT_ID", "COGNITO_CLIENT_SECRET", "COGNITO_CLIENT_SECRET_FILE");
        if client.is_none() {
            variables.missing(
                "COGNITO_CLIENT_ID",
                "of the probe client, with COGNITO_CLIENT_SECRET or COGNITO_CLIENT_SECRET_FILE",
            );
        }
        let disabled = client_from_env(
            &variables,
            "PROBE_DISABLED_CLIENT_ID",
            "PROBE_DISABLED_CLIENT_SECRET",
            "PROBE_DISABLED_CLIENT_SECRET_FILE",
        );
        let namespace = variables.optional("METRICS_NAMESPACE").unwrap_or_else(|| "credvend".to_owned());
        let network = Network::from_env(&variables);
        let found = api.zip(token_endpoint).zip(client);
        let ((api, token_endpoint), client) = variables.finish(found)?;
        let service = AsClient::new(&network, token_endpoint, &api)?;
        Ok(Self { service, client, disabled, namespace })
    }

    async fn probe(&self, token_file: Option<&Path>, now: SystemTime) -> Result<Vec<Probe>, Error> {
        let started = Instant::now();
        let token = match self.token(&self.client).await {
            Ok(token) => token,
            // Nothing else can be asked without it.
            Err(problem) => {
                let (outcome, took) = (Outcome::Failed(problem), started.elapsed());
                return Ok(vec![Probe { name: "vend", expected: VENDED, outcome, took }]);
            }
        };
        let mut probes = vec![self.ask("vend", VENDED, &token).await];
        match Genuine::parse(&token) {
            Some(genuine) => {
                probes.push(self.ask("forged", INVALID, &genuine.forged()).await);
                probes.push(self.ask("wrong-issuer", INVALID, &genuine.of_another_issuer()).await);
                probes.push(self.ask("unsigned", INVALID, &genuine.unsigned()).await);
            }
            None => {
                let left_out = |name| Probe::left_out(name, INVALID, "the issuer's token is no JWT");
                probes.extend(["forged", "wrong-issuer", "unsigned"].map(left_out));
            }
        }
        probes.push(self.expired(token_file, &token, now).await?);
        probes.push(match &self.disabled {
            None => Probe::left_out("disabled", DISABLED, "PROBE_DISABLED_CLIENT_ID is not set"),
            Some(client) => match self.token(client).await {
                Ok(token) => self.ask("disabled", DISABLED, &token).await,
                Err(problem) => Probe {
                    name: "disabled",
                    expected: DISABLED,
                    outcome: Outcome::Failed(problem),
                    took: Duration::ZERO,
                },
            },
        });
        Ok(probes)
    }

    /// A genuine token of an earlier run, once it has expired; then this run's takes its place.
    async fn expired(&self, file: Option<&Path>, token: &str, now: SystemTime) -> Result<Probe, Error> {
        let left_out = |reason| Probe::left_out("expired", INVALID, reason);
        let Some(file) = file else { return Ok(left_out("--token-file keeps no token of an earlier run")) };
        let problem = |error: std::io::Error| Error::File { path: file.to_owned(), problem: error.to_string() };
        let kept = match std::fs::read_to_string(file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            read => Some(read.map_err(problem)?),
        };
        let kept = kept.as_deref().map(str::trim).filter(|kept| Genuine::parse(kept).is_some());
        let probe = match kept {
            None => left_out("no token of an earlier run is kept yet"),
            Some(kept) if Genuine::parse(kept).is_some_and(|kept| kept.is_expired(now)) => {
                self.ask("expired", INVALID, kept).await
            }
            Some(_) => return Ok(left_out("the token that is kept is still valid")),
        };
        private_file::write(file, token.as_bytes()).map_err(problem)?;
        Ok(probe)
    }

    async fn token(&self, client: &Client) -> Result<String, String> {
        self.service.token(&client.id, &client.secret).await.map_err(|error| error.to_string())
    }

    async fn ask(&self, name: &'static str, expected: Expected, token: &str) -> Probe {
        let started = Instant::now();
        let outcome = match self.service.vend(token).await {
            Err(error) => Outcome::Failed(error.to_string()),
            Ok(response) => judge(expected, response.status, &response.body),
        };
        Probe { name, expected, outcome, took: started.elapsed() }
    }
}

impl Probe {
    fn left_out(name: &'static str, expected: Expected, reason: &'static str) -> Self {
        Self { name, expected, outcome: Outcome::NotTried(reason), took: Duration::ZERO }
    }

    fn words(&self) -> (&'static str, String) {
        let Expected { status, code } = self.expected;
        match &self.outcome {
            Outcome::AsExpected => ("ok", format!("{status} {code}")),
            Outcome::Failed(problem) => ("FAILED", format!("expected {status} {code}: {problem}")),
            Outcome::NotTried(reason) => ("not tried", (*reason).to_owned()),
        }
    }

    fn milliseconds(&self) -> u64 {
        u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX)
    }

    /// CloudWatch's embedded metric format. What was not tried counts as nothing.
    fn metrics(&self, namespace: &str, now: SystemTime) -> Option<Value> {
        let failures = match self.outcome {
            Outcome::AsExpected => 0,
            Outcome::Failed(_) => 1,
            Outcome::NotTried(_) => return None,
        };
        let timestamp =
            u64::try_from(now.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()).unwrap_or_default();
        let metrics =
            [json!({"Name": "ProbeFailures", "Unit": "Count"}), json!({"Name": "ProbeMs", "Unit": "Milliseconds"})];
        Some(json!({
            "_aws": {"Timestamp": timestamp, "CloudWatchMetrics": [
                {"Namespace": namespace, "Dimensions": [["probe"]], "Metrics": metrics}]},
            "probe": self.name, "ProbeFailures": failures, "ProbeMs": self.milliseconds(), "result": self.words().1,
        }))
    }
}

fn judge(expected: Expected, status: u16, body: &[u8]) -> Outcome {
    let are_given = status == 200 && serde_json::from_slice::<CredentialsResponse>(body).is_ok();
    let code = match status {
        200 if are_given => "ok".to_owned(),
        200 => "but no credentials".to_owned(),
        _ => code_of(body).unwrap_or_else(|| WITHOUT_CODE.to_owned()),
    };
    if status == expected.status && code == expected.code {
        return Outcome::AsExpected;
    }
    let given = if are_given { " (CREDENTIALS WERE GIVEN)" } else { "" };
    Outcome::Failed(format!("status {status}, {code}{given}"))
}

fn client_from_env(variables: &Variables<'_>, id: &str, secret: &str, file: &str) -> Option<Client> {
    let id = variables.optional(id)?;
    let secret = match (variables.verbatim(secret), variables.optional(file)) {
        (Some(secret), _) => secret,
        (None, Some(path)) => match std::fs::read_to_string(&path) {
            Ok(text) => text.trim().to_owned(),
            Err(error) => {
                variables.fault(file, format_args!("{path}: {error}"));
                return None;
            }
        },
        (None, None) => return None,
    };
    Some(Client { id, secret })
}

fn print(probes: &[Probe], namespace: &str, metrics: bool, as_json: bool, now: SystemTime) -> Result<(), Error> {
    if as_json {
        let probes = probes.iter().map(|probe| {
            let (result, detail) = probe.words();
            json!({"probe": probe.name, "result": result.replace(' ', "_").to_lowercase(), "detail": detail,
                "expected_status": probe.expected.status, "expected_code": probe.expected.code,
                "milliseconds": probe.milliseconds()})
        });
        return output::print_json(&probes.collect());
    }
    if metrics {
        let lines = probes.iter().filter_map(|probe| probe.metrics(namespace, now)).map(|line| format!("{line}\n"));
        return output::print(lines.collect::<String>().as_bytes());
    }
    let row = |probe: &Probe| {
        let (result, detail) = probe.words();
        [probe.name.to_owned(), result.to_owned(), probe.milliseconds().to_string(), detail]
    };
    let rows: Vec<_> = probes.iter().map(row).collect();
    output::print(output::table(["PROBE", "RESULT", "MS", "DETAIL"], &rows).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_what_a_vend_must_give() {
        let credentials = json!({"credentials": {"access_key_id": "ASIA0", "secret_access_key": "s", "session_token": "t",
            "expiration": "2027-01-15T08:00:00Z"}, "s3_bucket": "b", "s3_path_prefix": "p/", "aws_region": "eu-west-1"});
        for (expected, status, body, is_met) in [
            (VENDED, 200, credentials.to_string(), true),
            (VENDED, 200, "{}".to_owned(), false),
            (VENDED, 200, "<html>maintenance</html>".to_owned(), false),
            (VENDED, 200, r#"{"error":"ok"}"#.to_owned(), false),
            (VENDED, 200, json!({"credentials": {}}).to_string(), false),
            (VENDED, 204, credentials.to_string(), false),
            (INVALID, 200, credentials.to_string(), false),
            (INVALID, 401, r#"{"error":"invalid_token"}"#.to_owned(), true),
            (INVALID, 200, r#"{"error":"invalid_token"}"#.to_owned(), false),
        ] {
            let outcome = judge(expected, status, body.as_bytes());
            assert_eq!(matches!(outcome, Outcome::AsExpected), is_met, "{status} {body}");
        }
    }
}
