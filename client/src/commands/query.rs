//! `credvend query`: one statement by the query API, and all its rows.

mod api;
pub(crate) mod error;
mod run;

use std::fs::File;
use std::io::{self, BufWriter, Read as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use self::api::QueryApi;
use self::error::QueryError;
use self::run::{Outcome, Run, Statement};
use crate::error::Error;
use crate::files::atomic_file::{self, NewFile};
use crate::output::query_rows::{RowFormat, RowWriter};
use crate::settings::config::TokenConfig;
use crate::settings::sources::Sources;
use environment::{Directory, FileError, Log};

/// What the query API takes.
const MAX_QUERY_BYTES: usize = 256 * 1024;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// One SQL statement, or `-` to read it from standard input. Other users of the machine can read arguments (`ps`)
    #[arg(required_unless_present = "file", conflicts_with = "file")]
    query: Option<String>,
    /// Read the statement from FILE
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// How rows are written. JSON has types and NULL; in a table and in CSV, NULL is as empty as an empty text
    #[arg(long, value_enum, value_name = "FORM", default_value_t = RowFormat::Table)]
    format: RowFormat,
    /// Write to FILE, which appears when all rows are in it, for this user alone
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The database of names without one [default: the API's]
    #[arg(long, value_name = "NAME")]
    database: Option<String>,
    /// Stop after N rows
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_rows: Option<u64>,
}

pub(crate) fn run(arguments: &Arguments, sources: &Sources<'_>, log: Log) -> Result<ExitCode, Error> {
    let query = statement(arguments)?;
    let lookup = sources.lookup()?;
    let (config, api) = TokenConfig::from_env_with(&lookup, QueryApi::from_env)?;
    let statement = Statement { query, database: arguments.database.clone(), max_rows: arguments.max_rows };
    let run = Run::new(&api, &config, log)?;
    let outcome = match &arguments.output {
        None => run.execute(&statement, &mut RowWriter::new(BufWriter::new(io::stdout().lock()), arguments.format)),
        Some(path) => to_file(path, arguments.format, |writer| run.execute(&statement, writer))?,
    };
    match outcome {
        Outcome::Done => Ok(ExitCode::SUCCESS),
        Outcome::Failed(QueryError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            Ok(ExitCode::SUCCESS)
        }
        Outcome::Failed(error) => Err(error.into()),
        // As shells have it.
        Outcome::Interrupted(signal) => Ok(ExitCode::from(128_u8.saturating_add(signal))),
    }
}

fn statement(arguments: &Arguments) -> Result<String, QueryError> {
    let read = |reader: &mut dyn io::Read, name: &str| {
        let mut text = String::new();
        let limit = MAX_QUERY_BYTES as u64 + 1;
        let read = reader.take(limit).read_to_string(&mut text);
        read.map_err(|cause| QueryError::Statement { name: name.to_owned(), cause }).map(|_| text)
    };
    let text = match (&arguments.file, arguments.query.as_deref()) {
        (Some(path), _) => {
            let name = path.display().to_string();
            let mut file = File::open(path).map_err(|cause| QueryError::Statement { name: name.clone(), cause })?;
            read(&mut file, &name)?
        }
        (None, Some("-")) => read(&mut io::stdin().lock(), "standard input")?,
        (None, given) => given.unwrap_or_default().to_owned(),
    };
    if text.len() > MAX_QUERY_BYTES {
        return Err(QueryError::TooLarge);
    }
    if text.trim().is_empty() {
        return Err(QueryError::Empty);
    }
    Ok(text)
}

/// The file is made before the query starts, so that a folder that cannot be written costs nothing.
fn to_file(
    path: &Path,
    format: RowFormat,
    execute: impl FnOnce(&mut RowWriter<BufWriter<&File>>) -> Outcome,
) -> Result<Outcome, Error> {
    let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(|| QueryError::NoFile(path.to_owned()))?;
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let directory = Directory::open(folder)?;
    atomic_file::refuse_special(&directory, name)?;
    let new = NewFile::write(&directory, name, b"", &atomic_file::Access::PRIVATE)?;
    let outcome = execute(&mut RowWriter::new(BufWriter::new(new.file()), format));
    if matches!(outcome, Outcome::Done) {
        new.file().flush().and_then(|()| new.file().sync_all()).map_err(FileError::io(path))?;
        new.put_in_place()?;
        directory.sync()?;
    }
    Ok(outcome)
}
