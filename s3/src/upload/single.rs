//! One request for a whole object.

use std::path::Path;

use crate::checksum::Algorithm;
use crate::error::Error;
use crate::output::Verified;
use crate::request::RequestError;
use crate::response::NotS3;
use crate::store::{Store, timeouts};
use crate::upload::segment::Segment;
use crate::upload::{headers, local, refused, verified};

pub(crate) async fn upload(
    store: &Store,
    segment: &Segment,
    path: &Path,
    key: &str,
    algorithm: Option<Algorithm>,
) -> Result<Option<Verified>, Error> {
    let _slot = store.slots.acquire().await;
    let summary = segment.summary(algorithm, store.signs_payloads).map_err(|cause| local(path, cause))?;
    let (crc64_nvme, sha256) = headers(summary.checksum.as_ref());
    let put = store
        .client
        .put_object()
        .bucket(&store.bucket)
        .key(key)
        // Files are far below 2^63 bytes.
        .content_length(i64::try_from(segment.length()).unwrap_or(i64::MAX))
        .set_checksum_crc64_nvme(crc64_nvme)
        .set_checksum_sha256(sha256)
        .body(segment.body())
        .customize()
        .interceptor(summary.signature)
        .config_override(aws_sdk_s3::Config::builder().timeout_config(timeouts(segment.length())));
    let attempt = || format!("upload `{}`", store.uri(key));
    let response = put.send().await.map_err(|error| {
        refused(segment, path, algorithm, RequestError::new(attempt(), "s3:PutObject", &store.path_prefix, error))
    })?;
    if response.e_tag().is_none() {
        return Err(RequestError::not_s3(attempt(), NotS3::Bare).into());
    }
    store.progress.advance(segment.length());
    let kept = match algorithm {
        Some(Algorithm::Sha256) => response.checksum_sha256(),
        _ => response.checksum_crc64_nvme(),
    };
    let sent = summary.checksum.map(|(algorithm, digest)| (algorithm, digest.base64()));
    Ok(verified(store, key, sent, kept)?)
}
