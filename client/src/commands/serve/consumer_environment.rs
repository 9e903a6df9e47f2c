//! `serve --print-env`: what a program sets that takes its credentials from a `serve` started with the same options.

use std::net::SocketAddr;

use super::Arguments;
use super::error::ConsumerError;
use crate::endpoint::ListenAddress;
use crate::output::consumer_environment::ConsumerEnvironment;
use crate::output::env::Dialect;
use crate::settings::sources::NamedConfig;

/// Exports for a POSIX shell.
pub(super) fn exports(arguments: &Arguments, configs: &[NamedConfig], is_named: bool) -> Result<String, ConsumerError> {
    let [identity] = configs else {
        let names: Vec<_> = configs.iter().map(|config| config.name.as_str()).collect();
        return Err(ConsumerError::Ambiguous(names.join(", ")));
    };
    let address = address(arguments)?;
    let mut variables = Vec::new();
    if let Some(file) = &arguments.token_file {
        let path = if is_named { format!("/credentials/{}", identity.name) } else { "/credentials".to_owned() };
        let absolute = std::path::absolute(file).unwrap_or_else(|_| file.clone());
        variables.push(("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("http://{address}{path}")));
        variables.push(("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", absolute.to_string_lossy().into_owned()));
    }
    if arguments.imds {
        // Some clients put paths behind it as it is.
        variables.push(("AWS_EC2_METADATA_SERVICE_ENDPOINT", format!("http://{address}/")));
    }
    if variables.is_empty() {
        return Err(ConsumerError::Closed);
    }
    Ok(ConsumerEnvironment::with_endpoint(variables, identity.config.region.as_deref()).exports(Dialect::Bash))
}

fn address(arguments: &Arguments) -> Result<SocketAddr, ConsumerError> {
    match arguments.listen {
        ListenAddress::Unix(_) => Err(ConsumerError::UnixSocket),
        ListenAddress::Tcp(address) if address.port() == 0 => Err(ConsumerError::AnyPort),
        ListenAddress::Tcp(address) => Ok(address),
    }
}
