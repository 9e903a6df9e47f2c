//! The service's audit lines, from its log group or from a file of JSON lines: one after the other, in bounded memory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ::audit::RecordedLine;
use aws_config::SdkConfig;
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::config::Builder;
use aws_sdk_cloudwatchlogs::config::retry::RetryConfig;

use super::json_lines::JsonLines;
use super::question::Question;
use crate::aws::AwsError;
use crate::cli::AuditSource;
use crate::error::Error;
use crate::governed::Governed;
use crate::output::Progress;

/// `FilterLogEvents` is throttled at a few calls a second.
const ATTEMPTS: u32 = 10;
const MAX_BACKOFF: Duration = Duration::from_secs(5);
/// What Lambda itself writes into a function's log.
const PLATFORM_LINES: [&str; 6] = ["START ", "END ", "REPORT ", "INIT_START ", "INIT_REPORT ", "EXTENSION"];

/// Where the lines are.
pub(crate) enum AuditLog {
    /// A log group of CloudWatch.
    Group { client: Client, name: String },
    /// JSON lines; `-` is standard input.
    File(PathBuf),
}

/// What was read.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Read {
    /// Lines that were asked for.
    pub(crate) lines: u64,
    /// Lines that are neither audit lines nor others that a service writes.
    pub(crate) garbage: u64,
}

/// A client of an issuer.
pub(crate) type ClientOfIssuer = (Option<String>, String);

impl AuditLog {
    /// `--file`, `--log-group`, or the function's own group. Nothing is read yet.
    pub(crate) fn open(source: &AuditSource, governed: &Governed, aws: &SdkConfig) -> Result<Self, Error> {
        if let Some(path) = &source.file {
            return Ok(Self::File(path.clone()));
        }
        let group = source.log_group.as_ref().or(governed.deployment.log_group.as_ref());
        let name = group.cloned().ok_or(Error::NoLogGroup)?;
        let retry = RetryConfig::standard().with_max_attempts(ATTEMPTS).with_max_backoff(MAX_BACKOFF);
        let client = Client::from_conf(Builder::from(aws).retry_config(retry).build());
        Ok(Self::Group { client, name })
    }

    /// Hands over each line that the question includes, with its text; of a log group, in the order of time.
    pub(crate) async fn read(
        &self,
        question: &Question,
        mut each: impl FnMut(&RecordedLine, &str) -> Result<(), Error>,
    ) -> Result<Read, Error> {
        let mut read = Read::default();
        let mut progress = Progress::new();
        let mut take = |text: &str| {
            let result = match RecordedLine::parse(text) {
                Some(line) if question.includes(&line) => {
                    read.lines += 1;
                    each(&line, text)
                }
                Some(_) => Ok(()),
                None => {
                    read.garbage += u64::from(!is_other_line(text));
                    Ok(())
                }
            };
            progress.at(usize::try_from(read.lines).unwrap_or(usize::MAX));
            result
        };
        let result = match self {
            Self::Group { client, name } => read_group(client, name, question, &mut take).await,
            Self::File(path) => read_file(path, &mut take),
        };
        progress.end();
        result.map(|()| read)
    }

    /// When each client was vended credentials last, in milliseconds since 1970.
    pub(crate) async fn last_vends(&self, question: &Question) -> Result<(BTreeMap<ClientOfIssuer, u64>, Read), Error> {
        let mut last = BTreeMap::new();
        let question = Question { only_vends: true, ..question.clone() };
        let read = self
            .read(&question, |line, _| {
                if let Some(client) = &line.client_id {
                    let at = last.entry((line.issuer.clone(), client.clone())).or_insert(line.time);
                    *at = line.time.max(*at);
                }
                Ok(())
            })
            .await?;
        Ok((last, read))
    }
}

fn read_file(path: &Path, take: &mut impl FnMut(&str) -> Result<(), Error>) -> Result<(), Error> {
    let problem = |error: std::io::Error| Error::File { path: path.to_owned(), problem: error.to_string() };
    let mut lines = JsonLines::open(path).map_err(problem)?;
    while let Some(line) = lines.next().map_err(problem)? {
        take(&line)?;
    }
    Ok(())
}

async fn read_group(
    client: &Client,
    name: &str,
    question: &Question,
    take: &mut impl FnMut(&str) -> Result<(), Error>,
) -> Result<(), Error> {
    let millis = |time: Option<u64>| time.map(|time| i64::try_from(time).unwrap_or(i64::MAX));
    let mut token: Option<String> = None;
    loop {
        let page = client
            .filter_log_events()
            .log_group_name(name)
            .filter_pattern(question.pattern())
            .set_start_time(millis(question.since))
            // A line is written a little after the time that it names.
            .set_end_time(millis(question.until.map(|until| until.saturating_add(WRITTEN_LATE))))
            .set_next_token(token.clone())
            .send()
            .await
            .map_err(|error| AwsError::new("logs:FilterLogEvents", &error))?;
        for event in page.events() {
            take(event.message().unwrap_or_default().trim())?;
        }
        match page.next_token {
            // A page may be empty and not the last.
            Some(next) if token.as_ref() != Some(&next) => token = Some(next),
            _ => return Ok(()),
        }
    }
}

/// A request lasts 29 s at most.
const WRITTEN_LATE: u64 = 60_000;

/// Diagnostic lines of a program of ours, and Lambda's.
fn is_other_line(text: &str) -> bool {
    let is_diagnostic = || {
        serde_json::from_str::<serde_json::Value>(text)
            .is_ok_and(|value| value["level"].is_string() && value["message"].is_string())
    };
    text.is_empty() || PLATFORM_LINES.iter().any(|begin| text.starts_with(begin)) || is_diagnostic()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_else_stands_in_a_log() {
        for (text, is_other) in [
            ("", true),
            ("START RequestId: 1 Version: $LATEST", true),
            ("INIT_START Runtime Version: provided:al2023", true),
            (r#"{"time":"2027-01-31T00:00:00Z","level":"warn","message":"x"}"#, true),
            (r#"{"time":1,"decision":"allow""#, false),
            ("garbage", false),
            (r#"{"decision":1}"#, false),
        ] {
            assert_eq!(is_other_line(text), is_other, "{text}");
        }
    }
}
