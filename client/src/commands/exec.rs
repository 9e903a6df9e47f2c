//! `credvend exec`: runs a program with AWS credentials that stay fresh for as long as it runs.

mod run_child;
mod token_file;

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;

use crate::credentials::Credentials;
use crate::endpoint::{self, AuthorizationToken, Endpoint, ListenAddress, Offers};
use crate::error::Error;
use crate::freshness::provider::Provider;
use crate::output::consumer_environment::ConsumerEnvironment;
use crate::settings::config::Config;
use crate::settings::sources::Sources;
use environment::Log;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Set the credentials themselves as variables, for a program that ends before they do; they are not refreshed
    #[arg(long = "static")]
    is_static: bool,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "CMD")]
    command: Vec<OsString>,
}

pub(crate) fn run(arguments: &Arguments, sources: &Sources<'_>, log: Log) -> Result<ExitCode, Error> {
    let config = sources.config()??;
    // Before anything is started: a wrong secret is told now.
    let first = Provider::new(&config, log).provide()?.value;
    // Without a program there is a usage error instead of this run.
    let Some((program, rest)) = arguments.command.split_first() else { return Ok(ExitCode::from(2)) };
    let mut command = Command::new(program);
    command.args(rest);
    if arguments.is_static {
        ConsumerEnvironment::with_credentials(&first, config.region.as_deref()).apply_to(&mut command);
        // Returns only when it fails.
        let cause = command.exec();
        return Ok(run_child::not_run(program, cause, log));
    }
    let temporary =
        (sources.environment)("TMPDIR").filter(|folder| !folder.is_empty()).unwrap_or_else(|| "/tmp".to_owned());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Runtime)?;
    let outcome = runtime.block_on(beside_endpoint(command, config, first, &temporary, log));
    // A fetch under way is not waited for.
    runtime.shutdown_background();
    outcome
}

async fn beside_endpoint(
    mut command: Command,
    config: Config,
    first: Credentials,
    temporary: &str,
    log: Log,
) -> Result<ExitCode, Error> {
    let listener = endpoint::bind(&ListenAddress::any_port())?;
    let token = AuthorizationToken::generate()?;
    let file = token_file::write(&token, config.cache_dir.as_deref(), Path::new(temporary), log);
    let mut variables = vec![
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/credentials", ListenAddress::of(&listener))),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", token.expose().to_owned()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        // A default profile in one of them would win over the endpoint.
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null".to_owned()),
        ("AWS_CONFIG_FILE", "/dev/null".to_owned()),
    ];
    if let Some((_, path)) = &file {
        variables.push(("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path.to_string_lossy().into_owned()));
    }
    ConsumerEnvironment::with_endpoint(variables, config.region.as_deref()).apply_to(&mut command);
    let endpoint = Endpoint::new(Offers::only(config, first, log), Some(token), &listener);
    let server = endpoint::start(listener, Arc::new(endpoint), log);
    let code = run_child::run(command, log).await?;
    server.abandon();
    drop(file);
    Ok(code)
}
