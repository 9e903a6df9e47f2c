//! Why no token is written into a file.

use std::path::PathBuf;

/// Identity providers whose tokens are of no use in a file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoTokenFile {
    #[error(
        "IDP_TYPE is cognito: Cognito's tokens for machines have no `aud`, so STS does not take them as a web identity. \
         Use `serve` or `credential-daemon`, or `--bearer` for programs that call the vending API themselves"
    )]
    Cognito,
    #[error(
        "IDP_TYPE is file: `{}` is such a file already. Name it in AWS_WEB_IDENTITY_TOKEN_FILE itself",
        .0.display()
    )]
    File(PathBuf),
}
