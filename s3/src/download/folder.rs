//! All objects below a key into a folder.

use std::cell::Cell;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::cli::Download;
use crate::download::{DownloadError, file, local, report};
use crate::error::Error;
use crate::key;
use crate::list::{Entry, Pages};
use crate::output::{self, Output};
use crate::store::Store;
use crate::workers;

pub(crate) async fn download(
    store: &Store,
    beginning: &str,
    folder: &Path,
    options: &Download,
    output: Output,
) -> Result<(), Error> {
    let (all, failed) = (Cell::new(0), Cell::new(0));
    let mut pages = Pages::new(store, beginning);
    while let Some(page) = pages.next().await? {
        // A key that ends in a slash is what consoles make to show a folder.
        let entries = page.iter().filter(|entry| !entry.key.ends_with('/'));
        workers::for_each(entries, async |entry| {
            all.set(all.get() + 1);
            match one(store, entry, beginning, folder, options, output).await {
                // One file's trouble shall not keep the others there; what all of them would meet ends the run.
                Err(error) if !error.concerns_all_files() => {
                    store.progress.clear();
                    output::error(&error);
                    failed.set(failed.get() + 1);
                    Ok(())
                }
                outcome => outcome,
            }
        })
        .await?;
    }
    match (all.get(), failed.get()) {
        (0, _) => Err(DownloadError::NoObjects(store.uri(beginning)).into()),
        (_, 0) => Ok(()),
        (all, failed) => Err(Error::Several { failed, all }),
    }
}

async fn one(
    store: &Store,
    entry: &Entry,
    beginning: &str,
    folder: &Path,
    options: &Download,
    output: Output,
) -> Result<(), Error> {
    let relative = key::relative_path(entry.key.strip_prefix(beginning).unwrap_or_default())?;
    let path = folder.join(&relative);
    if options.dry_run {
        return report(store, &entry.key, Some(&path), None, options, output);
    }
    if !options.follow_symlinks {
        refuse_symlinks(folder, &relative)?;
    }
    let received = file::download(store, &entry.key, &path).await?;
    report(store, &entry.key, Some(&path), Some(received), options, output)
}

/// A link in the folder would carry what a key's writer chose to a place that nobody meant.
fn refuse_symlinks(folder: &Path, relative: &Path) -> Result<(), DownloadError> {
    let mut path = PathBuf::from(folder);
    for part in relative.parent().into_iter().flat_map(Path::components) {
        path.push(part);
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_symlink() => return Err(DownloadError::Symlink(path)),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(cause) => return Err(local(&path, cause)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn nothing_is_written_through_a_link_below_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("a")).unwrap();
        symlink("/tmp", folder.path().join("a/link")).unwrap();
        assert!(refuse_symlinks(folder.path(), Path::new("a/b/c")).is_ok());
        assert!(refuse_symlinks(folder.path(), Path::new("a/link")).is_ok(), "it is replaced, not followed");
        let through = refuse_symlinks(folder.path(), Path::new("a/link/b"));
        assert!(matches!(through, Err(DownloadError::Symlink(path)) if path.ends_with("a/link")));
    }
}
