//! All objects below a key into a folder.

use std::cell::{Cell, OnceCell};
use std::path::Path;

use crate::beneath::Folder;
use crate::cli::Download;
use crate::download::error::DownloadError;
use crate::download::file::{self, Destination};
use crate::download::report;
use crate::error::Error;
use crate::key;
use crate::list::{Entry, Pages};
use crate::output::Output;
use crate::store::Store;
use crate::workers::{self, go_on_after};

pub(crate) async fn download(
    store: &Store,
    beginning: &str,
    folder: &Path,
    options: &Download,
    output: Output,
) -> Result<(), Error> {
    let (all, failed) = (Cell::new(0), Cell::new(0));
    let root = Root { path: folder, opened: OnceCell::new() };
    let mut pages = Pages::new(store, beginning);
    while let Some(page) = pages.next().await? {
        // A key that ends in a slash is what consoles make to show a folder.
        let entries = page.iter().filter(|entry| !entry.key.ends_with('/'));
        workers::for_each(entries, async |entry| {
            all.set(all.get() + 1);
            let outcome = one(store, entry, beginning, &root, options, output).await;
            go_on_after(outcome, store, &failed)
        })
        .await?;
    }
    match (all.get(), failed.get()) {
        (0, _) => Err(DownloadError::NoObjects(store.uri(beginning)).into()),
        (_, 0) => Ok(()),
        (all, failed) => Err(Error::Several { failed, all }),
    }
}

/// The folder, made and opened when the first object has come, and the same one until the end.
struct Root<'a> {
    path: &'a Path,
    opened: OnceCell<Folder>,
}

impl Root<'_> {
    fn folder(&self, follow_symlinks: bool) -> Result<&Folder, DownloadError> {
        if let Some(folder) = self.opened.get() {
            return Ok(folder);
        }
        let folder = Folder::create(self.path, follow_symlinks)?;
        Ok(self.opened.get_or_init(|| folder))
    }
}

async fn one(
    store: &Store,
    entry: &Entry,
    beginning: &str,
    root: &Root<'_>,
    options: &Download,
    output: Output,
) -> Result<(), Error> {
    let relative = key::relative_path(entry.key.strip_prefix(beginning).unwrap_or_default())?;
    let path = root.path.join(&relative);
    if options.dry_run {
        return report(store, &entry.key, Some(&path), None, options, output);
    }
    let destination = || Destination::below(root.folder(options.follow_symlinks)?, &relative);
    let received = file::download(store, &entry.key, options.checksum, destination).await?;
    report(store, &entry.key, Some(&path), Some(received), options, output)
}
