//! The ways in which the client hands credentials over, as a program's environment says them.

use std::path::Path;

use tests::process::binary;

use super::host::{Host, text};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    CredentialProcess,
    ContainerTokenFile,
    ContainerToken,
    InstanceMetadata,
    WebIdentity,
    SharedFile,
}

impl Way {
    pub(super) const ALL: [Self; 6] = [
        Self::CredentialProcess,
        Self::ContainerTokenFile,
        Self::ContainerToken,
        Self::InstanceMetadata,
        Self::WebIdentity,
        Self::SharedFile,
    ];

    /// Heading of the table's column.
    pub(super) fn heading(self) -> &'static str {
        match self {
            Self::CredentialProcess => "credential_process",
            Self::ContainerTokenFile => "container, token file",
            Self::ContainerToken => "container, token in environment",
            Self::InstanceMetadata => "IMDSv2",
            Self::WebIdentity => "web identity",
            Self::SharedFile => "shared file",
        }
    }

    /// What runs on the machine for it.
    pub(super) fn command(self) -> &'static str {
        match self {
            Self::CredentialProcess => "`credvend get-credentials`, run by the program",
            Self::ContainerTokenFile | Self::ContainerToken => "`credvend serve --token-file FILE`",
            Self::InstanceMetadata => "`credvend serve --imds`",
            Self::WebIdentity => "`credvend token-daemon --token-file FILE`",
            Self::SharedFile => "`credvend credential-daemon --creds-dir DIR`",
        }
    }

    /// What a user sets for it.
    pub(super) fn setting(self) -> &'static str {
        match self {
            Self::CredentialProcess => "a profile with `credential_process = credvend --env-file FILE get-credentials`",
            Self::ContainerTokenFile => {
                "`AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:9911/credentials`, \
                 `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=FILE`"
            }
            Self::ContainerToken => {
                "`AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:9911/credentials`, \
                 `AWS_CONTAINER_AUTHORIZATION_TOKEN=$(cat FILE)`"
            }
            Self::InstanceMetadata => "`AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:9911/`",
            Self::WebIdentity => "`AWS_WEB_IDENTITY_TOKEN_FILE=FILE`, `AWS_ROLE_ARN=ARN`",
            Self::SharedFile => "`AWS_SHARED_CREDENTIALS_FILE=DIR/credentials`",
        }
    }

    /// The variables that a program is given, `home` being its own; a configuration file may lie there afterwards.
    pub(super) fn variables(self, host: &Host, home: &Path, session_name: &str) -> Vec<(&'static str, String)> {
        let full_uri = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/credentials", host.served_at));
        match self {
            Self::CredentialProcess => {
                let config = home.join("config");
                let env_file = host.env_file("server.env");
                let process =
                    format!("{} --env-file {} get-credentials", binary("credvend").display(), env_file.display());
                let profile = format!("[profile credvend]\nregion = {}\ncredential_process = {process}\n", host.region);
                std::fs::write(&config, profile).expect("a writable folder");
                vec![("AWS_CONFIG_FILE", text(&config)), ("AWS_PROFILE", "credvend".to_owned())]
            }
            Self::ContainerTokenFile => {
                vec![full_uri, ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", text(&host.serve_token_file()))]
            }
            Self::ContainerToken => {
                let token = std::fs::read_to_string(host.serve_token_file()).expect("serve has written it");
                vec![full_uri, ("AWS_CONTAINER_AUTHORIZATION_TOKEN", token)]
            }
            Self::InstanceMetadata => {
                vec![
                    ("AWS_EC2_METADATA_SERVICE_ENDPOINT", format!("{}/", host.served_at)),
                    ("AWS_EC2_METADATA_DISABLED", "false".to_owned()),
                ]
            }
            Self::WebIdentity => vec![
                ("AWS_WEB_IDENTITY_TOKEN_FILE", text(&host.web_identity_token_file())),
                ("AWS_ROLE_ARN", host.federated_role_arn.clone()),
                ("AWS_ROLE_SESSION_NAME", session_name.to_owned()),
            ],
            Self::SharedFile => {
                vec![("AWS_SHARED_CREDENTIALS_FILE", text(&host.credentials_folder().join("credentials")))]
            }
        }
    }
}
