//! `credvend-admin report --html FILE`: a month of the audit trail as one page.

mod chart;
mod clients;
mod figures;
mod latency;
mod markup;
mod page;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use self::clients::Listed;
use self::figures::{Figures, Window};
use crate::audit::{AuditLog, Question, Setting, tell_garbage};
use crate::cli::ReportArguments;
use crate::date::{self, PastArgument};
use crate::error::Error;
use crate::output;
use crate::private_file;
use crate::table::Table;

const SINCE: PastArgument = PastArgument::Ago(Duration::from_secs(30 * 24 * 60 * 60));

pub(crate) async fn run(setting: &Setting<'_>, arguments: &ReportArguments) -> Result<(), Error> {
    let path = &arguments.html;
    let unwritable = |error: std::io::Error| Error::File { path: path.clone(), problem: error.to_string() };
    private_file::check_writable(path).map_err(unwritable)?;
    let log = setting.audit_log(&arguments.source).await?;
    let since = arguments.since.unwrap_or(SINCE).epoch_millis(setting.now);
    let until =
        arguments.until.map_or_else(|| date::epoch_millis(setting.now), |until| until.epoch_millis(setting.now));
    let mut figures = Figures::new(Window::new(since, until));
    let question = Question {
        since: Some(figures.window.since),
        until: Some(until),
        issuer: setting.governed.named_issuer().map(str::to_owned),
        ..Question::default()
    };
    let read = log
        .read(&question, |line, _| {
            figures.add(line);
            Ok(())
        })
        .await?;
    tell_garbage(setting.log, read);
    let listed = match setting.governed.table {
        Some(_) => {
            let items = Table::open(setting.governed, &setting.aws().await?)?.scan().await?;
            Some(Listed::new(&items, &figures, setting.governed.observed(), setting.now))
        }
        None => {
            setting.log.warn("no table is named: the page does not tell which clients have not come and which expire");
            None
        }
    };
    let page = page::page(&figures, listed.as_ref(), &source(&log), date::epoch_millis(setting.now));
    private_file::write(path, page.as_bytes()).map_err(unwritable)?;
    say(setting, arguments, &figures, listed.as_ref(), read.lines)
}

fn source(log: &AuditLog) -> String {
    match log {
        AuditLog::Group { name, .. } => format!("log group {name}"),
        AuditLog::File(path) => format!("file {}", path.file_name().unwrap_or(path.as_os_str()).to_string_lossy()),
    }
}

fn say(
    setting: &Setting<'_>,
    arguments: &ReportArguments,
    figures: &Figures,
    listed: Option<&Listed>,
    lines: u64,
) -> Result<(), Error> {
    let sum = |values: &[u64]| values.iter().sum::<u64>();
    if !setting.global.json {
        let (vends, denials) = (sum(&figures.vends), sum(&figures.denials));
        let text = format!("{}: {lines} audit lines, {vends} vends, {denials} denials\n", arguments.html.display());
        return output::print(text.as_bytes());
    }
    let codes: BTreeMap<_, _> = figures.codes.iter().map(|(name, code)| (name, code.count)).collect();
    let clients: Vec<_> = figures
        .clients
        .iter()
        .map(|((issuer, id), client)| {
            let last = (client.last_vend > 0).then(|| date::text(client.last_vend / 1000)).flatten();
            json!({"client_id": id, "issuer": issuer, "server_name": client.server_name, "vends": client.vends,
                "denials": client.denials, "last_vend": last})
        })
        .collect();
    let latency = figures.all_latency();
    output::print_json(&json!({
        "since": date::text(figures.window.since / 1000), "until": date::text(figures.window.until / 1000),
        "lines": lines, "vends": sum(&figures.vends), "denials": sum(&figures.denials), "errors": sum(&figures.errors),
        "codes": codes, "latency_ms": {"p50": latency.quantile(500), "p99": latency.quantile(990)}, "clients": clients,
        "unused": listed.map(|listed| listed.unused.iter().map(|one| one.client_id.clone()).collect::<Vec<_>>()),
        "expiring": listed.map(|listed| listed.expiring.iter().map(|one| one.client_id.clone()).collect::<Vec<_>>()),
    }))
}
