//! A sidecar in a Kubernetes pod: containers of a pod share loopback, and a folder in memory for the token.

use std::fmt::Write as _;

use super::Sidecar;
use super::error::{SetupError, plain};
use super::named_identity::{NamedIdentity, SHARED_ACCOUNT};
use super::template::fill;

/// Where secrets and tokens are in the sidecar.
const SECRETS: &str = "/var/run/secrets/credvend";

pub(super) fn text(identity: &NamedIdentity, sidecar: &Sidecar) -> Result<String, SetupError> {
    let image = plain("the name of the image", &sidecar.image)?;
    let (address, token_file) = (sidecar.endpoint.address()?, sidecar.endpoint.token_file(SHARED_ACCOUNT)?);
    let run = token_file.rsplit_once('/').map_or("/", |(directory, _)| directory);
    let mut app = sidecar.endpoint.variables(SHARED_ACCOUNT)?;
    app.push(("AWS_REGION", identity.region().to_owned()));
    let mut own: Vec<(String, String)> =
        identity.variables.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    own.extend(identity.files.iter().map(|file| (format!("{}_FILE", file.name), format!("{SECRETS}/{}", file.name))));
    if identity.token_file.is_some() {
        own.push(("OIDC_TOKEN_FILE".to_owned(), format!("{SECRETS}/token")));
    }
    let app = environment(app.iter().map(|(name, value)| (*name, value.as_str())));
    let own = environment(own.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let (header, address) = (header(identity), address.to_string());
    let (mount, volume) = identity_volume(&sources(identity));
    let values = [
        ("header", header.as_str()),
        ("image", image),
        ("address", &address),
        ("token_file", &token_file),
        ("run", run),
        ("own_environment", &own),
        ("identity_mount", &mount),
        ("app_environment", &app),
        ("identity_volume", &volume),
    ];
    Ok(fill(include_str!("templates/pod.yaml"), &values))
}

/// The mount and the volume with secrets and tokens; neither, where the identity has none.
fn identity_volume(sources: &str) -> (String, String) {
    if sources.is_empty() {
        return (String::new(), String::new());
    }
    let mount =
        format!("        - name: credvend-identity\n          mountPath: {SECRETS}\n          readOnly: true\n");
    let volume = format!(
        "    - name: credvend-identity\n      projected:\n        defaultMode: 0440\n        sources:\n{sources}"
    );
    (mount, volume)
}

fn environment<'a>(variables: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let lines: Vec<_> =
        variables.map(|(name, value)| format!("        - {{name: {name}, value: \"{value}\"}}\n")).collect();
    lines.concat()
}

/// What the sidecar must have as files.
fn sources(identity: &NamedIdentity) -> String {
    let mut text = String::new();
    if !identity.files.is_empty() {
        text.push_str("          - secret: {name: credvend}\n");
    }
    if identity.token_file.is_some() {
        text.push_str(
            "          # The audience that the identity provider of the AWS account asks for.\n          \
             - serviceAccountToken: {path: token, audience: sts.amazonaws.com, expirationSeconds: 3600}\n",
        );
    }
    text
}

fn header(identity: &NamedIdentity) -> String {
    let mut text = "# A sidecar in a pod, for Kubernetes 1.29 or newer (`credvend setup kubernetes`).\n\
                    # kubectl apply --filename FILE; `scripts/package oci` makes the image.\n"
        .to_owned();
    if !identity.files.is_empty() {
        let from = |file: &super::named_identity::MountedFile| {
            format!(" --from-file={}={}", file.name, file.path.as_deref().unwrap_or("FILE-WITH-THE-SECRET"))
        };
        let files: String = identity.files.iter().map(from).collect();
        let _ = writeln!(text, "# Before that: kubectl create secret generic credvend{files}");
    }
    if !identity.beside.is_empty() {
        let _ = writeln!(text, "# Your shell sets {}: the sidecar may need them, too.", identity.beside.join(", "));
    }
    if identity.region.is_none() {
        let _ = writeln!(text, "# Replace {}: AWS_REGION is not set.", identity.region());
    }
    text
}
