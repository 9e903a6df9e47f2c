//! How a program gets at credentials: what it must have in its environment, and what must run beside it.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::ValueEnum;

use super::error::{SetupError, absolute};
use super::named_identity::NamedIdentity;

/// Options of programs that have a choice.
#[derive(clap::Args)]
pub(super) struct Access {
    /// How the program gets credentials
    #[arg(long, value_name = "WAY", value_enum, default_value_t = Via::Endpoint)]
    pub(super) via: Via,
    #[command(flatten)]
    pub(super) files: Files,
    #[command(flatten)]
    pub(super) endpoint: Endpoint,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Via {
    /// The local endpoint of `serve`: fresh credentials whenever the program asks
    Endpoint,
    /// `credential_process` of an AWS profile: nothing runs beside the program
    Process,
    /// The files of `credential-daemon`, for programs that read nothing else: they are restarted at each refresh
    File,
}

/// Where `serve` is.
#[derive(clap::Args)]
pub(super) struct Endpoint {
    /// The address that `serve` listens on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9911")]
    listen: SocketAddr,
    /// The file that `serve` writes its token to
    #[arg(long, value_name = "FILE", default_value = "/run/credvend/token")]
    token_file: PathBuf,
}

/// Files of the other ways.
#[derive(clap::Args)]
pub(super) struct Files {
    /// The AWS configuration file with the profile (--via process)
    #[arg(long, value_name = "FILE", default_value = "/etc/credvend/aws-config")]
    aws_config: PathBuf,
    /// The directory that `credential-daemon` writes to (--via file)
    #[arg(long, value_name = "DIRECTORY", default_value = "/var/run/aws-creds")]
    creds_dir: PathBuf,
}

/// A program, as its configuration talks about it.
pub(super) struct Program<'a> {
    pub(super) name: &'a str,
    /// Of its systemd unit, and of its user.
    pub(super) unit: &'a str,
    /// `credvend setup …`
    pub(super) setup: &'a str,
    pub(super) file: &'a str,
}

impl Endpoint {
    pub(super) fn address(&self) -> Result<SocketAddr, SetupError> {
        let is_usable = self.listen.ip().is_loopback() && self.listen.port() != 0;
        if is_usable { Ok(self.listen) } else { Err(SetupError::Listen(self.listen)) }
    }

    pub(super) fn token_file(&self) -> Result<String, SetupError> {
        absolute("the path of --token-file", &self.token_file)
    }

    /// What a program has in its environment. The address, and not the name `localhost`, which Fluent Bit refuses.
    pub(super) fn variables(&self) -> Result<Vec<(&'static str, String)>, SetupError> {
        Ok(vec![
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("http://{}/credentials", self.address()?)),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", self.token_file()?),
        ])
    }

    /// `serve`, for programs of other users that are in the group of the token file.
    pub(super) fn serve(&self) -> Result<String, SetupError> {
        let (address, token_file) = (self.address()?, self.token_file()?);
        Ok(format!("serve --listen {address} --token-file {token_file} --token-file-mode 0640"))
    }
}

impl Files {
    pub(super) fn creds_dir(&self) -> Result<String, SetupError> {
        absolute("the path of --creds-dir", &self.creds_dir)
    }
}

impl Access {
    pub(super) fn variables(&self, identity: &NamedIdentity) -> Result<Vec<(&'static str, String)>, SetupError> {
        let mut variables = match self.via {
            Via::Endpoint => self.endpoint.variables()?,
            Via::Process => vec![
                ("AWS_CONFIG_FILE", absolute("the path of --aws-config", &self.files.aws_config)?),
                ("AWS_PROFILE", "credvend".to_owned()),
            ],
            Via::File => vec![("AWS_SHARED_CREDENTIALS_FILE", format!("{}/credentials", self.files.creds_dir()?))],
        };
        variables.push(("AWS_REGION", identity.region().to_owned()));
        Ok(variables)
    }

    /// The comment above a shipper's configuration: where everything belongs, in the order in which it is done.
    pub(super) fn header(&self, program: &Program<'_>, identity: &NamedIdentity) -> Result<String, SetupError> {
        let Program { name, unit, setup, file } = program;
        let mut text = format!("# {name}: logs to S3, credentials from credvend (`credvend setup {setup}`).\n");
        for remark in identity.remarks(true) {
            let _ = writeln!(text, "# {remark}");
        }
        let _ = write!(
            text,
            "# 1. This belongs into {file}.\n\
             # 2. {name} needs this environment, as /etc/systemd/system/{unit}.service.d/credvend.conf:\n\
             #      [Service]\n"
        );
        for (variable, value) in self.variables(identity)? {
            let _ = writeln!(text, "#      Environment={variable}={value}");
        }
        text.push_str("#    Neither AWS_ACCESS_KEY_ID nor another way to credentials may stand beside it.\n");
        text.push_str(&self.beside(program, identity)?);
        let _ = writeln!(
            text,
            "# 4. In that environment, `credvend doctor --shipper {setup} --shipper-config {file} --shipper-user {unit}`\n\
             #    tells what is still wrong."
        );
        Ok(text)
    }

    fn beside(&self, program: &Program<'_>, identity: &NamedIdentity) -> Result<String, SetupError> {
        let Program { name, unit, .. } = program;
        let command = identity.command();
        Ok(match self.via {
            Via::Endpoint => format!(
                "# 3. Beside it runs (`credvend setup systemd` prints a unit):\n\
                 #      {command} {}\n\
                 #    Its token is for the group of its user: usermod --append --groups credvend {unit}\n",
                self.endpoint.serve()?
            ),
            Via::Process => format!(
                "# 3. The profile: {command} setup aws-config > {}\n\
                 #    {name}'s user runs the command in it, so that user reads its files and has its cache.\n",
                self.files.aws_config.display()
            ),
            Via::File => format!(
                "# 3. Beside it runs (`credvend setup systemd --service credential-daemon` prints a unit):\n\
                 #      {command} credential-daemon --creds-dir {} --on-refresh 'systemctl restart {unit}'\n\
                 #    {name} reads credentials once: without the restart it works with expired ones after an hour.\n",
                self.files.creds_dir()?
            ),
        })
    }
}
