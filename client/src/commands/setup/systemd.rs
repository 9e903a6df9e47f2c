//! A unit for one of the long-running commands, hardened as the packages' own are.

use std::fmt::Write as _;

use clap::ValueEnum;

use super::access::{Endpoint, Files};
use super::error::SetupError;
use super::named_identity::{NamedIdentity, SHARED_ACCOUNT, Source};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// What the unit runs
    #[arg(long, value_name = "COMMAND", value_enum, default_value_t = Service::Serve)]
    service: Service,
    #[command(flatten)]
    endpoint: Endpoint,
    #[command(flatten)]
    files: Files,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Service {
    Serve,
    CredentialDaemon,
}

/// Takes away what a unit of this kind never needs (systemd.exec(5)).
const HARDENING: &str = "\
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
LockPersonality=yes
MemoryDenyWriteExecute=yes
RemoveIPC=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
UMask=0077
LimitCORE=0
";

pub(super) fn text(identity: &NamedIdentity, arguments: &Arguments) -> Result<String, SetupError> {
    let account = identity.account()?;
    let name = account.strip_prefix(SHARED_ACCOUNT).unwrap_or_default();
    let (unit, description, command, directory) = match arguments.service {
        Service::Serve => (
            format!("credvend{name}"),
            "AWS credentials for the programs of this machine (credvend)",
            arguments.endpoint.serve(&account)?,
            arguments.endpoint.token_file(&account)?.rsplit_once('/').map(|(directory, _)| directory.to_owned()),
        ),
        Service::CredentialDaemon => {
            let directory = arguments.files.creds_dir(&account)?;
            (
                format!("credvend-credential-daemon{name}"),
                "AWS credential files (credvend)",
                format!("credential-daemon --creds-dir {directory} --mode 0640"),
                Some(directory),
            )
        }
    };
    let directory = directory.unwrap_or_default();
    // systemd.exec(5): several lines add up.
    let more_families = match arguments.service {
        Service::Serve => "# To see which user connects.\nRestrictAddressFamilies=AF_NETLINK\n",
        Service::CredentialDaemon => "",
    };
    let (source, exec) = exec(identity);
    let mut text = format!(
        "# Unit of systemd 250 or newer (`credvend setup systemd`).\n\
         # 1. This belongs in /etc/systemd/system/{unit}.service\n\
         # 2. A user and a group, unless the package has made them: useradd --system --user-group --shell \
         /usr/sbin/nologin {account}\n\
         # 3. systemctl daemon-reload && systemctl enable --now {unit}; after a change of the identity: systemctl restart \
         {unit}\n"
    );
    for remark in remarks(identity, &account, arguments.service) {
        let _ = writeln!(text, "# {remark}");
    }
    let _ = write!(
        text,
        "[Unit]\nDescription={description}\nWants=network-online.target\nAfter=network-online.target\n\
         StartLimitIntervalSec=0\n\n\
         [Service]\nType=notify\nExecStart={exec} {command}\n\
         # Without a network at the start, it waits for one instead of failing.\n\
         TimeoutStartSec=infinity\nWatchdogSec=60\nRestart=always\nRestartSec=2\nRestartPreventExitStatus=2\n\
         # Members of the group may read the credentials.\n\
         User={account}\nGroup={account}\n{source}{}CacheDirectory={account}\nCacheDirectoryMode=0700\n\n\
         {HARDENING}{more_families}{}\n[Install]\nWantedBy=multi-user.target\n",
        runtime_directory(&directory),
        protect_home(identity),
    );
    Ok(text)
}

/// The identity's file belongs to root: systemd hands the unit a copy that no other user can read.
fn exec(identity: &NamedIdentity) -> (String, String) {
    let program = &identity.program;
    match &identity.source {
        Source::EnvFile(path) => (
            format!("LoadCredential=credvend.env:{path}\n"),
            format!("{program} --env-file ${{CREDENTIALS_DIRECTORY}}/credvend.env"),
        ),
        Source::Table { config, name } => {
            let name = name.as_ref().map(|name| format!(" --identity {name}")).unwrap_or_default();
            let exec = format!("{program} --config ${{CREDENTIALS_DIRECTORY}}/config.toml{name}");
            (format!("LoadCredential=config.toml:{config}\n"), exec)
        }
        Source::Environment => ("EnvironmentFile=/etc/credvend/credvend.env\n".to_owned(), program.clone()),
    }
}

fn remarks(identity: &NamedIdentity, account: &str, service: Service) -> Vec<String> {
    let mut remarks = Vec::new();
    if account == SHARED_ACCOUNT {
        remarks.push(
            "Note: every unit of the user credvend can read what the others have. Where two identities of a machine must be \
             kept apart, name them: --identity."
                .to_owned(),
        );
    } else if service == Service::Serve {
        remarks.push("Note: the endpoint of each identity needs a port of its own: --listen.".to_owned());
    }
    if matches!(identity.source, Source::Environment) {
        let names: Vec<&str> = identity.variables.iter().map(|(name, _)| *name).collect();
        let secrets: Vec<&str> = identity.files.iter().map(|file| file.name.as_str()).collect();
        let names = [names, secrets].concat().join(", ");
        remarks.push(format!(
            "Note: this identity is in your environment. Write it into /etc/credvend/credvend.env (0600), a line NAME=value \
             each: {names}"
        ));
    } else {
        let files = identity.files.iter().filter_map(|file| file.path.clone()).chain(identity.token_file.clone());
        remarks.extend(files.map(|path| format!("Note: the user {account} must be able to read {path}")));
    }
    if !identity.beside.is_empty() {
        let names = identity.beside.join(", ");
        remarks.push(format!("Note: {names}: the unit needs a line Environment= for what your shell sets of these."));
    }
    remarks
}

/// systemd makes directories below /run; any other directory must exist, and the unit must be allowed to write to it.
fn runtime_directory(directory: &str) -> String {
    match directory.strip_prefix("/run/").or_else(|| directory.strip_prefix("/var/run/")) {
        Some(below) => {
            format!("RuntimeDirectory={below}\nRuntimeDirectoryMode=0750\nRuntimeDirectoryPreserve=restart\n")
        }
        None => format!("ReadWritePaths={directory}\n"),
    }
}

/// Hides home directories, unless the program itself is in one.
fn protect_home(identity: &NamedIdentity) -> &'static str {
    // systemd.exec(5), ProtectHome=: /home, and root's.
    let top = identity.program.split('/').nth(1);
    let is_in_home = top.is_some_and(|top| ["home", "root"].contains(&top));
    if is_in_home { "ProtectHome=read-only\n" } else { "ProtectHome=yes\n" }
}
