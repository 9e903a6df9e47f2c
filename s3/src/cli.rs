//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Upload, download, list and delete objects of one S3 bucket.
#[derive(Parser)]
// People reach it as `credvend s3`.
#[command(name = "credvend-s3", bin_name = "credvend s3", version, after_long_help = ENVIRONMENT)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) identity: IdentityOptions,
    /// One JSON object a line instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// What to do
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Whose credentials sign the requests, and whose variables name the bucket; without any of them, the process's
/// environment and the standard AWS chain. `credvend s3` gives them once more: the last one counts.
#[derive(Args)]
pub(crate) struct IdentityOptions {
    /// Variables and credentials of the identity in FILE
    #[arg(long, global = true, value_name = "FILE", overrides_with = "env_file")]
    pub(crate) env_file: Option<PathBuf>,
    /// Variables and credentials of [identity.NAME] in the configuration file
    #[arg(long, global = true, value_name = "NAME", conflicts_with = "env_file", overrides_with = "identity")]
    pub(crate) identity: Option<String>,
    /// The configuration file of --identity [default: /etc/credvend/config.toml]
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "env_file", overrides_with = "config")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Upload a file, a folder, or standard input
    Upload(Upload),
    /// Download an object, or all below a KEY that ends in `/`
    Download(Download),
    /// Print the keys of objects, one a line
    List(List),
    /// Delete an object
    Delete(Delete),
}

#[derive(Args)]
pub(crate) struct Upload {
    /// A file, a folder, or `-` for standard input
    pub(crate) source: PathBuf,
    /// The object's key; ending in `/`, or for a folder, what its files' names are put behind
    /// [default: the prefix of the environment and the file's or folder's name]
    #[arg(long)]
    pub(crate) key: Option<String>,
    /// The checksum that S3 verifies and keeps; `none` for servers that refuse its header
    #[arg(long, value_enum, default_value_t = Checksum::Crc64nvme)]
    pub(crate) checksum: Checksum,
    /// Only say what would be uploaded
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// In a folder, follow symbolic links
    #[arg(long)]
    pub(crate) follow_symlinks: bool,
}

#[derive(Args)]
pub(crate) struct Download {
    /// The object's key; ending in `/`: all objects whose keys begin so
    pub(crate) key: String,
    /// Where to: a file, a folder, or `-` for standard output
    pub(crate) path: PathBuf,
    /// Whether the object is compared with the checksum that S3 states; `none` for servers that refuse to be asked
    #[arg(long, value_enum, default_value_t = Verification::Stated)]
    pub(crate) checksum: Verification,
    /// Only say what would be downloaded
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// For a folder, write through symbolic links that lie in it
    #[arg(long)]
    pub(crate) follow_symlinks: bool,
}

#[derive(Args)]
pub(crate) struct List {
    /// Only keys that begin so
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) prefix: String,
}

#[derive(Args)]
pub(crate) struct Delete {
    /// The object's key
    pub(crate) key: String,
    /// Only say what would be deleted
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Checksum {
    Crc64nvme,
    Sha256,
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Verification {
    Stated,
    None,
}

const ENVIRONMENT: &str = "\
Environment:
  AWS_REGION                     the bucket's region
  S3_BUCKET                      the bucket
  S3_PATH_PREFIX                 what the identity may touch: `upload` without --key puts it before the file's name,
                                 other keys must begin with it
  AWS_ACCESS_KEY_ID, AWS_PROFILE, AWS_WEB_IDENTITY_TOKEN_FILE, AWS_CONTAINER_CREDENTIALS_FULL_URI, …
                                 the standard AWS chain of credentials
  AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL
                                 S3, where it is not the region's own
  CREDVEND_CACHE_DIR             where interrupted uploads are remembered (default: $CACHE_DIRECTORY,
                                 $XDG_CACHE_HOME/credvend, ~/.cache/credvend)
  TMPDIR                         where parts of standard input wait for their upload
  SSL_CERT_FILE, AWS_CA_BUNDLE   certificate authorities on top of the system's
  HTTPS_PROXY, NO_PROXY          proxy

Exit status:
  0    done
  1    configuration, a local file, or no such object
  2    usage
  3    refused: 401 or 403, expired credentials
  4    unavailable: network, 429 or 5xx, or what came was damaged
  129, 130, 143  interrupted by SIGHUP, SIGINT, SIGTERM";

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_of_the_identity_stand_before_the_command_where_credvend_puts_them() {
        let cli = Cli::try_parse_from(["credvend-s3", "--identity", "web", "--config", "/c", "list"]).unwrap();
        assert_eq!((cli.identity.identity, cli.identity.config), (Some("web".to_owned()), Some("/c".into())));
        assert!(Cli::try_parse_from(["credvend-s3", "--identity", "web", "--env-file", "/c", "list"]).is_err());
    }

    #[test]
    fn a_dash_is_standard_input_and_output() {
        let cli = Cli::try_parse_from(["credvend-s3", "upload", "-", "--key", "a"]).unwrap();
        assert!(matches!(cli.command, Command::Upload(upload) if upload.source.as_os_str() == "-"));
        let cli = Cli::try_parse_from(["credvend-s3", "download", "a", "-"]).unwrap();
        assert!(matches!(cli.command, Command::Download(download) if download.path.as_os_str() == "-"));
    }
}
