//! Vector's sink `aws_s3`.

use super::access::{Access, Program};
use super::error::SetupError;
use super::named_identity::NamedIdentity;

const VECTOR: Program<'_> =
    Program { name: "Vector", unit: "vector", setup: "vector", file: "/etc/vector/credvend.yaml" };

pub(super) fn text(identity: &NamedIdentity, access: &Access) -> Result<String, SetupError> {
    let header = access.header(&VECTOR, identity)?;
    let (bucket, region, prefix) = (identity.bucket(), identity.region(), &identity.key_prefix);
    let endpoint = identity
        .s3_endpoint
        .as_ref()
        // Path-style addresses are Vector's default.
        .map(|endpoint| format!("    endpoint: \"{endpoint}\"\n"))
        .unwrap_or_default();
    Ok(format!(
        "{header}\
sinks:
  credvend_s3:
    type: aws_s3
    # Replace `logs` by the names of your sources and transforms.
    inputs: [\"logs\"]
    bucket: \"{bucket}\"
    region: \"{region}\"
{endpoint}    key_prefix: \"{prefix}\"
    compression: gzip
    framing:
      method: newline_delimited
    encoding:
      codec: json
    # It asks for the bucket itself, which an identity that is held to a prefix may not.
    healthcheck:
      enabled: false
"
    ))
}
