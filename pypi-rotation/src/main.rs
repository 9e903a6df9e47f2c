//! Starts the function under Lambda's runtime API.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_calls::{AwsCalls, WholeJson};
use environment::Log;
use pypi_rotation::config::{Config, SECRETS_MANAGER};
use pypi_rotation::error::RotationError;
use pypi_rotation::event::Event;
use pypi_rotation::index::Index;
use pypi_rotation::rotation::{Outcome, Rotation};
use pypi_rotation::secrets::Secrets;
use runtime_api::{FunctionError, Invocation};

/// What is left for the response, of the time that Lambda gives.
const FOR_THE_RESPONSE: Duration = Duration::from_millis(500);
/// How long a reader of the log that stands still is waited for.
const FOR_THE_LOG: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    environment::forbid_core_dumps(environment::CoreLimit::Hard);
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pypi-rotation: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start() -> anyhow::Result<()> {
    let config = Config::from_env(&environment::process)?;
    let log = Log::of_service("pypi-rotation", config.log_level);
    log.report_panics();
    let Config { runtime_api, aws, index, token_prefix, .. } = config;
    let aws = AwsCalls::new(aws)?;
    let client = aws_sdk_secretsmanager::config::Builder::from(&aws.service(SECRETS_MANAGER)).interceptor(WholeJson);
    let rotation = Arc::new(Rotation {
        secrets: Secrets::new(aws_sdk_secretsmanager::Client::from_conf(client.build())),
        index: Index::new(index)?,
        token_prefix,
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let handler = move |invocation| {
        let rotation = Arc::clone(&rotation);
        async move { respond(&rotation, invocation, log).await }
    };
    runtime.block_on(async {
        let result = runtime_api::run(runtime_api, log, handler).await;
        let _ = environment::stdout::flush(FOR_THE_LOG).await;
        Ok(result?)
    })
}

/// `null` for a step that was taken: Secrets Manager looks for an error alone.
async fn respond(rotation: &Rotation, invocation: Invocation, log: Log) -> Result<String, FunctionError> {
    let Invocation { request_id, event, deadline } = invocation;
    let time = deadline.map_or(Duration::MAX, time_left);
    let result = match Event::parse(&event) {
        Ok(event) => {
            let taken = tokio::time::timeout(time, rotation.take(&event)).await;
            let taken = taken.unwrap_or(Err(RotationError::TimeIsUp));
            let place =
                format!("{} of version {} of {}", event.step.name(), event.client_request_token, event.secret_id);
            match &taken {
                Ok(Outcome::FinishedWithoutMark) => {
                    log.warn(format_args!("request {request_id}: {place}: {}", Outcome::FinishedWithoutMark.words()));
                }
                Ok(outcome) => log.info(format_args!("request {request_id}: {place}: {}", outcome.words())),
                Err(error) => log.error(format_args!("request {request_id}: {place}: {error}")),
            }
            taken
        }
        Err(error) => {
            log.error(format_args!("request {request_id}: {error}"));
            Err(error.into())
        }
    };
    // Lambda stops the process with the response.
    let _ = environment::stdout::flush(FOR_THE_LOG).await;
    result.map(|_| "null".to_owned()).map_err(FunctionError::from)
}

#[allow(clippy::disallowed_methods)] // Where an invocation enters.
fn time_left(deadline: SystemTime) -> Duration {
    deadline.duration_since(SystemTime::now()).unwrap_or_default().saturating_sub(FOR_THE_RESPONSE)
}
