//! What is remembered of an upload in parts: a file in the cache directory, a line for the upload and a line a part.
//!
//! S3 could be asked for the parts that it has, but not by an identity that may only write. Lines are only ever added,
//! so whatever kills the process leaves at most a torn last line, which is ignored.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, BufRead as _, BufReader, Seek as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};
use environment::{Directory, FileError};
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use crate::checksum::{self, Algorithm};
use crate::output;
use crate::store::Store;
use crate::upload::completion::Part;
use crate::upload::segment::Segment;

/// What an upload is of: if any of it differs, it is another upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    endpoint: String,
    bucket: String,
    key: String,
    path: PathBuf,
    size: u64,
    /// Seconds and nanoseconds since 1970.
    modified: (i64, i64),
    /// As above, of the last change of its inode: `cp -p`, rsync and `touch -d` bring an old time back, but not this one.
    changed: (i64, i64),
    /// Device and inode: another file can take a name.
    inode: (u64, u64),
    pub(crate) part_size: u64,
    algorithm: Option<Algorithm>,
}

/// The first line.
#[derive(Serialize, Deserialize)]
struct Begun {
    upload_id: String,
    #[serde(flatten)]
    header: Header,
}

/// The file of one upload; locked, so that two processes never work on the same one.
pub(crate) struct Journal {
    /// None: nothing is remembered.
    file: Option<File>,
    /// Where it is, to be removed.
    directory: Option<Directory>,
    name: String,
    begun: Option<Begun>,
    parts: BTreeMap<i32, Part>,
}

impl Header {
    pub(crate) fn new(
        store: &Store,
        file: &Segment,
        path: &Path,
        key: &str,
        part_size: u64,
        algorithm: Option<Algorithm>,
    ) -> io::Result<Self> {
        let metadata = file.file().metadata()?;
        Ok(Self {
            endpoint: store.endpoint.clone(),
            bucket: store.bucket.clone(),
            key: key.to_owned(),
            path: fs::canonicalize(path)?,
            size: file.length(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            inode: (metadata.dev(), metadata.ino()),
            part_size,
            algorithm,
        })
    }

    /// Whether all parts are of one state of the file. What is added at its end meanwhile, as to a log, is not in them.
    pub(crate) fn is_still_of(&self, file: &Segment) -> io::Result<bool> {
        let metadata = file.file().metadata()?;
        Ok(metadata.len() > self.size || (metadata.mtime(), metadata.mtime_nsec()) == self.modified)
    }

    /// One journal for a file and a key: a changed file finds the journal of its former self, and can abort it.
    fn file_name(&self) -> String {
        let mut context = Context::new(&SHA256);
        for part in [self.endpoint.as_bytes(), self.bucket.as_bytes(), self.key.as_bytes(), path_bytes(&self.path)] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let digest = context.finish();
        format!("upload-{}.jsonl", checksum::hex(&digest.as_ref()[..16]))
    }
}

impl Journal {
    /// A journal that cannot be had is never the end of an upload.
    pub(crate) fn open(cache_dir: Option<&Path>, header: &Header) -> Self {
        let name = header.file_name();
        let none = || Self { file: None, directory: None, name: name.clone(), begun: None, parts: BTreeMap::new() };
        let Some(directory) = cache_dir else {
            output::warn("an interrupted upload will not be remembered: set CREDVEND_CACHE_DIR");
            return none();
        };
        match open(directory, &name) {
            Ok(Some((opened, file))) => {
                let (begun, parts) = read(&file);
                Self { file: Some(file), directory: Some(opened), name, begun, parts }
            }
            Ok(None) => {
                output::warn(format_args!("another process uploads `{}` at the same time", header.path.display()));
                none()
            }
            Err(error) => {
                output::warn(format_args!("an interrupted upload will not be remembered: {error}"));
                none()
            }
        }
    }

    /// The upload to go on with.
    pub(crate) fn resume(&mut self, header: &Header) -> Option<(String, BTreeMap<i32, Part>)> {
        let begun = self.begun.take_if(|begun| begun.header == *header)?;
        Some((begun.upload_id, std::mem::take(&mut self.parts)))
    }

    /// The upload that is not gone on with, since the file has changed.
    pub(crate) fn outdated(&mut self) -> Option<String> {
        self.begun.take().map(|begun| begun.upload_id)
    }

    /// Begins a new entry; returns whether it could be written.
    pub(crate) fn begin(&mut self, header: &Header, upload_id: &str) -> bool {
        let Some(file) = &self.file else { return false };
        let begun = Begun { upload_id: upload_id.to_owned(), header: header.clone() };
        let written = file.set_len(0).and_then(|()| append(file, &begun));
        if let Err(error) = &written {
            output::warn(format_args!("an interrupted upload will not be remembered: {error}"));
            self.remove();
            self.file = None;
        }
        written.is_ok()
    }

    /// A part that is not remembered is sent again, which is harmless.
    pub(crate) fn add(&self, part: &Part) {
        if let Some(file) = &self.file {
            let _ = append(file, part);
        }
    }

    pub(crate) fn remove(&self) {
        if let Some(directory) = &self.directory {
            // One that stays names an upload that S3 does not know any more, and is then replaced.
            let _ = directory.remove(&self.name);
        }
    }
}

/// None: another process holds it. The directory is the credential helper's cache: no other user may put files into it, and
/// the file is reached through the descriptor that was checked.
fn open(directory: &Path, name: &str) -> Result<Option<(Directory, File)>, FileError> {
    let directory = environment::private_directory(directory)?;
    let file = directory.open_file(name, OFlags::RDWR | OFlags::CREATE | OFlags::APPEND)?;
    let path = directory.path().join(name);
    let metadata = file.metadata().map_err(FileError::io(&path))?;
    if !metadata.is_file() || metadata.uid() != rustix::process::geteuid().as_raw() || metadata.mode() & 0o077 != 0 {
        return Err(FileError::Untrusted { path, problem: "is not a private file of this user: remove it" });
    }
    match file.try_lock() {
        Ok(()) => Ok(Some((directory, file))),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(cause)) => Err(FileError::Io { path, cause }),
    }
}

fn read(file: &File) -> (Option<Begun>, BTreeMap<i32, Part>) {
    let mut lines = BufReader::new(file).split(b'\n').map_while(Result::ok);
    let begun = lines.next().and_then(|line| serde_json::from_slice(&line).ok());
    let parts = lines.map_while(|line| serde_json::from_slice::<Part>(&line).ok());
    (begun, parts.map(|part| (part.number, part)).collect())
}

fn append(mut file: &File, line: &impl Serialize) -> io::Result<()> {
    let mut bytes = serde_json::to_vec(line)?;
    bytes.push(b'\n');
    file.seek(io::SeekFrom::End(0))?;
    file.write_all(&bytes)
}

fn path_bytes(path: &Path) -> &[u8] {
    std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(size: u64) -> Header {
        Header {
            endpoint: "https://s3".to_owned(),
            bucket: "b".to_owned(),
            key: "k".to_owned(),
            path: "/a".into(),
            size,
            modified: (1, 2),
            changed: (1, 2),
            inode: (3, 4),
            part_size: 8,
            algorithm: Some(Algorithm::Crc64Nvme),
        }
    }

    fn part(number: i32) -> Part {
        Part { number, length: 8, etag: "\"e\"".to_owned(), checksum: Some("AAAAAAAAAAA=".to_owned()) }
    }

    #[test]
    fn what_was_sent_is_remembered_but_for_a_torn_line() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("cache");
        let mut journal = Journal::open(Some(&directory), &header(20));
        assert!(journal.resume(&header(20)).is_none());
        assert!(journal.begin(&header(20), "id"));
        journal.add(&part(2));
        journal.add(&part(1));
        journal.file.as_ref().unwrap().write_all(br#"{"number":3,"len"#).unwrap();
        assert!(Journal::open(Some(&directory), &header(20)).file.is_none(), "locked by the first one");
        drop(journal);

        let mut journal = Journal::open(Some(&directory), &header(20));
        let (id, parts) = journal.resume(&header(20)).unwrap();
        assert_eq!((id.as_str(), parts.into_values().collect::<Vec<_>>()), ("id", vec![part(1), part(2)]));
        journal.remove();
        assert!(Journal::open(Some(&directory), &header(20)).begun.is_none());
    }

    #[test]
    fn another_size_is_another_upload_and_the_old_one_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(Some(folder.path()), &header(20));
        journal.begin(&header(20), "old");
        drop(journal);
        let mut journal = Journal::open(Some(folder.path()), &header(21));
        assert!(journal.resume(&header(21)).is_none());
        assert_eq!(journal.outdated().as_deref(), Some("old"));
    }

    #[test]
    fn a_directory_of_others_is_not_used() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let mut journal = Journal::open(Some(folder.path()), &header(1));
        assert!(!journal.begin(&header(1), "id"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
