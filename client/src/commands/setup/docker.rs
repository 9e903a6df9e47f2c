//! A sidecar for Docker Compose: both services share one network, so that loopback is theirs alone.

use std::fmt::Write as _;

use super::Sidecar;
use super::error::{SetupError, plain};
use super::named_identity::{NamedIdentity, SHARED_ACCOUNT};
use super::template::fill;

/// The user of the image.
const USER: u32 = 65532;

pub(super) fn text(identity: &NamedIdentity, sidecar: &Sidecar) -> Result<String, SetupError> {
    let image = plain("the name of the image", &sidecar.image)?;
    let (address, token_file) = (sidecar.endpoint.address()?, sidecar.endpoint.token_file(SHARED_ACCOUNT)?);
    let run = token_file.rsplit_once('/').map_or("/", |(directory, _)| directory);
    let mut own = lines(identity.variables.iter().map(|(name, value)| (*name, value.as_str())));
    for file in &identity.files {
        let _ = writeln!(own, "      {0}_FILE: \"/run/secrets/{0}\"", file.name);
    }
    let mut token_folder = String::new();
    if let Some(token) = &identity.token_file {
        // Its folder, since a file that is replaced would leave the old one mounted.
        let folder = token.rsplit_once('/').map_or("/", |(folder, _)| folder);
        let _ = writeln!(own, "      OIDC_TOKEN_FILE: \"{token}\"");
        let _ = writeln!(token_folder, "      - \"{folder}:{folder}:ro\"");
    }
    let mut app = sidecar.endpoint.variables(SHARED_ACCOUNT)?;
    app.push(("AWS_REGION", identity.region().to_owned()));
    let app = lines(app.iter().map(|(name, value)| (*name, value.as_str())));
    let (secrets, secret_files) = secrets(identity);
    let (header, address, user) = (header(identity), address.to_string(), USER.to_string());
    let values = [
        ("header", header.as_str()),
        ("image", image),
        ("user", &user),
        ("address", &address),
        ("token_file", &token_file),
        ("run", run),
        ("own_environment", &own),
        ("secrets", &secrets),
        ("token_folder", &token_folder),
        ("app_environment", &app),
        ("secret_files", &secret_files),
    ];
    Ok(fill(include_str!("templates/compose.yaml"), &values))
}

fn lines<'a>(variables: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let lines: Vec<_> = variables.map(|(name, value)| format!("      {name}: \"{value}\"\n")).collect();
    lines.concat()
}

/// What the sidecar gets as secrets, and where their files are.
fn secrets(identity: &NamedIdentity) -> (String, String) {
    if identity.files.is_empty() {
        return (String::new(), String::new());
    }
    let names: Vec<_> = identity.files.iter().map(|file| format!("\"{}\"", file.name)).collect();
    let mut files = "secrets:\n".to_owned();
    for file in &identity.files {
        let default = format!("./{}", file.name);
        let _ = writeln!(files, "  {}:\n    file: \"{}\"", file.name, file.path.as_ref().unwrap_or(&default));
    }
    (format!("    secrets: [{}]\n", names.join(", ")), files)
}

fn header(identity: &NamedIdentity) -> String {
    let mut text = "# A sidecar for Docker Compose (`credvend setup docker`).\n\
                    # This belongs in compose.yaml. `scripts/package oci` makes the image: docker load --input FILE\n"
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
