//! Logstash's output `s3`.

use super::access::{Access, Program, Via};
use super::error::SetupError;
use super::named_identity::NamedIdentity;
use super::template::fill;

const LOGSTASH: Program<'_> = Program {
    name: "Logstash",
    setup: "logstash",
    unit: "logstash",
    user: Some("logstash"),
    place: "# 1. This belongs in /etc/logstash/conf.d/credvend.conf: the unit of Logstash's package reads every *.conf there.\n",
    drop_in: "",
    needs_metadata_address: false,
};

pub(super) fn text(identity: &NamedIdentity, access: &Access) -> Result<String, SetupError> {
    let header = access.header(&LOGSTASH, identity)?;
    let endpoint = identity.s3_endpoint.as_ref().map(|endpoint| {
        format!("    endpoint => \"{endpoint}\"\n    additional_settings => {{ \"force_path_style\" => true }}\n")
    });
    // Without it the plugin leaves credentials to the chain of the Ruby SDK.
    let file = match access.via {
        Via::File => {
            format!("    aws_credentials_file => \"{}/logstash.yml\"\n", access.files.creds_dir(&identity.account()?)?)
        }
        Via::Endpoint | Via::Process => String::new(),
    };
    let values = [
        ("bucket", identity.bucket()),
        ("region", identity.region()),
        ("prefix", &identity.key_prefix),
        ("endpoint", &endpoint.unwrap_or_default()),
        ("file", &file),
    ];
    Ok(header + &fill(include_str!("templates/logstash.conf"), &values))
}
