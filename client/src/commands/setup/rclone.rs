//! A remote of rclone.

use std::fmt::Write as _;

use clap::ValueEnum;

use super::access::Endpoint;
use super::error::SetupError;
use super::named_identity::NamedIdentity;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// How rclone gets credentials
    #[arg(long, value_name = "WAY", value_enum, default_value_t = Via::Process)]
    via: Via,
    #[command(flatten)]
    endpoint: Endpoint,
}

/// rclone reads credentials again when they expire, so a file that is rewritten has no advantage over these two.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Via {
    /// `credential_process` of an AWS profile
    Process,
    /// The local endpoint of `serve`
    Endpoint,
}

pub(super) fn text(identity: &NamedIdentity, arguments: &Arguments) -> Result<String, SetupError> {
    let command = identity.command();
    let mut text = "# rclone remote with credentials from credvend (`credvend setup rclone`).\n\
                    # 1. Add this to ~/.config/rclone/rclone.conf (`rclone config file` prints the path).\n"
        .to_owned();
    match arguments.via {
        Via::Process => {
            let _ = writeln!(
                text,
                "# 2. The profile that it names: {command} setup aws-config > /etc/credvend/aws-config\n\
                 # 3. rclone needs this environment:\n#      export AWS_CONFIG_FILE=/etc/credvend/aws-config\n\
                 #    No daemon is needed."
            );
        }
        Via::Endpoint => {
            let variables = arguments.endpoint.variables(&identity.account()?)?;
            let variables: Vec<_> = variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let _ = writeln!(
                text,
                "# 2. rclone needs this environment:\n#      export {}\n\
                 # 3. Beside it runs (`credvend setup systemd` prints a unit):\n#      {command} {}",
                variables.join(" \\\n#        "),
                arguments.endpoint.serve(&identity.account()?)?
            );
        }
    }
    for remark in identity.remarks(true) {
        let _ = writeln!(text, "# {remark}");
    }
    let _ = write!(
        text,
        "# The identity's objects are below credvend:{}/{}\n\
         # The level `write` may neither look nor list: rclone copyto --no-check-dest --s3-no-head …\n\
         [credvend]\ntype = s3\nprovider = {}\nenv_auth = true\n",
        identity.bucket(),
        &identity.key_prefix,
        if identity.s3_endpoint.is_some() { "Other" } else { "AWS" },
    );
    if arguments.via == Via::Process {
        text.push_str("profile = credvend\n");
    }
    let _ = writeln!(text, "region = {}", identity.region());
    if let Some(endpoint) = &identity.s3_endpoint {
        let _ = writeln!(text, "endpoint = {endpoint}\nforce_path_style = true");
    }
    text.push_str("# The bucket is there, and asking for it is not allowed.\nno_check_bucket = true\n");
    Ok(text)
}
