//! `credvend doctor`: walks every hop for real, without the cache, and names the one that fails and its fix.

mod caller_identity;
mod hops;
mod report;
mod s3;
mod shipper;
mod targets;
mod vending_api;
mod web_identity;

use std::process::ExitCode;

use self::hops::Walk;
use self::report::Report;
use self::shipper::ShipperArguments;
use self::targets::Targets;
use crate::consequence::Kind;
use crate::error::Error;
use crate::exchange::Exchange;
use crate::freshness::fetch;
use crate::settings::config::Config;
use crate::settings::sources::Sources;
use environment::Log;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// One JSON object a line instead of text
    #[arg(long)]
    json: bool,
    /// Put an empty object `.credvend-doctor` under the identity's S3 prefix, read it and delete it: the one way to
    /// tell whether the identity may write
    #[arg(long)]
    write_probe: bool,
    #[command(flatten)]
    shipper: ShipperArguments,
}

pub(crate) fn run(arguments: &Arguments, sources: &Sources<'_>, log: Log) -> Result<ExitCode, Error> {
    let mut report = Report::new(arguments.json);
    let targets = Targets::from_env(&sources.lookup()?);
    let mut target = targets.as_ref().ok().map(Targets::target);
    if arguments.shipper.shipper.is_none() || is_identity_given(sources) {
        match sources.config()?.and_then(|config| Ok((config, targets?))) {
            Ok((config, targets)) => {
                let shown = walk(arguments, &config, &targets, &mut report, log)?;
                target = shown.as_ref().map(Targets::target).or(target);
            }
            Err(error) => report.fail("configuration", &Error::from(error))?,
        }
    }
    if let Some(shipper) = arguments.shipper.shipper {
        shipper::check(shipper, &arguments.shipper, sources, target.as_ref(), &mut report)?;
    }
    Ok(report.first_failure().map_or(ExitCode::SUCCESS, Kind::exit_code))
}

/// The environment of a shipper usually holds no identity: then there is only the shipper's side to look at.
fn is_identity_given(sources: &Sources<'_>) -> bool {
    sources.options.env_file.is_some()
        || sources.options.name_a_table()
        || (sources.environment)("IDP_TYPE").is_some_and(|idp_type| !idp_type.trim().is_empty())
}

/// Walks the hops of the identity, and says where it may write if it came so far.
fn walk(
    arguments: &Arguments,
    config: &Config,
    targets: &Targets,
    report: &mut Report,
    log: Log,
) -> Result<Option<Targets>, Error> {
    let client = config.idp.client_id().map(|client_id| format!("client {client_id}, ")).unwrap_or_default();
    let (from, to) = (&config.idp, config.exchange.endpoint());
    let exchange = match &config.exchange {
        Exchange::VendingApi(_) => format!("vending API {to}"),
        Exchange::WebIdentity(sts) => format!("role {} as {} by {to}", sts.role_arn, sts.session_name),
    };
    report.ok("configuration", format_args!("{client}token from {from}, {exchange}"))?;
    let http = match fetch::http_client(config) {
        Ok(http) => http,
        Err(error) => return report.fail("TLS", &Error::from(error)).map(|()| None),
    };
    hops::way_out(config, report)?;
    hops::secrets(config, report)?;
    hops::cache_directory(config, report)?;
    fetch::block_on(async {
        let mut walk = Walk::new(config, http, report, targets, log).with_write_probe(arguments.write_probe);
        match &config.exchange {
            Exchange::VendingApi(api) => walk.through_vending_api(api).await?,
            Exchange::WebIdentity(sts) => walk.through_web_identity(sts).await?,
        }
        Ok(walk.shown)
    })
}
