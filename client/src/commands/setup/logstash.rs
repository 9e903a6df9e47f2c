//! Logstash's output `s3`.

use super::access::{Access, Program, Via};
use super::error::SetupError;
use super::named_identity::NamedIdentity;

const LOGSTASH: Program<'_> =
    Program { name: "Logstash", unit: "logstash", setup: "logstash", file: "/etc/logstash/conf.d/credvend.conf" };

pub(super) fn text(identity: &NamedIdentity, access: &Access) -> Result<String, SetupError> {
    let header = access.header(&LOGSTASH, identity)?;
    let (bucket, region, prefix) = (identity.bucket(), identity.region(), &identity.key_prefix);
    let endpoint = identity
        .s3_endpoint
        .as_ref()
        .map(|endpoint| {
            format!("    endpoint => \"{endpoint}\"\n    additional_settings => {{ \"force_path_style\" => true }}\n")
        })
        .unwrap_or_default();
    // Without it the plugin leaves credentials to the chain of the Ruby SDK.
    let file = match access.via {
        Via::File => format!("    aws_credentials_file => \"{}/logstash.yml\"\n", access.files.creds_dir()?),
        Via::Endpoint | Via::Process => String::new(),
    };
    Ok(format!(
        "{header}\
output {{
  s3 {{
    bucket => \"{bucket}\"
    region => \"{region}\"
{endpoint}{file}    prefix => \"{prefix}\"
    codec => json_lines
    # It would write a test object to the root of the bucket, which an identity that is held to a prefix may not.
    validate_credentials_on_root_bucket => false
  }}
}}
"
    ))
}
