//! `credvend doctor --shipper`: what is known to go wrong between credvend and a log shipper, looked for on this machine.
//! docs/shippers.md lists the checks and the reports behind them.

mod aws_profile;
mod command_line;
mod configuration;
mod container_endpoint;
mod credential_process;
mod profile_file;
mod reader;
mod settings;
mod start;
mod surroundings;
mod text_file;
mod unit;
mod web_identity_token;

use std::path::PathBuf;

use clap::ValueEnum;
use environment::Target;

use self::reader::Reader;
use self::settings::Settings;
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
    /// The shipper's configuration [default: what its command line names, in the unit or process]
    #[arg(long, value_name = "FILE", requires = "shipper")]
    shipper_config: Option<PathBuf>,
    /// The user, by name or number, that the shipper runs as [default: that of the unit or process, else you]
    #[arg(long, value_name = "USER", requires = "shipper")]
    shipper_user: Option<String>,
    /// Take environment and user from the shipper's process instead of your own
    #[arg(long, value_name = "PID", requires = "shipper", conflicts_with = "shipper_unit")]
    shipper_pid: Option<u32>,
    /// Take environment and user from the shipper's systemd unit, by name or file, whether it runs or not
    #[arg(long, value_name = "UNIT", requires = "shipper")]
    shipper_unit: Option<String>,
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

    /// The unit of its package.
    fn unit(self) -> &'static str {
        match self {
            Self::Vector => "vector",
            Self::FluentBit => "fluent-bit",
            Self::Logstash => "logstash",
        }
    }

    /// What happens to keys in a file that somebody rewrites.
    fn rereading(self) -> &'static str {
        match self {
            Self::Vector => {
                "Vector reads them once and never again (vector#18591), and drops every batch that S3 refuses when they have ended"
            }
            Self::FluentBit => {
                "Fluent Bit 5.1 reads them again when S3 has refused them, at most once a minute; some outputs of older ones keep the old keys (fluent-bit#10428, #10727)"
            }
            Self::Logstash => "Logstash reads them once and never again (logstash-output-s3#205)",
        }
    }

    /// Fluent Bit's chain of credentials connects to the metadata service's address when it is set up.
    fn needs_metadata_address(self) -> bool {
        self == Self::FluentBit
    }

    /// The variables that send its plain http through a proxy.
    fn proxy_variables(self) -> &'static [&'static str] {
        match self {
            Self::FluentBit => &["HTTP_PROXY", "http_proxy"],
            Self::Vector | Self::Logstash => &["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"],
        }
    }
}

/// What every check works with.
struct Check<'a> {
    shipper: Shipper,
    surroundings: &'a Surroundings<'a>,
    reader: &'a Reader,
    report: &'a mut Report,
    /// The files of the configuration that is checked, as they are shown.
    configuration: String,
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

/// `target` is the identity's, as far as its own hops have shown it.
pub(super) fn check(
    shipper: Shipper,
    arguments: &ShipperArguments,
    sources: &Sources<'_>,
    target: Option<&Target>,
    report: &mut Report,
) -> Result<(), Error> {
    let found = Surroundings::find(sources.environment, arguments, shipper.unit()).and_then(|surroundings| {
        let named = surroundings.named();
        let user = arguments.shipper_user.as_deref().or_else(|| named.map(|start| start.user.as_str()));
        let groups = named.map(|start| start.groups.as_slice()).unwrap_or_default();
        Ok((Reader::find(user, groups)?, surroundings))
    });
    let (reader, surroundings) = match found {
        Ok(found) => found,
        Err(problem) => {
            let fix = "correct --shipper-user, --shipper-unit or --shipper-pid; only root sees another user's process";
            return report.fail_with("shipper", problem, Some(fix), Kind::Configuration);
        }
    };
    let configuration = String::new();
    let mut check = Check { shipper, surroundings: &surroundings, reader: &reader, report, configuration };
    let whose = surroundings.named().map(|start| format!(", started by {}", start.name)).unwrap_or_default();
    check.ok("shipper", format_args!("{} as {reader}{whose}", shipper.name()))?;
    let settings = configuration::read(&mut check, arguments.shipper_config.as_deref(), surroundings.start())?;
    check.credentials(arguments.endpoint.as_deref(), settings.as_ref())?;
    match settings {
        Some(settings) => configuration::check(&mut check, &settings, target),
        None => Ok(()),
    }
}

impl Check<'_> {
    /// Every way to credentials that the shipper's chain would try.
    fn credentials(&mut self, endpoint: Option<&str>, settings: Option<&Settings>) -> Result<(), Error> {
        self.keys()?;
        let mut ways = 0;
        ways += u32::from(self.profile(settings)?);
        ways += u32::from(self.web_identity()?);
        ways += u32::from(self.endpoint(endpoint)?);
        match ways {
            0 => self.fail(
                "way",
                "nothing in its environment leads to credentials",
                "`credvend setup` with the shipper's name prints an environment; --shipper-unit or --shipper-pid read the shipper's own",
            ),
            1 => self.ok("way", "one way to credentials"),
            _ => self.warn(
                "way",
                "several ways to credentials: a profile wins over a web identity, that over the endpoint",
                "leave one of them in the shipper's environment",
            ),
        }
    }
}
