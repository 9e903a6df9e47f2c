//! What can be typed after `audit`.

use std::path::PathBuf;

use clap::Args;

use crate::date::PastArgument;

/// Where the audit lines are.
#[derive(Args)]
pub(crate) struct AuditSource {
    /// The service's log group (default: the function's own)
    #[arg(long, value_name = "NAME", conflicts_with = "file")]
    pub(crate) log_group: Option<String>,
    /// File of audit lines (JSON lines); `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct AuditArguments {
    #[command(flatten)]
    pub(crate) source: AuditSource,
    /// What this client asked for
    #[arg(long, value_name = "ID")]
    pub(crate) client: Option<String>,
    /// From when on: 30m, 24h, 7d, YYYY-MM-DD (UTC) or RFC 3339 (default: 24h; all of a file)
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<PastArgument>,
    /// Until when (default: now)
    #[arg(long, value_name = "WHEN")]
    pub(crate) until: Option<PastArgument>,
    /// Whose an access key was, as CloudTrail shows it
    #[arg(long, value_name = "KEY")]
    pub(crate) access_key: Option<String>,
    /// Whose a session was: its name, or the ARN or principal id of `CloudTrail`
    #[arg(long, value_name = "SESSION")]
    pub(crate) session: Option<String>,
    /// Who was vended credentials that reach this prefix, by the table's items as they are now
    #[arg(long, value_name = "PREFIX", conflicts_with = "unused")]
    pub(crate) prefix: Option<String>,
    /// The clients that have been vended nothing since then, such as 90d
    #[arg(long, value_name = "WHEN", conflicts_with_all = ["client", "since", "until", "access_key", "session"])]
    pub(crate) unused: Option<PastArgument>,
}
