//! Fluent Bit's output `s3`, in either of its two formats.

use clap::ValueEnum;

use super::access::{self, Program};
use super::error::SetupError;
use super::named_identity::NamedIdentity;
use super::template::fill;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Which of Fluent Bit's formats
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Classic)]
    format: Format,
    #[command(flatten)]
    access: access::Access,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// `[OUTPUT]` and its like, which the unit of the package reads
    Classic,
    Yaml,
}

/// Its package makes no user, and its unit names none (`fluent-bit.service`).
const CLASSIC: Program<'_> = Program {
    name: "Fluent Bit",
    setup: "fluent-bit",
    unit: "fluent-bit",
    user: None,
    place: "# 1. This belongs in /etc/fluent-bit/credvend.conf. The unit of Fluent Bit's package reads\n\
            #    /etc/fluent-bit/fluent-bit.conf alone, which needs this line at its end:\n\
            #      @INCLUDE /etc/fluent-bit/credvend.conf\n",
    drop_in: "#      StateDirectory=fluent-bit\n",
    needs_metadata_address: true,
};

const YAML: Program<'_> = Program {
    place: "# 1. This belongs in /etc/fluent-bit/credvend.yaml, with the inputs of its pipeline. The unit of Fluent Bit's package\n\
            #    reads /etc/fluent-bit/fluent-bit.conf alone, so it gets another command line in step 2.\n",
    drop_in: "#      StateDirectory=fluent-bit\n\
              #      ExecStart=\n\
              #      ExecStart=/opt/fluent-bit/bin/fluent-bit -c /etc/fluent-bit/credvend.yaml\n",
    ..CLASSIC
};

pub(super) fn text(identity: &NamedIdentity, arguments: &Arguments) -> Result<String, SetupError> {
    let own_endpoint = identity.s3_endpoint.as_ref();
    let (program, template, endpoint) = match arguments.format {
        Format::Classic => (
            &CLASSIC,
            include_str!("templates/fluent-bit.conf"),
            own_endpoint.map(|endpoint| format!("    endpoint {endpoint}\n")),
        ),
        Format::Yaml => (
            &YAML,
            include_str!("templates/fluent-bit.yaml"),
            own_endpoint.map(|endpoint| format!("      endpoint: \"{endpoint}\"\n")),
        ),
    };
    let values = [
        ("bucket", identity.bucket()),
        ("region", identity.region()),
        ("prefix", &identity.key_prefix),
        ("endpoint", &endpoint.unwrap_or_default()),
    ];
    Ok(arguments.access.header(program, identity)? + &fill(template, &values))
}
