//! Fluent Bit's output `s3`, in either of its two formats.

use clap::ValueEnum;

use super::access::{self, Program};
use super::error::SetupError;
use super::named_identity::NamedIdentity;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Which of Fluent Bit's formats
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Yaml)]
    format: Format,
    #[command(flatten)]
    access: access::Access,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Yaml,
    /// `[OUTPUT]` and its like
    Classic,
}

pub(super) fn text(identity: &NamedIdentity, arguments: &Arguments) -> Result<String, SetupError> {
    let file = match arguments.format {
        Format::Yaml => "/etc/fluent-bit/credvend.yaml",
        Format::Classic => "/etc/fluent-bit/credvend.conf",
    };
    let program = Program { name: "Fluent Bit", unit: "fluent-bit", setup: "fluent-bit", file };
    let header = arguments.access.header(&program, identity)?;
    let mut settings = vec![
        ("name", "s3".to_owned()),
        ("match", "*".to_owned()),
        ("bucket", identity.bucket().to_owned()),
        ("region", identity.region().to_owned()),
        // $UUID: what is sent within one second must not overwrite each other.
        ("s3_key_format", format!("/{}%Y/%m/%d/%H%M%S-$UUID", identity.key_prefix)),
        // Whole objects: nothing half-uploaded is left behind when it stops.
        ("use_put_object", "on".to_owned()),
        ("total_file_size", "10M".to_owned()),
        ("upload_timeout", "1m".to_owned()),
    ];
    settings.extend(identity.s3_endpoint.clone().map(|endpoint| ("endpoint", endpoint)));
    let (begin, lines): (_, Vec<_>) = match arguments.format {
        Format::Yaml => {
            let line = |(index, (key, value)): (usize, &(_, String))| {
                format!("    {} {key}: \"{value}\"\n", if index == 0 { '-' } else { ' ' })
            };
            ("pipeline:\n  outputs:\n", settings.iter().enumerate().map(line).collect())
        }
        Format::Classic => ("[OUTPUT]\n", settings.iter().map(|(key, value)| format!("    {key} {value}\n")).collect()),
    };
    Ok(format!("{header}{begin}{}", lines.concat()))
}
