//! Vector's sink `aws_s3`.

use super::access::{Access, Program, Via};
use super::error::SetupError;
use super::named_identity::NamedIdentity;
use super::template::fill;

const VECTOR: Program<'_> = Program {
    name: "Vector",
    setup: "vector",
    unit: "vector",
    user: Some("vector"),
    place: "# 1. This belongs in /etc/vector/vector.yaml, the only file that the unit of Vector's package reads: the sink below the\n\
            #    `sinks:` that it has.\n",
    drop_in: "",
    needs_metadata_address: false,
};

pub(super) fn text(identity: &NamedIdentity, access: &Access) -> Result<String, SetupError> {
    if access.via == Via::File {
        return Err(SetupError::VectorReadsFilesOnce);
    }
    let header = access.header(&VECTOR, identity)?;
    // Path-style addresses are Vector's default.
    let endpoint = identity.s3_endpoint.as_ref().map(|endpoint| format!("    endpoint: \"{endpoint}\"\n"));
    let values = [
        ("bucket", identity.bucket()),
        ("region", identity.region()),
        ("prefix", &identity.key_prefix),
        ("endpoint", &endpoint.unwrap_or_default()),
    ];
    Ok(header + &fill(include_str!("templates/vector.yaml"), &values))
}
