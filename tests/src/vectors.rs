//! Test vectors that nobody in this project wrote: Wycheproof, JSONTestSuite, the RFC 7520 cookbook.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// The folder of vectors: `VECTORS_DIR`, else `../shared/vectors` beside the repository. `None` where there is none;
/// with `VECTORS_REQUIRED` set, that is a failure.
pub fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("VECTORS_DIR")
        .map_or_else(|| crate::process::repository().join("../shared/vectors"), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var_os("VECTORS_REQUIRED").is_none(), "there are no test vectors in {}", folder.display());
    eprintln!("NOT RUN: there are no test vectors in {}; set VECTORS_DIR", folder.display());
    None
}

/// A file of vectors as JSON.
pub fn read(path: &Path) -> Value {
    let text = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
