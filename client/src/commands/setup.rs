//! `credvend setup`: prints ready configuration of a program, made for this identity. It connects to nothing, writes no
//! file and shows no secret: comments say where the text belongs and what must run beside the program.

mod access;
mod aws_config;
mod docker;
pub(crate) mod error;
mod fluent_bit;
mod kubernetes;
mod logstash;
mod named_identity;
mod rclone;
mod systemd;
mod template;
mod vector;

use std::process::ExitCode;

use clap::Subcommand;

use self::access::Endpoint;
use self::named_identity::NamedIdentity;
use super::print;
use crate::error::Error;
use crate::settings::sources::Sources;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// What to configure
    #[command(subcommand)]
    program: Program,
}

#[derive(Subcommand)]
enum Program {
    /// A profile with `credential_process`, for aws-cli and everything made with an AWS SDK
    AwsConfig(aws_config::Arguments),
    /// Vector's sink `aws_s3`
    Vector(access::Access),
    /// Fluent Bit's output `s3`
    FluentBit(fluent_bit::Arguments),
    /// Logstash's output `s3`
    Logstash(access::Access),
    /// A remote of rclone
    Rclone(rclone::Arguments),
    /// A sidecar for Docker Compose
    Docker(Sidecar),
    /// A sidecar in a Kubernetes pod
    Kubernetes(Sidecar),
    /// A unit that runs one of the long-running commands
    Systemd(systemd::Arguments),
}

/// Options of containers.
#[derive(clap::Args)]
struct Sidecar {
    /// The image with credvend (scripts/package makes one)
    #[arg(long, value_name = "IMAGE", default_value = concat!("credvend:", env!("CARGO_PKG_VERSION")))]
    image: String,
    #[command(flatten)]
    endpoint: Endpoint,
}

pub(crate) fn run(arguments: &Arguments, sources: &Sources<'_>) -> Result<ExitCode, Error> {
    let identity = NamedIdentity::find(sources)?;
    let text = match &arguments.program {
        Program::AwsConfig(arguments) => aws_config::text(&identity, arguments)?,
        Program::Vector(arguments) => vector::text(&identity, arguments)?,
        Program::FluentBit(arguments) => fluent_bit::text(&identity, arguments)?,
        Program::Logstash(arguments) => logstash::text(&identity, arguments)?,
        Program::Rclone(arguments) => rclone::text(&identity, arguments)?,
        Program::Docker(sidecar) => docker::text(&identity, sidecar)?,
        Program::Kubernetes(sidecar) => kubernetes::text(&identity, sidecar)?,
        Program::Systemd(arguments) => systemd::text(&identity, arguments)?,
    };
    print(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
