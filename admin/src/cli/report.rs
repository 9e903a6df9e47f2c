//! What can be typed after `report`.

use std::path::PathBuf;

use clap::Args;

use super::AuditSource;
use crate::date::PastArgument;

#[derive(Args)]
pub(crate) struct ReportArguments {
    #[command(flatten)]
    pub(crate) source: AuditSource,
    /// Write the page into this file
    #[arg(long, value_name = "FILE")]
    pub(crate) html: PathBuf,
    /// From when on: 24h, 30d, YYYY-MM-DD (UTC) or RFC 3339 (default: 30d)
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<PastArgument>,
    /// Until when (default: now)
    #[arg(long, value_name = "WHEN")]
    pub(crate) until: Option<PastArgument>,
}
