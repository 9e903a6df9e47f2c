//! A sidecar in a Kubernetes pod: containers of a pod share loopback, and a folder in memory for the token.

use std::fmt::Write as _;

use super::Sidecar;
use super::error::{SetupError, plain};
use super::named_identity::NamedIdentity;

/// Where secrets and tokens are in the sidecar.
const SECRETS: &str = "/var/run/secrets/credvend";

pub(super) fn text(identity: &NamedIdentity, sidecar: &Sidecar) -> Result<String, SetupError> {
    let image = plain("the name of the image", &sidecar.image)?;
    let (address, token_file) = (sidecar.endpoint.address()?, sidecar.endpoint.token_file()?);
    let run = token_file.rsplit_once('/').map_or("/", |(directory, _)| directory);
    let mut app = sidecar.endpoint.variables()?;
    app.push(("AWS_REGION", identity.region().to_owned()));
    let mut own: Vec<(String, String)> =
        identity.variables.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    own.extend(identity.files.iter().map(|file| (format!("{}_FILE", file.name), format!("{SECRETS}/{}", file.name))));
    if identity.token_file.is_some() {
        own.push(("OIDC_TOKEN_FILE".to_owned(), format!("{SECRETS}/token")));
    }
    let app = environment(app.iter().map(|(name, value)| (*name, value.as_str())));
    let own = environment(own.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let header = header(identity);
    let sources = sources(identity);
    let (mount, volume) = if sources.is_empty() {
        (String::new(), String::new())
    } else {
        (
            format!("        - name: credvend-identity\n          mountPath: {SECRETS}\n          readOnly: true\n"),
            format!(
                "    - name: credvend-identity\n      projected:\n        defaultMode: 0440\n        sources:\n{sources}"
            ),
        )
    };
    Ok(format!(
        "{header}\
apiVersion: v1
kind: Pod
metadata:
  name: example
spec:
  securityContext:
    runAsNonRoot: true
    # Files of the volumes belong to this group, which all containers of the pod are in.
    fsGroup: 65532
    seccompProfile:
      type: RuntimeDefault
  initContainers:
    - name: credvend
      image: \"{image}\"
      # A sidecar: started before the other containers, ended after them.
      restartPolicy: Always
      args: [\"serve\", \"--listen\", \"{address}\", \"--token-file\", \"{token_file}\", \"--token-file-mode\", \"0640\"]
      env:
{own}      # The other containers start when there are credentials.
      startupProbe:
        exec: {{command: [\"/usr/bin/credvend\", \"get-credentials\", \"--check\"]}}
        periodSeconds: 5
        timeoutSeconds: 30
        failureThreshold: 60
      resources:
        requests: {{cpu: 5m, memory: 16Mi}}
        limits: {{memory: 64Mi}}
      securityContext: &hardened
        runAsUser: 65532
        runAsGroup: 65532
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {{drop: [\"ALL\"]}}
      volumeMounts:
        - name: credvend-run
          mountPath: \"{run}\"
        - name: credvend-cache
          mountPath: /var/cache/credvend
{mount}  containers:
    # Replace it by your own container; the sidecar, the volumes and these variables are what matters.
    - name: app
      image: \"example-app\"
      env:
{app}      resources:
        requests: {{cpu: 50m, memory: 64Mi}}
        limits: {{memory: 256Mi}}
      securityContext: *hardened
      volumeMounts:
        - name: credvend-run
          mountPath: \"{run}\"
          readOnly: true
  volumes:
    - name: credvend-run
      emptyDir: {{medium: Memory, sizeLimit: 1Mi}}
    - name: credvend-cache
      emptyDir: {{medium: Memory, sizeLimit: 4Mi}}
{volume}"
    ))
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
