//! `credvend exec`: a program that gets AWS credentials for as long as it runs, and nothing else that would win over them.

mod run_child;

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};
use std::sync::Arc;

use crate::credentials::Credentials;
use crate::endpoint::{AuthorizationToken, Endpoint, ListenAddress, Listener, Offers, Server};
use crate::error::Error;
use crate::freshness::provider::Provider;
use crate::log::Log;
use crate::output;
use crate::settings::config::Config;
use crate::settings::known_variables::VARIABLES;
use crate::settings::sources::Sources;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Set credentials themselves as variables, for a program that ends before they do; they are not refreshed
    #[arg(long = "static")]
    is_static: bool,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "CMD")]
    command: Vec<OsString>,
}

pub(crate) fn run(arguments: &Arguments, sources: &Sources<'_>, log: Log) -> Result<ExitCode, Error> {
    let config = sources.config()??;
    // Before anything is started: a wrong secret is told now.
    let first = Provider::new(&config, log).credentials()?.value;
    // Without a program there is a usage error instead of this run.
    let Some((program, rest)) = arguments.command.split_first() else { return Ok(ExitCode::from(2)) };
    let mut command = Command::new(program);
    command.args(rest);
    for variable in VARIABLES.iter().filter(|variable| variable.is_removed_by_exec) {
        command.env_remove(variable.name);
    }
    // boto3 and the AWS CLI know only the second name.
    for name in ["AWS_REGION", "AWS_DEFAULT_REGION"] {
        if let (Some(region), None) = (&config.region, (sources.environment)(name)) {
            command.env(name, region);
        }
    }
    if arguments.is_static {
        command.envs(output::env::pairs(&first, None));
        // Returns only when it fails.
        let cause = command.exec();
        return Ok(run_child::not_run(program, cause, log));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Runtime)?;
    let outcome = runtime.block_on(beside_endpoint(command, config, first, log));
    // A fetch under way is not waited for.
    runtime.shutdown_background();
    outcome
}

async fn beside_endpoint(
    mut command: Command,
    config: Config,
    first: Credentials,
    log: Log,
) -> Result<ExitCode, Error> {
    let listener = Listener::bind(&ListenAddress::any_port())?;
    let token = AuthorizationToken::generate()?;
    command
        .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/credentials", listener.listen_address()))
        .env("AWS_CONTAINER_AUTHORIZATION_TOKEN", token.expose())
        .env("AWS_EC2_METADATA_DISABLED", "true")
        // A default profile in one of them would win over the endpoint.
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("AWS_CONFIG_FILE", "/dev/null");
    let endpoint = Endpoint::new(Offers::only(config, first, log), Some(token), &listener);
    let server = Server::start(listener, Arc::new(endpoint), log);
    let code = run_child::run(command, log).await?;
    server.abandon();
    Ok(code)
}
