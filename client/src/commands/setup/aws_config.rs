//! A profile whose credentials come from `credvend get-credentials`.

use std::fmt::Write as _;

use super::error::{SetupError, plain};
use super::named_identity::NamedIdentity;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Name of the profile (`AWS_PROFILE`)
    #[arg(long, value_name = "NAME", default_value = "credvend")]
    profile: String,
}

pub(super) fn text(identity: &NamedIdentity, arguments: &Arguments) -> Result<String, SetupError> {
    let profile = plain("the name of the profile", &arguments.profile)?;
    let mut text = format!(
        "# AWS profile with credentials from credvend (`credvend setup aws-config`).\n\
         # Save it as /etc/credvend/aws-config and set AWS_CONFIG_FILE to that path, or add it to ~/.aws/config.\n\
         # AWS_PROFILE={profile} selects it. AWS_ACCESS_KEY_ID must be unset, and ~/.aws/credentials must not hold the same\n\
         # profile. No daemon is needed.\n"
    );
    for remark in identity.remarks(false) {
        let _ = writeln!(text, "# {remark}");
    }
    // AWS CLI User Guide, "Configuration and credential file settings": only the default profile has no `profile`.
    let section = if profile == "default" { "default".to_owned() } else { format!("profile {profile}") };
    let _ = writeln!(text, "[{section}]\ncredential_process = {} get-credentials", identity.command());
    if let Some(region) = &identity.region {
        let _ = writeln!(text, "region = {region}");
    }
    if let Some(endpoint) = &identity.s3_endpoint {
        let _ = writeln!(text, "endpoint_url = {endpoint}");
    }
    Ok(text)
}
