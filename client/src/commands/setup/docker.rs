//! A sidecar for Docker Compose: both services share one network, so that loopback is theirs alone.

use std::fmt::Write as _;

use super::Sidecar;
use super::error::{SetupError, plain};
use super::named_identity::NamedIdentity;

/// The user of the image.
const USER: u32 = 65532;

pub(super) fn text(identity: &NamedIdentity, sidecar: &Sidecar) -> Result<String, SetupError> {
    let image = plain("the name of the image", &sidecar.image)?;
    let (address, token_file) = (sidecar.endpoint.address()?, sidecar.endpoint.token_file()?);
    let run = token_file.rsplit_once('/').map_or("/", |(directory, _)| directory);
    let mut text = header(identity);
    let _ = write!(
        text,
        "services:\n  credvend:\n    image: \"{image}\"\n    user: \"{USER}:{USER}\"\n    \
         command: [\"serve\", \"--listen\", \"{address}\", \"--token-file\", \"{token_file}\", \"--token-file-mode\", \
         \"0640\"]\n    environment:\n"
    );
    for (name, value) in &identity.variables {
        let _ = writeln!(text, "      {name}: \"{value}\"");
    }
    for file in &identity.files {
        let _ = writeln!(text, "      {0}_FILE: \"/run/secrets/{0}\"", file.name);
    }
    let mut volumes = format!("      - \"credvend-run:{run}\"\n      - \"credvend-cache:/var/cache/credvend\"\n");
    if let Some(token) = &identity.token_file {
        // Its folder, since a file that is replaced would leave the old one mounted.
        let folder = token.rsplit_once('/').map_or("/", |(folder, _)| folder);
        let _ = writeln!(text, "      OIDC_TOKEN_FILE: \"{token}\"");
        let _ = writeln!(volumes, "      - \"{folder}:{folder}:ro\"");
    }
    if !identity.files.is_empty() {
        let names: Vec<_> = identity.files.iter().map(|file| format!("\"{}\"", file.name)).collect();
        let _ = writeln!(text, "    secrets: [{}]", names.join(", "));
    }
    let _ = write!(
        text,
        "    volumes:\n{volumes}    read_only: true\n    cap_drop: [\"ALL\"]\n    \
         security_opt: [\"no-new-privileges:true\"]\n    restart: always\n  \
         app:\n    # Replace it by your own service.\n    image: \"example-app\"\n    depends_on: [\"credvend\"]\n    \
         # Ports of the app are published by the service credvend.\n    network_mode: \"service:credvend\"\n    \
         # The token is for this group.\n    group_add: [\"{USER}\"]\n    environment:\n"
    );
    let mut variables = sidecar.endpoint.variables()?;
    variables.push(("AWS_REGION", identity.region().to_owned()));
    for (name, value) in variables {
        let _ = writeln!(text, "      {name}: \"{value}\"");
    }
    let _ = writeln!(text, "    volumes:\n      - \"credvend-run:{run}:ro\"");
    if !identity.files.is_empty() {
        text.push_str("secrets:\n");
    }
    for file in &identity.files {
        let default = format!("./{}", file.name);
        let _ = writeln!(text, "  {}:\n    file: \"{}\"", file.name, file.path.as_ref().unwrap_or(&default));
    }
    let _ = write!(
        text,
        "volumes:\n  credvend-run:\n    driver_opts: {{type: tmpfs, device: tmpfs, o: \
         \"uid={USER},gid={USER},mode=0750\"}}\n  credvend-cache:\n    driver_opts: {{type: tmpfs, device: tmpfs, o: \
         \"uid={USER},gid={USER},mode=0700\"}}\n"
    );
    Ok(text)
}

fn header(identity: &NamedIdentity) -> String {
    let mut text = "# A sidecar for Docker Compose (`credvend setup docker`).\n\
                    # This belongs into compose.yaml. `scripts/package oci` makes the image: docker load --input FILE\n"
        .to_owned();
    for file in identity.files.iter().filter(|file| file.path.is_none()) {
        let _ = writeln!(text, "# Write the secret {0} into the file {0} beside it.", file.name);
    }
    if !identity.files.is_empty() {
        let _ = writeln!(text, "# The user {USER} must be able to read the files of the secrets.");
    }
    if !identity.beside.is_empty() {
        let _ = writeln!(text, "# Your shell sets {}: the sidecar may need them, too.", identity.beside.join(", "));
    }
    if identity.region.is_none() {
        let _ = writeln!(text, "# Replace {}: AWS_REGION is not set.", identity.region());
    }
    text
}
