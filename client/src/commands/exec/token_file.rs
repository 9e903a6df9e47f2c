//! The file with the token of `exec`'s endpoint, for programs that know the token in a file only (Rust's `object_store`).
//!
//! It ends with this process. After SIGKILL it stays and opens nothing, since the endpoint is gone; the next `exec` finds
//! that no process holds its lock any more, and removes it.

use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::endpoint::{AuthorizationToken, TokenFile};
use crate::files::atomic_file::Access;
use environment::Log;
use environment::{Directory, FileError};

const PREFIX: &str = "exec-";
const SUFFIX: &str = ".token";

/// Writes the file where only this user can read it: beside the cache, or below `temporary` where there is no cache. `None`
/// where nothing can be written: the token is in a variable as well.
pub(super) fn write(
    token: &AuthorizationToken,
    cache: Option<&Path>,
    temporary: &Path,
    log: Log,
) -> Option<(TokenFile, PathBuf)> {
    let own = temporary.join(format!("credvend-{}", rustix::process::geteuid().as_raw()));
    let mut problem = None;
    for folder in cache.into_iter().chain([own.as_path()]) {
        match write_into(token, folder) {
            Ok(written) => return Some(written),
            Err(error) => problem = problem.or(Some(error)),
        }
    }
    if let Some(error) = problem {
        log.warn(format_args!(
            "{error}: there is no AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE; most programs read the token from \
             AWS_CONTAINER_AUTHORIZATION_TOKEN"
        ));
    }
    None
}

fn write_into(token: &AuthorizationToken, folder: &Path) -> Result<(TokenFile, PathBuf), FileError> {
    let folder = std::path::absolute(folder).map_err(FileError::io(folder))?;
    let directory = environment::private_directory(&folder)?;
    remove_abandoned(&directory);
    let random: String = (0..8).map(|_| fastrand::alphanumeric()).collect();
    let name = format!("{PREFIX}{random}{SUFFIX}");
    let path = folder.join(&name);
    Ok((token.write_into(directory, name, &Access::PRIVATE)?, path))
}

fn remove_abandoned(directory: &Directory) {
    let names = directory.names().into_iter().filter_map(|name| name.into_string().ok());
    for name in names.filter(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX)) {
        let is_abandoned = directory.open_file(&name, OFlags::RDONLY).is_ok_and(|file| file.try_lock().is_ok());
        if is_abandoned {
            // One that stays is found by the next run.
            let _ = directory.remove(&name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_killed_processes_go_and_those_of_living_ones_stay() {
        let folder = tempfile::tempdir().unwrap();
        let token = AuthorizationToken::generate().unwrap_or_else(|error| panic!("{error}"));
        let (_living, path) = write_into(&token, folder.path()).unwrap();
        for name in ["exec-dead.token", "exec-other.json", "credentials-1.json"] {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        let (next, _) = write_into(&token, folder.path()).unwrap();
        drop(next);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), token.expose());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3, "the living one, and what is not a token");
    }
}
