//! One request for a whole object.

use std::path::Path;

use crate::checksum::Algorithm;
use crate::error::Error;
use crate::output::Verified;
use crate::request::RequestError;
use crate::store::{Store, timeouts};
use crate::upload::segment::Segment;
use crate::upload::{headers, local, refused, verified};

pub(crate) async fn upload(
    store: &Store,
    segment: &Segment,
    path: &Path,
    key: &str,
    algorithm: Algorithm,
) -> Result<Verified, Error> {
    let _slot = store.slots.acquire().await;
    let summary = segment.summary(algorithm, store.signs_payloads).map_err(|cause| local(path, cause))?;
    let (crc64_nvme, sha256) = headers(algorithm, &summary.digest);
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
    let answer = put.send().await.map_err(|error| {
        let attempt = format!("upload `{}`", store.uri(key));
        refused(segment, path, RequestError::new(attempt, "s3:PutObject", &store.path_prefix, error))
    })?;
    store.progress.advance(segment.length());
    let kept = match algorithm {
        Algorithm::Sha256 => answer.checksum_sha256(),
        _ => answer.checksum_crc64_nvme(),
    };
    Ok(verified(store, key, algorithm, &summary.digest.base64(), kept)?)
}
