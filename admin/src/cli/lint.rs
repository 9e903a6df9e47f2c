//! `credvend-admin lint`.

use clap::{Args, ValueEnum};

use super::AuditSource;

#[derive(Args)]
pub(crate) struct LintArguments {
    #[command(flatten)]
    pub(crate) source: AuditSource,
    /// Print SARIF 2.1.0, for programs that collect findings
    #[arg(long, conflicts_with = "json")]
    pub(crate) sarif: bool,
    /// End with status 6 where something of this level, or worse, was found
    #[arg(long, value_name = "LEVEL")]
    pub(crate) fail_on: Option<FindingLevel>,
}

/// How bad a finding is. The order is the one of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum FindingLevel {
    /// A client gets nothing, or more than it should
    Error,
    /// It will, as soon as something else changes
    Warning,
    /// Worth knowing
    Note,
}
