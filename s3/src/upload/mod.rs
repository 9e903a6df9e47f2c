//! `upload`: a file, a folder, or standard input.

mod completion;
pub(crate) mod error;
mod folder;
mod journal;
mod multipart;
mod segment;
mod single;
mod stream;

use std::cell::Cell;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::beneath::BeneathError;
use crate::checksum::{Algorithm, Digest};
use crate::cli::{Checksum, Upload};
use crate::error::Error;
use crate::key::{KeyError, PathPrefix};
use crate::output::{Output, Transfer, Verified};
use crate::request::RequestError;
use crate::store::Store;
use crate::upload::error::UploadError;
use crate::upload::folder::{Contents, FileToUpload};
use crate::upload::segment::Segment;
use crate::workers::{self, go_on_after};

const MEBIBYTE: u64 = 1024 * 1024;
/// Amazon S3 user guide, "Multipart upload limits": so many parts, each of at most so many bytes. What they hold, 48.8
/// TiB, is the most that an object has.
const MAX_PARTS: u64 = 10_000;
const MAX_PART: u64 = 5 * 1024 * MEBIBYTE;
const MAX_OBJECT: u64 = MAX_PARTS * MAX_PART;
/// Up to here one request is sent; a larger file goes in parts, so that a broken connection costs one part.
const MAX_SINGLE: u64 = 16 * MEBIBYTE;

/// An upload that may begin.
pub(crate) struct Plan<'a> {
    source: Source,
    options: &'a Upload,
}

enum Source {
    /// Of unknown length: standard input, a pipe, a device.
    Stream {
        path: Option<PathBuf>,
        key: String,
    },
    File(FileToUpload),
    Folder(Contents),
}

impl<'a> Plan<'a> {
    pub(crate) fn new(options: &'a Upload, prefix: &PathPrefix) -> Result<Self, Error> {
        let path = options.source.as_path();
        let key = options.key.as_deref();
        if let Some(key) = key {
            prefix.check(key)?;
        }
        if path.as_os_str() == "-" {
            let key = key
                .filter(|key| !key.ends_with('/'))
                .ok_or(Error::Usage("for standard input, --key names the object"))?;
            return Ok(Self { source: Source::Stream { path: None, key: key.to_owned() }, options });
        }
        let metadata = fs::metadata(path).map_err(|cause| local(path, cause))?;
        let source = if metadata.is_dir() {
            let beginning = match key {
                Some(key) => format!("{}/", key.trim_end_matches('/')),
                None => format!("{}/", prefix.key_of(&name(path)?)),
            };
            Source::Folder(folder::walk(path, &beginning, options.follow_symlinks)?)
        } else {
            let key = match key {
                Some(key) if key.ends_with('/') => format!("{key}{}", name(path)?),
                Some(key) => key.to_owned(),
                None => prefix.key_of(&name(path)?),
            };
            prefix.check(&key)?;
            // Files of /proc hold something, and have no size.
            if metadata.is_file() && metadata.len() > 0 {
                Source::File(FileToUpload { path: path.to_owned(), key, below: None })
            } else {
                Source::Stream { path: Some(path.to_owned()), key }
            }
        };
        Ok(Self { source, options })
    }
}

pub(crate) async fn run(store: &Store, plan: Plan<'_>, output: Output) -> Result<(), Error> {
    let Plan { source, options } = plan;
    match source {
        Source::Stream { path, key } => stream(store, path.as_deref(), &key, options, output).await,
        Source::File(file) => upload_file(store, &file, options, output).await,
        Source::Folder(Contents { files, failed }) => {
            let (all, failed) = (files.len() + failed, Cell::new(failed));
            workers::for_each(&files, async |file| {
                go_on_after(upload_file(store, file, options, output).await, store, &failed)
            })
            .await?;
            if failed.get() > 0 { Err(Error::Several { failed: failed.get(), all }) } else { Ok(()) }
        }
    }
}

async fn upload_file(store: &Store, file: &FileToUpload, options: &Upload, output: Output) -> Result<(), Error> {
    let FileToUpload { path, key, .. } = file;
    let open = file.open()?;
    let size = open.metadata().map_err(|cause| local(path, cause))?.len();
    if size > MAX_OBJECT {
        return Err(UploadError::TooLarge(path.display().to_string()).into());
    }
    let algorithm = options.checksum.algorithm();
    let mut checksum = None;
    if !options.dry_run {
        store.progress.expect(size);
        let segment = Segment::new(Arc::new(open), 0, size);
        checksum = if size <= MAX_SINGLE {
            single::upload(store, &segment, path, key, algorithm).await?
        } else {
            multipart::upload(store, &segment, path, key, algorithm).await?
        };
    }
    report(store, key, Some(path), Some(size), checksum, options, output)
}

async fn stream(store: &Store, path: Option<&Path>, key: &str, options: &Upload, output: Output) -> Result<(), Error> {
    if options.dry_run {
        return report(store, key, path, None, None, options, output);
    }
    let (size, checksum) = match path {
        None => stream::upload(store, io::stdin(), key, options.checksum.algorithm()).await?,
        Some(path) => {
            let file = File::open(path).map_err(|cause| local(path, cause))?;
            stream::upload(store, file, key, options.checksum.algorithm()).await?
        }
    };
    report(store, key, path, Some(size), checksum, options, output)
}

fn report(
    store: &Store,
    key: &str,
    path: Option<&Path>,
    bytes: Option<u64>,
    checksum: Option<Verified>,
    options: &Upload,
    output: Output,
) -> Result<(), Error> {
    store.progress.clear();
    Ok(output.print([&Transfer {
        action: "upload",
        bucket: &store.bucket,
        key,
        path: path.map(|path| path.display().to_string()),
        bytes,
        checksum,
        dry_run: options.dry_run,
    }])?)
}

/// S3 has compared the checksum with what it received; where it also states what it keeps, that is compared once more.
fn verified(
    store: &Store,
    key: &str,
    sent: Option<(Algorithm, String)>,
    kept: Option<&str>,
) -> Result<Option<Verified>, UploadError> {
    let Some((algorithm, expected)) = sent else { return Ok(None) };
    match kept {
        Some(found) if found != expected => {
            Err(UploadError::Damaged { uri: store.uri(key), expected, found: found.to_owned() })
        }
        _ => Ok(Some(Verified { algorithm: algorithm.name(), value: expected })),
    }
}

/// Why a segment was not stored.
fn refused(segment: &Segment, path: &Path, algorithm: Option<Algorithm>, error: RequestError) -> Error {
    if segment.is_cut() {
        return UploadError::Changed(path.to_owned()).into();
    }
    if algorithm.is_some() { error.with_checksum_header().into() } else { error.into() }
}

/// The checksum as the members of a request: CRC-64/NVME, SHA-256.
fn headers(checksum: Option<&(Algorithm, Digest)>) -> (Option<String>, Option<String>) {
    match checksum {
        None => (None, None),
        Some((Algorithm::Sha256, digest)) => (None, Some(digest.base64())),
        Some((_, digest)) => (Some(digest.base64()), None),
    }
}

/// A file's or folder's own name; `.` and `..` have one too.
fn name(path: &Path) -> Result<String, Error> {
    let named = match path.file_name() {
        Some(name) => name.to_owned(),
        None => {
            let whole = fs::canonicalize(path).map_err(|cause| local(path, cause))?;
            whole.file_name().ok_or_else(|| KeyError::NoName(path.to_owned()))?.to_owned()
        }
    };
    Ok(named.into_string().map_err(|_| KeyError::NotUtf8(path.to_owned()))?)
}

fn local(path: &Path, cause: io::Error) -> UploadError {
    UploadError::Local { path: path.to_owned(), cause }
}

impl Checksum {
    fn algorithm(self) -> Option<Algorithm> {
        match self {
            Self::Crc64nvme => Some(Algorithm::Crc64Nvme),
            Self::Sha256 => Some(Algorithm::Sha256),
            Self::None => None,
        }
    }
}

impl From<BeneathError> for UploadError {
    fn from(error: BeneathError) -> Self {
        match error {
            BeneathError::Symlink(path) => Self::Symlink(path),
            BeneathError::Untrusted(error) => Self::Untrusted(error),
            BeneathError::Io { path, cause } => Self::Local { path, cause },
        }
    }
}
