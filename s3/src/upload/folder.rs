//! The files of a folder and the keys they get.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::beneath::Folder;
use crate::error::Error;
use crate::key::KeyError;
use crate::output;
use crate::upload::error::UploadError;
use crate::upload::local;

/// A file and its key.
pub(crate) struct FileToUpload {
    pub(crate) path: PathBuf,
    pub(crate) key: String,
    /// The folder that it was found in and its path below it. None: it was named itself, and its links with it.
    pub(crate) below: Option<(Rc<Folder>, PathBuf)>,
}

impl FileToUpload {
    /// Between the walk and this, another user may have put a link in the file's place or above it.
    pub(crate) fn open(&self) -> Result<File, UploadError> {
        match &self.below {
            Some((folder, relative)) => Ok(folder.open_file(relative)?),
            None => File::open(&self.path).map_err(|cause| local(&self.path, cause)),
        }
    }
}

/// What a folder holds.
pub(crate) struct Contents {
    pub(crate) files: Vec<FileToUpload>,
    /// Files that could not be looked at; each was reported.
    pub(crate) failed: usize,
}

/// All files below a folder, sorted, with keys that begin so. Symbolic links may lead out of the folder, to what
/// the user did not mean to upload: they are left out unless asked for.
pub(crate) fn walk(folder: &Path, beginning: &str, follow_symlinks: bool) -> Result<Contents, Error> {
    let root = Rc::new(Folder::open(folder, follow_symlinks).map_err(UploadError::from)?);
    let mut walk = Walk { root, top: folder, follow_symlinks, above: Vec::new(), files: Vec::new(), failed: 0 };
    walk.folder(folder, beginning)?;
    Ok(Contents { files: walk.files, failed: walk.failed })
}

struct Walk<'a> {
    root: Rc<Folder>,
    top: &'a Path,
    follow_symlinks: bool,
    /// The real paths of the folders above: a link to one of them would make the walk endless.
    above: Vec<PathBuf>,
    files: Vec<FileToUpload>,
    failed: usize,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path, beginning: &str) -> Result<(), Error> {
        let real = fs::canonicalize(folder).map_err(|cause| local(folder, cause))?;
        if self.above.contains(&real) {
            output::warn(format_args!("`{}` links to a folder above it and is left out", folder.display()));
            return Ok(());
        }
        let entries = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let mut entries = entries.map_err(|cause| local(folder, cause))?;
        entries.sort_by_key(fs::DirEntry::file_name);
        self.above.push(real);
        for entry in entries {
            // A folder that cannot be read or a file that is gone by now does not stop the others.
            if let Err(error) = self.entry(&entry, beginning) {
                output::error(&error);
                self.failed += 1;
            }
        }
        self.above.pop();
        Ok(())
    }

    fn entry(&mut self, entry: &fs::DirEntry, beginning: &str) -> Result<(), Error> {
        let path = entry.path();
        let name = entry.file_name().into_string().map_err(|_| KeyError::NotUtf8(path.clone()))?;
        let key = format!("{beginning}{name}");
        let mut metadata = fs::symlink_metadata(&path).map_err(|cause| local(&path, cause))?;
        if metadata.is_symlink() {
            if !self.follow_symlinks {
                output::warn(format_args!(
                    "`{}` is a symbolic link and is left out (--follow-symlinks)",
                    path.display()
                ));
                return Ok(());
            }
            metadata = fs::metadata(&path).map_err(|cause| local(&path, cause))?;
        }
        if metadata.is_dir() {
            return self.folder(&path, &format!("{key}/"));
        }
        if metadata.is_file() {
            // Every path of the walk begins with the folder's own.
            let relative = path.strip_prefix(self.top).unwrap_or(&path).to_owned();
            self.files.push(FileToUpload { below: Some((Rc::clone(&self.root), relative)), path, key });
        } else {
            output::warn(format_args!("`{}` is not a file and is left out", path.display()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn keys(folder: &Path, follow_symlinks: bool) -> Vec<String> {
        walk(folder, "base/", follow_symlinks).unwrap().files.into_iter().map(|file| file.key).collect()
    }

    #[test]
    fn links_are_left_out_unless_asked_for_and_circles_always() {
        let elsewhere = tempfile::tempdir().unwrap();
        fs::write(elsewhere.path().join("secret"), "").unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("b/c")).unwrap();
        for name in ["z", "b/c/ä +.txt", "a"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        symlink(elsewhere.path(), folder.path().join("link")).unwrap();
        symlink(folder.path(), folder.path().join("b/round")).unwrap();
        assert_eq!(keys(folder.path(), false), ["base/a", "base/b/c/ä +.txt", "base/z"]);
        assert_eq!(keys(folder.path(), true), ["base/a", "base/b/c/ä +.txt", "base/link/secret", "base/z"]);
    }
}
