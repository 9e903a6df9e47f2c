//! `serve --print-env`: what a program sets that takes its credentials from a `serve` started with the same options.

use std::fmt::Write as _;
use std::net::SocketAddr;

use super::Arguments;
use super::error::ConsumerError;
use crate::endpoint::ListenAddress;
use crate::settings::sources::NamedConfig;

/// Exports for a POSIX shell.
pub(super) fn exports(arguments: &Arguments, configs: &[NamedConfig], is_named: bool) -> Result<String, ConsumerError> {
    let [identity] = configs else {
        let names: Vec<_> = configs.iter().map(|config| config.name.as_str()).collect();
        return Err(ConsumerError::Ambiguous(names.join(", ")));
    };
    let address = address(arguments)?;
    let has_users = !identity.users.is_empty();
    if arguments.token_file.is_none() && !arguments.imds && !has_users {
        return Err(ConsumerError::Closed);
    }
    let mut lines = String::new();
    // Writing to a String cannot fail.
    let mut export = |name: &str, value: &str| {
        let _ = writeln!(lines, "export {name}={}", quoted(value));
    };
    if arguments.token_file.is_some() || has_users {
        let path = if is_named { format!("/credentials/{}", identity.name) } else { "/credentials".to_owned() };
        export("AWS_CONTAINER_CREDENTIALS_FULL_URI", &format!("http://{address}{path}"));
    }
    if let Some(file) = &arguments.token_file {
        let absolute = std::path::absolute(file).unwrap_or_else(|_| file.clone());
        export("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &absolute.to_string_lossy());
    }
    if arguments.imds {
        // Some clients put paths behind it as it is.
        export("AWS_EC2_METADATA_SERVICE_ENDPOINT", &format!("http://{address}/"));
    }
    if let Some(region) = &identity.config.region {
        export("AWS_REGION", region);
        // boto3 and the AWS CLI read only this one.
        export("AWS_DEFAULT_REGION", region);
    }
    Ok(lines)
}

fn address(arguments: &Arguments) -> Result<SocketAddr, ConsumerError> {
    match arguments.listen {
        ListenAddress::Unix(_) => Err(ConsumerError::UnixSocket),
        ListenAddress::Tcp(address) if address.port() == 0 => Err(ConsumerError::AnyPort),
        ListenAddress::Tcp(address) => Ok(address),
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
