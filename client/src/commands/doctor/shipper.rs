//! `credvend doctor --shipper`: the known traps of the program that shall take the credentials, looked for on this
//! machine. Each of them is somebody's lost day: docs/shippers.md says whose.

mod aws_profile;
mod configuration;
mod container_endpoint;
mod credential_process;
mod reader;
mod surroundings;
mod web_identity_token;

use std::path::PathBuf;

use clap::ValueEnum;

use self::reader::Reader;
use self::surroundings::Surroundings;
use super::report::Report;
use crate::consequence::Kind;
use crate::error::Error;
use crate::settings::sources::Sources;

#[derive(clap::Args)]
pub(super) struct ShipperArguments {
    /// Look for the known traps of this program, in its environment
    #[arg(long, value_name = "SHIPPER", value_enum)]
    pub(super) shipper: Option<Shipper>,
    /// The shipper's configuration [default: the first that lies where its package puts it]
    #[arg(long, value_name = "FILE", requires = "shipper")]
    shipper_config: Option<PathBuf>,
    /// The user, by name or number, that the shipper runs as [default: you]
    #[arg(long, value_name = "USER", requires = "shipper")]
    shipper_user: Option<String>,
    /// Take environment and user from the shipper's process instead of your own
    #[arg(long, value_name = "PID", requires = "shipper")]
    shipper_pid: Option<u32>,
    /// The endpoint [default: `AWS_CONTAINER_CREDENTIALS_FULL_URI`]
    #[arg(long, value_name = "URL", requires = "shipper")]
    endpoint: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Shipper {
    Vector,
    FluentBit,
    Logstash,
}

impl Shipper {
    fn name(self) -> &'static str {
        match self {
            Self::Vector => "Vector",
            Self::FluentBit => "Fluent Bit",
            Self::Logstash => "Logstash",
        }
    }

    /// What happens to keys in a file that somebody rewrites.
    fn rereading(self) -> &'static str {
        match self {
            Self::Vector => "Vector reads them once and never again (vector#18591)",
            Self::FluentBit => "some outputs of Fluent Bit keep the old ones (fluent-bit#10428, #10727)",
            Self::Logstash => "Logstash reads them once and never again (logstash-output-s3#205)",
        }
    }
}

/// What every check works with.
struct Check<'a> {
    shipper: Shipper,
    surroundings: &'a Surroundings<'a>,
    reader: &'a Reader,
    report: &'a mut Report,
}

impl Check<'_> {
    fn ok(&self, check: &str, detail: impl std::fmt::Display) -> Result<(), Error> {
        self.report.ok(check, detail)
    }

    fn warn(&self, check: &str, detail: impl std::fmt::Display, fix: &str) -> Result<(), Error> {
        self.report.warn(check, detail, fix)
    }

    fn fail(&mut self, check: &str, detail: impl std::fmt::Display, fix: &str) -> Result<(), Error> {
        self.report.fail_with(check, detail, Some(fix), Kind::Configuration)
    }
}

pub(super) fn check(
    shipper: Shipper,
    arguments: &ShipperArguments,
    sources: &Sources<'_>,
    report: &mut Report,
) -> Result<(), Error> {
    let found = Surroundings::find(sources.environment, arguments.shipper_pid).and_then(|surroundings| {
        let user = arguments.shipper_user.clone().or_else(|| surroundings.user().map(|user| user.to_string()));
        Ok((Reader::find(user.as_deref())?, surroundings))
    });
    let (reader, surroundings) = match found {
        Ok(found) => found,
        Err(problem) => {
            let fix = "correct --shipper-user or --shipper-pid; the process of another user is for root to look at";
            return report.fail_with("shipper", problem, Some(fix), Kind::Configuration);
        }
    };
    let mut check = Check { shipper, surroundings: &surroundings, reader: &reader, report };
    check.ok("shipper", format_args!("{} as {reader}", shipper.name()))?;
    check.keys()?;
    let mut ways = 0;
    ways += u32::from(check.profile()?);
    ways += u32::from(check.web_identity()?);
    ways += u32::from(check.endpoint(arguments.endpoint.as_deref())?);
    match ways {
        0 => check.fail(
            "way",
            "nothing in its environment leads to credentials",
            "`credvend setup` with the shipper's name prints an environment; --shipper-pid reads that of a process",
        )?,
        1 => check.ok("way", "one way to credentials")?,
        _ => check.warn(
            "way",
            "several ways to credentials: a profile wins over a web identity, that over the endpoint",
            "leave one of them in the shipper's environment",
        )?,
    }
    configuration::check(&mut check, arguments.shipper_config.as_deref(), &sources.lookup()?)
}
