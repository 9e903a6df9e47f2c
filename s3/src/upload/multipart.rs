//! An object in parts: a few are sent at once, and each is remembered, so that an interrupted upload is resumed.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumType};

use crate::checksum::Algorithm;
use crate::error::Error;
use crate::output::Verified;
use crate::request::RequestError;
use crate::response::NotS3;
use crate::store::{Orphan, Store, timeouts};
use crate::upload::completion::Part;
use crate::upload::error::UploadError;
use crate::upload::journal::{Header, Journal};
use crate::upload::segment::Segment;
use crate::upload::{MAX_PARTS, MEBIBYTE, headers, local, refused};
use crate::workers;

const SMALLEST_PART: u64 = 8 * MEBIBYTE;
/// An upload in parts that S3 has been asked for.
pub(crate) struct Multipart<'a> {
    pub(crate) store: &'a Store,
    pub(crate) key: &'a str,
    pub(crate) algorithm: Option<Algorithm>,
    pub(crate) upload_id: String,
}

/// A file whose size is known; an upload that an earlier run began is resumed.
pub(crate) async fn upload(
    store: &Store,
    file: &Segment,
    path: &Path,
    key: &str,
    algorithm: Option<Algorithm>,
) -> Result<Option<Verified>, Error> {
    let part_size = part_size(file.length());
    let header = Header::new(store, file, path, key, part_size, algorithm).map_err(|cause| local(path, cause))?;
    let mut journal = Journal::open(store.cache_dir.as_deref(), &header);
    if let Some((upload_id, parts)) = journal.resume(&header) {
        let multipart = Multipart { store, key, algorithm, upload_id };
        match finish(&multipart, file, path, &header, parts, &journal).await {
            // Aborted, or cleaned away by a lifecycle rule: a new one is begun.
            Err(Error::Request(error)) if error.is_no_such_upload() => {}
            outcome => return outcome,
        }
    }
    if let Some(upload_id) = journal.outdated() {
        store.adopt(Orphan { key: key.to_owned(), upload_id });
    }
    let multipart = Multipart::create(store, key, algorithm).await?;
    let is_remembered = journal.begin(&header, &multipart.upload_id);
    if !is_remembered {
        store.adopt(multipart.orphan());
    }
    finish(&multipart, file, path, &header, BTreeMap::new(), &journal).await
}

/// Sends what S3 does not have yet and has it put together.
async fn finish(
    multipart: &Multipart<'_>,
    file: &Segment,
    path: &Path,
    header: &Header,
    parts: BTreeMap<i32, Part>,
    journal: &Journal,
) -> Result<Option<Verified>, Error> {
    let part_size = header.part_size;
    multipart.store.progress.advance(parts.values().map(|part| part.length).sum());
    let count = i32::try_from(file.length().div_ceil(part_size)).unwrap_or(i32::MAX);
    let missing: Vec<_> = (1..=count).filter(|number| !parts.contains_key(number)).collect();
    let parts = RefCell::new(parts);
    workers::for_each(missing, async |number| {
        // Numbers begin with 1 and are positive.
        let offset = u64::from(number.unsigned_abs() - 1) * part_size;
        let part = multipart.send(number, &file.part(offset, part_size), path).await?;
        journal.add(&part);
        parts.borrow_mut().insert(number, part);
        Ok::<_, Error>(())
    })
    .await?;
    let forget = || {
        journal.remove();
        multipart.store.adopt(multipart.orphan());
    };
    if !header.is_still_of(file).map_err(|cause| local(path, cause))? {
        forget();
        return Err(UploadError::Changed(path.to_owned()).into());
    }
    let outcome = multipart.complete(parts.take().into_values().collect()).await;
    match &outcome {
        Ok(_) => journal.remove(),
        // A later run with these parts would fail in the same way.
        Err(Error::Request(error)) if error.is_of_the_parts() => forget(),
        Err(_) => {}
    }
    outcome
}

impl<'a> Multipart<'a> {
    pub(crate) async fn create(store: &'a Store, key: &'a str, algorithm: Option<Algorithm>) -> Result<Self, Error> {
        let (name, kind) = match algorithm {
            Some(Algorithm::Sha256) => (Some(ChecksumAlgorithm::Sha256), Some(ChecksumType::Composite)),
            Some(_) => (Some(ChecksumAlgorithm::Crc64Nvme), Some(ChecksumType::FullObject)),
            None => (None, None),
        };
        let create = store.client.create_multipart_upload().bucket(&store.bucket).key(key);
        let attempt = || format!("upload `{}`", store.uri(key));
        let response = create.set_checksum_algorithm(name).set_checksum_type(kind).send().await.map_err(|error| {
            let error = RequestError::new(attempt(), "s3:PutObject", &store.path_prefix, error);
            if algorithm.is_some() { error.with_checksum_header() } else { error }
        })?;
        let upload_id = response.upload_id.filter(|id| !id.is_empty());
        let upload_id = upload_id.ok_or_else(|| RequestError::malformed(attempt(), "the upload has no UploadId"))?;
        Ok(Self { store, key, algorithm, upload_id })
    }

    pub(crate) fn orphan(&self) -> Orphan {
        Orphan { key: self.key.to_owned(), upload_id: self.upload_id.clone() }
    }

    pub(crate) async fn send(&self, number: i32, segment: &Segment, path: &Path) -> Result<Part, Error> {
        let store = self.store;
        let _slot = store.slots.acquire().await;
        let summary = segment.summary(self.algorithm, store.signs_payloads).map_err(|cause| local(path, cause))?;
        let (crc64_nvme, sha256) = headers(summary.checksum.as_ref());
        let attempt = || format!("upload part {number} of `{}`", store.uri(self.key));
        let put = store
            .client
            .upload_part()
            .bucket(&store.bucket)
            .key(self.key)
            .upload_id(&self.upload_id)
            .part_number(number)
            // Parts are far below 2^63 bytes.
            .content_length(i64::try_from(segment.length()).unwrap_or(i64::MAX))
            .set_checksum_crc64_nvme(crc64_nvme)
            .set_checksum_sha256(sha256)
            .body(segment.body())
            .customize()
            .interceptor(summary.signature)
            .config_override(aws_sdk_s3::Config::builder().timeout_config(timeouts(segment.length())));
        let response = put.send().await.map_err(|error| {
            let error = RequestError::new(attempt(), "s3:PutObject", &store.path_prefix, error);
            refused(segment, path, self.algorithm, error)
        })?;
        let etag = response.e_tag.ok_or_else(|| RequestError::not_s3(attempt(), NotS3::Bare))?;
        store.progress.advance(segment.length());
        let checksum = summary.checksum.map(|(_, digest)| digest.base64());
        Ok(Part { number, length: segment.length(), etag, checksum })
    }
}

/// As small as ten thousand parts allow, in whole mebibytes.
fn part_size(size: u64) -> u64 {
    size.div_ceil(MAX_PARTS).div_ceil(MEBIBYTE).saturating_mul(MEBIBYTE).max(SMALLEST_PART)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upload::MAX_OBJECT;

    #[test]
    fn no_object_has_more_than_ten_thousand_parts_and_no_part_more_than_5_gib() {
        let gibibyte = 1024 * MEBIBYTE;
        let tebibyte = 1024 * gibibyte;
        for size in [1, 17 * MEBIBYTE, 78 * gibibyte, 79 * gibibyte, tebibyte + 1, 6 * tebibyte, MAX_OBJECT] {
            let part = part_size(size);
            assert!(size.div_ceil(part) <= MAX_PARTS, "{size}");
            assert!((5 * MEBIBYTE..=5 * gibibyte).contains(&part), "{size}");
        }
        assert_eq!(part_size(512 * MEBIBYTE), 8 * MEBIBYTE);
    }
}
