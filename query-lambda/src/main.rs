//! Starts the query API: under Lambda where there is a runtime API, as an HTTP server everywhere else.

use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use authenticate::{RateLimit, TrustedIssuers};
use aws_calls::AwsCalls;
use entrance::{Entrance, Readiness, warn_of};
use environment::Log;
use grant::aws_clients;
use grant::role_mapping::Purpose;
use grant::sts::Sts;
use grant::table::RoleMappings;
use query_lambda::athena::Athena;
use query_lambda::config::Config;
use query_lambda::handler::Api;
use query_lambda::query::Queries;
use query_lambda::roles::Roles;

fn main() -> ExitCode {
    // Before the configuration is read, which may hold secrets.
    environment::forbid_core_dumps(environment::CoreLimit::Hard);
    let config = Config::from_env(&environment::process);
    match entrance::run("query-lambda", config, |config| config.entrance.log_level, build) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("query-lambda: {error}");
            ExitCode::FAILURE
        }
    }
}

fn build(config: Config, log: Log) -> anyhow::Result<(Api, Entrance)> {
    let Config { authentication, terms, scopes, table, variable_roles, database, output, workgroup, aws, entrance } =
        config;
    warn_of(&authentication, &terms, log);
    let default_issuer = authentication.default_issuer().map(str::to_owned);
    let aws = AwsCalls::new(aws)?;
    let mappings =
        table.map(|table| RoleMappings::new(aws_clients::dynamodb(&aws), table, default_issuer, Purpose::Queries));
    let queries = Queries {
        rate_limit: RateLimit::new(authentication.rate_limit_per_minute),
        issuers: TrustedIssuers::new(authentication, log)?,
        scopes,
        roles: Roles { mappings, variables: variable_roles },
        terms,
        sts: Sts::new(aws_clients::sts(&aws), None),
        athena: Athena::new(&aws, workgroup),
        database,
        output,
        log,
    };
    let metrics_namespace = entrance.metrics_namespace.clone();
    let api = Api { queries, readiness: Readiness::default(), log, metrics_namespace, cold: AtomicBool::new(true) };
    Ok((api, entrance))
}
