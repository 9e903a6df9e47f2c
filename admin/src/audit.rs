//! `credvend-admin audit`: who got what, when, from where; and whose an access key or a session of CloudTrail was.
//!
//! [`AuditLog`] is the way to the lines for every command that needs them.

mod json_lines;
mod log;
mod prefix;
mod question;
mod shown;
mod unused;

use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use environment::{Log, Lookup};

pub(crate) use self::log::{AuditLog, Read};
pub(crate) use self::question::Question;
use self::question::session_name;
use crate::aws;
use crate::cli::{AuditArguments, AuditSource, GlobalOptions};
use crate::date::PastArgument;
use crate::error::Error;
use crate::governed::Governed;

/// How much of a log group is read where nothing is said.
const SINCE: PastArgument = PastArgument::Ago(Duration::from_secs(24 * 60 * 60));

/// What a command knows that may need no table.
pub(crate) struct Setting<'a> {
    pub(crate) global: &'a GlobalOptions,
    pub(crate) governed: &'a Governed,
    pub(crate) lookup: Lookup<'a>,
    pub(crate) log: Log,
    pub(crate) now: SystemTime,
}

impl Setting<'_> {
    pub(crate) async fn aws(&self) -> Result<SdkConfig, Error> {
        aws::settings(self.global, self.governed, self.lookup).await
    }

    pub(crate) async fn audit_log(&self, source: &AuditSource) -> Result<AuditLog, Error> {
        match &source.file {
            // A file needs no region and no credentials.
            Some(path) => Ok(AuditLog::File(path.clone())),
            None => AuditLog::open(source, self.governed, &self.aws().await?),
        }
    }
}

pub(crate) async fn run(setting: &Setting<'_>, arguments: &AuditArguments) -> Result<(), Error> {
    let log = setting.audit_log(&arguments.source).await?;
    if let Some(unused) = arguments.unused {
        return unused::run(setting, &log, unused).await;
    }
    let mut question = question(arguments, setting, &log);
    if let Some(wanted) = &arguments.prefix {
        question.reach = Some(prefix::reach(setting, wanted).await?);
        question.only_vends = true;
    }
    let mut shown =
        shown::Shown::new(setting.global.json, arguments.access_key.is_some() || arguments.session.is_some());
    let read = log.read(&question, |line, text| shown.add(line, text)).await?;
    shown.end()?;
    tell_garbage(setting.log, read);
    if read.lines == 0 && !setting.global.json {
        setting.log.warn("no audit line was found; --since and --until say how far to look");
    }
    Ok(())
}

fn question(arguments: &AuditArguments, setting: &Setting<'_>, log: &AuditLog) -> Question {
    let since = arguments.since.or_else(|| matches!(log, AuditLog::Group { .. }).then_some(SINCE));
    Question {
        since: since.map(|since| since.epoch_millis(setting.now)),
        until: arguments.until.map(|until| until.epoch_millis(setting.now)),
        issuer: setting.governed.named_issuer().map(str::to_owned),
        access_key: arguments.access_key.clone(),
        session: arguments.session.as_deref().map(session_name).map(str::to_owned),
        ..arguments.client.as_deref().map(Question::of_client).unwrap_or_default()
    }
}

/// Nothing is left out in silence.
pub(crate) fn tell_garbage(log: Log, read: Read) {
    if read.garbage > 0 {
        log.warn(format_args!("{} lines were no audit lines and were skipped", read.garbage));
    }
}
