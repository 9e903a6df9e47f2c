//! A directory that no other user can put files into.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::directory::{Directory, FileError, NewFolders};

/// Opens a directory that no other user can put files into, and makes it if it is not there.
///
/// # Errors
/// When it cannot be made, or others may write to it.
pub fn private_directory(path: &Path) -> Result<Directory, FileError> {
    let (directory, _) = Directory::open_or_make(path, NewFolders { parents: 0o700, last: 0o700 })?;
    let metadata = directory.file().metadata().map_err(FileError::io(path))?;
    let untrusted = |problem| Err(FileError::Untrusted { path: path.to_owned(), problem });
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return untrusted("belongs to another user: name a directory of your own in CREDVEND_CACHE_DIR");
    }
    if metadata.mode() & 0o022 != 0 {
        return untrusted("can be written by other users: `chmod go-w` it");
    }
    Ok(directory)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn problem(path: &Path) -> String {
        private_directory(path).err().unwrap().to_string()
    }

    #[test]
    fn it_is_made_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        private_directory(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
        private_directory(&path.join("")).unwrap();
    }

    #[test]
    fn what_others_may_change_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache");
        fs::write(&path, "").unwrap();
        assert!(problem(&path).ends_with("is not a directory"));
        fs::remove_file(&path).unwrap();
        for mode in [0o720, 0o702, 0o777] {
            fs::create_dir(&path).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(problem(&path).contains("can be written by other users"), "{mode:o}");
            fs::remove_dir(&path).unwrap();
        }
        let target = folder.path().join("target");
        fs::create_dir(&target).unwrap();
        symlink(&target, &path).unwrap();
        private_directory(&path).unwrap();
    }

    #[test]
    fn root_wants_parents_that_root_alone_can_change() {
        if rustix::process::geteuid().as_raw() != 0 {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let parent = folder.path().join("parent");
        private_directory(&parent.join("cache")).unwrap();
        fs::set_permissions(&parent, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(problem(&parent.join("cache")).contains("can be changed by other users"));
        fs::set_permissions(&parent, fs::Permissions::from_mode(0o1777)).unwrap();
        private_directory(&parent.join("cache")).unwrap();
        rustix::fs::chown(&parent, Some(rustix::fs::Uid::from_raw(65534)), None).unwrap();
        assert!(problem(&parent.join("cache")).contains("can be changed by other users"));
    }
}
