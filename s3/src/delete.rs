//! `delete`: one object.

use crate::cli::Delete;
use crate::error::Error;
use crate::output::{Output, Transfer};
use crate::request::RequestError;
use crate::store::Store;

pub(crate) async fn run(store: &Store, delete: &Delete, output: Output) -> Result<(), Error> {
    let Delete { key, dry_run } = delete;
    if !dry_run {
        store.client.delete_object().bucket(&store.bucket).key(key).send().await.map_err(|error| {
            RequestError::new(format!("delete `{}`", store.uri(key)), "s3:DeleteObject", &store.path_prefix, error)
        })?;
    }
    let bucket = &store.bucket;
    let deleted =
        Transfer { action: "delete", bucket, key, path: None, bytes: None, checksum: None, dry_run: *dry_run };
    Ok(output.print([&deleted])?)
}
