//! `credvend`, the credential helper, which knows the variables and credentials of a named identity.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Stdio;

use aws_credential_types::provider::error::CredentialsError as ProviderError;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_sdk_s3::config::Credentials;
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use serde::Deserialize;

use crate::cli::IdentityOptions;
use crate::credentials::CredentialsError;
use crate::kind::Kind;

const HELPER: &str = "credvend";

/// Set for this program by `credvend s3`, which has read the file or identity that the options name.
pub(crate) const VARIABLES_ARE_SET: &str = "CREDVEND_S3_VARIABLES_ARE_SET";

/// `credvend … get-credentials`, run again whenever its credentials are about to expire.
#[derive(Debug)]
pub(crate) struct Helper {
    program: PathBuf,
    arguments: Vec<OsString>,
}

/// What a `credential_process` prints.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Printed {
    version: u8,
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    expiration: Option<String>,
}

impl Helper {
    /// `None` where no identity is named.
    pub(crate) fn new(options: &IdentityOptions) -> Option<Self> {
        let given = [
            ("--env-file", options.env_file.as_ref().map(OsString::from)),
            ("--identity", options.identity.as_ref().map(OsString::from)),
            ("--config", options.config.as_ref().map(OsString::from)),
        ];
        let arguments: Vec<_> =
            given.into_iter().filter_map(|(name, value)| Some([OsString::from(name), value?])).flatten().collect();
        if arguments.is_empty() {
            return None;
        }
        Some(Self { program: beside_this_program(), arguments })
    }

    /// Replaces this process by `credvend … s3`, which sets the variables of the file or identity and runs this program
    /// again, so that one program alone decides what such a file may hold and what it overrides. Returns only when that
    /// fails.
    pub(crate) fn restart(&self) -> CredentialsError {
        let own = std::env::args_os().skip(1);
        let mut command = std::process::Command::new(&self.program);
        let cause = command.args(&self.arguments).arg("s3").args(own).env(VARIABLES_ARE_SET, "true").exec();
        CredentialsError::Helper { program: self.program.display().to_string(), cause: cause.to_string() }
    }

    async fn run(&self) -> Result<Credentials, CredentialsError> {
        let program = self.program.display().to_string();
        let mut command = tokio::process::Command::new(&self.program);
        command
            .args(&self.arguments)
            .arg("get-credentials")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        // Not `output`, which captures stderr as well: the user must see why there are no credentials.
        let run = async { command.spawn()?.wait_with_output().await };
        let output = run
            .await
            .map_err(|cause| CredentialsError::Helper { program: program.clone(), cause: cause.to_string() })?;
        if !output.status.success() {
            let kind = Kind::of_exit_code(output.status.code());
            return Err(CredentialsError::Refused { program, status: output.status.to_string(), kind });
        }
        // The parser's message is left out, since it may quote what was printed.
        let printed: Option<Printed> = serde_json::from_slice(&output.stdout).ok();
        printed.and_then(Printed::credentials).ok_or(CredentialsError::Malformed { program })
    }
}

impl Printed {
    fn credentials(self) -> Option<Credentials> {
        let expires_at = match self.expiration {
            Some(text) => Some(DateTime::from_str(&text, DateTimeFormat::DateTime).ok()?.try_into().ok()?),
            None => None,
        };
        let Self { version, access_key_id, secret_access_key, session_token, .. } = self;
        (version == 1).then(|| Credentials::new(access_key_id, secret_access_key, session_token, expires_at, HELPER))
    }
}

impl ProvideCredentials for Helper {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async { self.run().await.map_err(ProviderError::provider_error) })
    }
}

/// The credential helper that was installed beside this program, else the one in `PATH`.
fn beside_this_program() -> PathBuf {
    let beside = std::env::current_exe().ok().map(|path| path.with_file_name(HELPER));
    beside.filter(|path| path.exists()).unwrap_or_else(|| HELPER.into())
}
