//! How a program gets credentials: what it must have in its environment, and what must run beside it.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::ValueEnum;

use super::error::{SetupError, absolute};
use super::named_identity::NamedIdentity;
use super::template::fill;

/// Options of programs that can get credentials in several ways.
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
    /// The files of `credential-daemon`: Logstash is restarted at each refresh, Vector would lose logs and is refused
    File,
}

/// The address and token file of `serve`.
#[derive(clap::Args)]
pub(super) struct Endpoint {
    /// The address that `serve` listens on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9911")]
    listen: SocketAddr,
    /// The file that `serve` writes its token to [default: /run/credvend/token; /run/credvend-NAME/token of an identity NAME]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// Files of the other ways.
#[derive(clap::Args)]
pub(super) struct Files {
    /// The AWS configuration file with the profile (--via process)
    #[arg(long, value_name = "FILE", default_value = "/etc/credvend/aws-config")]
    aws_config: PathBuf,
    /// The directory that `credential-daemon` writes to (--via file) [default: /var/run/aws-creds; /run/aws-creds/NAME of an
    /// identity NAME]
    #[arg(long, value_name = "DIRECTORY")]
    creds_dir: Option<PathBuf>,
}

/// A program, as the comment above its configuration describes it.
pub(super) struct Program<'a> {
    pub(super) name: &'a str,
    /// `credvend setup …`
    pub(super) setup: &'a str,
    /// The unit of its package.
    pub(super) unit: &'a str,
    /// The user that the unit of its package runs it as; `None`: root.
    pub(super) user: Option<&'a str>,
    /// Where the configuration belongs, as lines of the comment.
    pub(super) place: &'a str,
    /// More lines for the unit's drop-in.
    pub(super) drop_in: &'a str,
    /// It connects to AWS's metadata service at its start, whatever it is told to use.
    pub(super) needs_metadata_address: bool,
}

impl Endpoint {
    pub(super) fn address(&self) -> Result<SocketAddr, SetupError> {
        let is_usable = self.listen.ip().is_loopback() && self.listen.port() != 0;
        if is_usable { Ok(self.listen) } else { Err(SetupError::Listen(self.listen)) }
    }

    /// By default in the folder of the unit's user.
    pub(super) fn token_file(&self, account: &str) -> Result<String, SetupError> {
        match &self.token_file {
            Some(path) => absolute("the path of --token-file", path),
            None => Ok(format!("/run/{account}/token")),
        }
    }

    /// The group that may read the token: the units write it to a folder of the group's name.
    fn group(&self, account: &str) -> Result<String, SetupError> {
        let token_file = self.token_file(account)?;
        let folder = token_file.rsplit('/').nth(1).filter(|folder| folder.starts_with("credvend-"));
        Ok(folder.unwrap_or(account).to_owned())
    }

    /// What a program has in its environment. The address, and not the name `localhost`, which Fluent Bit refuses.
    pub(super) fn variables(&self, account: &str) -> Result<Vec<(&'static str, String)>, SetupError> {
        Ok(vec![
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("http://{}/credentials", self.address()?)),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", self.token_file(account)?),
        ])
    }

    /// `serve`, for programs of other users that are in the group of the token file.
    pub(super) fn serve(&self, account: &str) -> Result<String, SetupError> {
        let (address, token_file) = (self.address()?, self.token_file(account)?);
        Ok(format!("serve --listen {address} --token-file {token_file} --token-file-mode 0640"))
    }
}

impl Files {
    pub(super) fn creds_dir(&self, account: &str) -> Result<String, SetupError> {
        match (&self.creds_dir, account.strip_prefix("credvend-")) {
            (Some(path), _) => absolute("the path of --creds-dir", path),
            (None, Some(name)) => Ok(format!("/run/aws-creds/{name}")),
            (None, None) => Ok("/var/run/aws-creds".to_owned()),
        }
    }
}

impl Access {
    pub(super) fn variables(&self, identity: &NamedIdentity) -> Result<Vec<(&'static str, String)>, SetupError> {
        let mut variables = match self.via {
            Via::Endpoint => self.endpoint.variables(&identity.account()?)?,
            Via::Process => vec![
                ("AWS_CONFIG_FILE", absolute("the path of --aws-config", &self.files.aws_config)?),
                ("AWS_PROFILE", "credvend".to_owned()),
            ],
            Via::File => vec![(
                "AWS_SHARED_CREDENTIALS_FILE",
                format!("{}/credentials", self.files.creds_dir(&identity.account()?)?),
            )],
        };
        variables.push(("AWS_REGION", identity.region().to_owned()));
        Ok(variables)
    }

    /// The comment above a shipper's configuration: where everything belongs, in the order in which it is done.
    pub(super) fn header(&self, program: &Program<'_>, identity: &NamedIdentity) -> Result<String, SetupError> {
        let remarks: Vec<_> = identity.remarks(true).iter().map(|remark| format!("# {remark}\n")).collect();
        let mut drop_in = program.drop_in.to_owned();
        for (variable, value) in self.variables(identity)? {
            let _ = writeln!(drop_in, "#      Environment={variable}={value}");
        }
        let values = [
            ("name", program.name),
            ("setup", program.setup),
            ("unit", program.unit),
            ("remarks", &remarks.concat()),
            ("place", program.place),
            ("drop_in", &drop_in),
            ("proxy", &self.proxy(program)?),
            ("beside", &self.beside(program, identity)?),
            ("command", &identity.command()),
        ];
        Ok(fill(include_str!("templates/shipper.txt"), &values))
    }

    /// What must not go through a proxy.
    fn proxy(&self, program: &Program<'_>) -> Result<String, SetupError> {
        let endpoint = match self.via {
            Via::Endpoint => Some(self.endpoint.address()?.ip().to_string()),
            Via::Process | Via::File => None,
        };
        let metadata = program.needs_metadata_address.then(|| "169.254.169.254".to_owned());
        let hosts: Vec<String> = endpoint.into_iter().chain(metadata).collect();
        if hosts.is_empty() {
            return Ok(String::new());
        }
        let without = if program.needs_metadata_address {
            format!(" (without 169.254.169.254 {} does not start)", program.name)
        } else {
            String::new()
        };
        Ok(format!("#    Where HTTP_PROXY is set, NO_PROXY needs {}{without}.\n", hosts.join(",")))
    }

    /// What runs beside the program.
    fn beside(&self, program: &Program<'_>, identity: &NamedIdentity) -> Result<String, SetupError> {
        let Program { name, user, .. } = program;
        let command = identity.command();
        Ok(match self.via {
            Via::Endpoint => format!(
                "# 3. Beside it runs (`credvend setup systemd` prints a unit):\n\
                 #      {command} {}\n{}",
                self.endpoint.serve(&identity.account()?)?,
                match user {
                    Some(user) => format!(
                        "#    Its token is for the group of its user: usermod --append --groups {} {user}\n",
                        self.endpoint.group(&identity.account()?)?
                    ),
                    None => format!("#    {name} runs as root, who can read its token.\n"),
                }
            ),
            Via::Process => format!(
                "# 3. The profile: {command} setup aws-config > {}\n\
                 #    The user that {name} runs as, {}, runs the command in it: it must be able to read the files named there.\n",
                self.files.aws_config.display(),
                user.unwrap_or("root")
            ),
            Via::File => self.files_beside(program, identity)?,
        })
    }

    /// `credential-daemon`, for a program that reads the files again, or is restarted.
    fn files_beside(&self, program: &Program<'_>, identity: &NamedIdentity) -> Result<String, SetupError> {
        let Program { name, unit, user, .. } = program;
        let (command, directory) = (identity.command(), self.files.creds_dir(&identity.account()?)?);
        Ok(match user {
            None => format!(
                "# 3. Beside it runs (`credvend setup systemd --service credential-daemon` prints a unit):\n\
                 #      {command} credential-daemon --creds-dir {directory}\n\
                 #    {name} 5.1 reads the file again after S3 has refused the old keys, at most once a minute, and sends what was\n\
                 #    refused once more. Older versions do not for all outputs: restart them at each refresh (--on-refresh).\n"
            ),
            Some(user) => format!(
                "# 3. Beside it runs, as root, since no other user may restart a unit:\n\
                 #      {command} credential-daemon --creds-dir {directory} --group {user} --mode 0640 --on-refresh 'systemctl restart {unit}'\n\
                 #    {name} reads credentials once: without the restart it works with expired ones after an hour.\n"
            ),
        })
    }
}
