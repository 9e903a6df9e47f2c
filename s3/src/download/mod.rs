//! `download`: an object into a file or to standard output, or all below a key into a folder.

pub(crate) mod error;
mod file;
mod folder;
mod object;
mod receive;
mod writer;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::cli::Download;
use crate::download::error::DownloadError;
use crate::download::file::Destination;
use crate::download::object::Object;
use crate::download::writer::Writer;
use crate::error::Error;
use crate::key::{self, KeyError, PathPrefix};
use crate::output::{Output, Transfer, Verified};
use crate::store::Store;

/// A download that may begin.
pub(crate) struct Plan<'a> {
    target: Target,
    options: &'a Download,
}

enum Target {
    /// None: standard output. Otherwise a pipe or a device, which is written to and never replaced.
    Stream(Option<PathBuf>),
    File(PathBuf),
    Folder(PathBuf),
}

impl<'a> Plan<'a> {
    pub(crate) fn new(options: &'a Download, prefix: &PathPrefix) -> Result<Self, Error> {
        let Download { key, path, .. } = options;
        if key.ends_with('/') {
            prefix.check_beginning(key)?;
        }
        prefix.check(key)?;
        let target = match (key.ends_with('/'), path.as_os_str() == "-") {
            (true, true) => return Err(Error::Usage("a KEY that ends in `/` is many objects: name a folder for them")),
            (true, false) => Target::Folder(path.clone()),
            (false, true) => Target::Stream(None),
            (false, false) => single_target(path, key)?,
        };
        Ok(Self { target, options })
    }
}

fn single_target(path: &Path, key: &str) -> Result<Target, KeyError> {
    let names_folder = path.as_os_str().as_encoded_bytes().ends_with(b"/");
    Ok(match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Target::File(path.join(key::file_name(key)?)),
        Ok(metadata) if !metadata.is_file() => Target::Stream(Some(path.to_owned())),
        _ if names_folder => Target::File(path.join(key::file_name(key)?)),
        _ => Target::File(path.to_owned()),
    })
}

/// What has come, and is what S3 has.
pub(crate) struct Received {
    bytes: u64,
    checksum: Option<Verified>,
}

pub(crate) async fn run(store: &Store, plan: Plan<'_>, output: Output) -> Result<(), Error> {
    let Plan { target, options } = plan;
    let key = &options.key;
    match target {
        Target::Folder(folder) => folder::download(store, key, &folder, options, output).await,
        Target::Stream(_) if options.dry_run => report(store, key, None, None, options, output),
        Target::Stream(None) => stream(store, options, Path::new("standard output"), io::stdout()).await,
        Target::Stream(Some(path)) => {
            let file = fs::File::options().write(true).open(&path).map_err(|cause| local(&path, cause))?;
            stream(store, options, &path, file).await
        }
        Target::File(path) if options.dry_run => report(store, key, Some(&path), None, options, output),
        Target::File(path) => {
            let destination = || Destination::named(&path);
            let received = file::download(store, key, options.checksum, destination).await?;
            report(store, key, Some(&path), Some(received), options, output)
        }
    }
}

/// A reader that has gone (`… | head -1`) is no failure.
async fn stream(
    store: &Store,
    options: &Download,
    path: &Path,
    target: impl Write + Send + 'static,
) -> Result<(), Error> {
    let object = Object::open(store, &options.key, options.checksum).await?;
    let mut writer = Writer::start(target);
    let outcome = receive::in_order(store, object, path, &mut writer).await;
    let outcome = match outcome {
        Err(Error::Download(error @ DownloadError::Local { .. })) => Err(error.into()),
        // What has come is written all the same.
        outcome => writer.finish().await.map_err(|cause| local(path, cause).into()).and(outcome),
    };
    match outcome {
        Err(Error::Download(DownloadError::Local { cause, .. })) if cause.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome.map(drop),
    }
}

fn report(
    store: &Store,
    key: &str,
    path: Option<&Path>,
    received: Option<Received>,
    options: &Download,
    output: Output,
) -> Result<(), Error> {
    store.progress.clear();
    let (bytes, checksum) = received.map_or((None, None), |received| (Some(received.bytes), received.checksum));
    Ok(output.print([&Transfer {
        action: "download",
        bucket: &store.bucket,
        key,
        path: path.map(|path| path.display().to_string()),
        bytes,
        checksum,
        dry_run: options.dry_run,
    }])?)
}

fn local(path: &Path, cause: io::Error) -> DownloadError {
    DownloadError::Local { path: path.to_owned(), cause }
}
