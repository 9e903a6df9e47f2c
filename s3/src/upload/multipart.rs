//! An object in parts: a few on their way at once, and remembered so that an interrupted upload goes on where it was.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumType, CompletedMultipartUpload, CompletedPart};
use serde::{Deserialize, Serialize};

use crate::checksum::{self, Algorithm, Digest};
use crate::error::Error;
use crate::output::Verified;
use crate::request::RequestError;
use crate::store::{Orphan, Store, timeouts};
use crate::upload::journal::{Header, Journal};
use crate::upload::segment::Segment;
use crate::upload::{MAX_PARTS, MEBIBYTE, UploadError, headers, local, refused, verified};
use crate::workers;

const SMALLEST_PART: u64 = 8 * MEBIBYTE;
/// S3 puts the parts together before it answers, which takes minutes for a large object: as if this were sent.
const COMPLETION_BYTES: u64 = 10 * MEBIBYTE;

/// A part that S3 has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) number: i32,
    pub(crate) length: u64,
    pub(crate) etag: String,
    /// Base64, as S3 writes it.
    pub(crate) checksum: String,
}

/// An upload in parts that S3 has been asked for.
pub(crate) struct Multipart<'a> {
    pub(crate) store: &'a Store,
    pub(crate) key: &'a str,
    pub(crate) algorithm: Algorithm,
    pub(crate) upload_id: String,
}

/// A file whose size is known, taken up where an earlier run has stopped.
pub(crate) async fn upload(
    store: &Store,
    file: &Segment,
    path: &Path,
    key: &str,
    algorithm: Algorithm,
) -> Result<Verified, Error> {
    let part_size = part_size(file.length());
    let header = Header::new(store, file, path, key, part_size, algorithm).map_err(|cause| local(path, cause))?;
    let mut journal = Journal::open(store.cache_dir.as_deref(), &header);
    if let Some((upload_id, parts)) = journal.resume(&header) {
        let multipart = Multipart { store, key, algorithm, upload_id };
        match finish(&multipart, file, path, &header, parts, &journal).await {
            // Completed after all, aborted, or cleaned away: it begins anew.
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
) -> Result<Verified, Error> {
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
        // Whoever went on with these parts would be told the same for ever.
        Err(Error::Request(error)) if error.is_of_the_parts() => forget(),
        Err(_) => {}
    }
    outcome
}

impl<'a> Multipart<'a> {
    pub(crate) async fn create(store: &'a Store, key: &'a str, algorithm: Algorithm) -> Result<Self, Error> {
        let (name, kind) = match algorithm {
            Algorithm::Sha256 => (ChecksumAlgorithm::Sha256, ChecksumType::Composite),
            _ => (ChecksumAlgorithm::Crc64Nvme, ChecksumType::FullObject),
        };
        let create = store.client.create_multipart_upload().bucket(&store.bucket).key(key);
        let attempt = || format!("upload `{}`", store.uri(key));
        let answer = create
            .checksum_algorithm(name)
            .checksum_type(kind)
            .send()
            .await
            .map_err(|error| RequestError::new(attempt(), "s3:PutObject", &store.path_prefix, error))?;
        let id = answer.upload_id.ok_or_else(|| RequestError::malformed(attempt(), "an upload without an id"))?;
        Ok(Self { store, key, algorithm, upload_id: id })
    }

    pub(crate) fn orphan(&self) -> Orphan {
        Orphan { key: self.key.to_owned(), upload_id: self.upload_id.clone() }
    }

    pub(crate) async fn send(&self, number: i32, segment: &Segment, path: &Path) -> Result<Part, Error> {
        let store = self.store;
        let _slot = store.slots.acquire().await;
        let summary = segment.summary(self.algorithm, store.signs_payloads).map_err(|cause| local(path, cause))?;
        let (crc64_nvme, sha256) = headers(self.algorithm, &summary.digest);
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
        let answer = put.send().await.map_err(|error| {
            refused(segment, path, RequestError::new(attempt(), "s3:PutObject", &store.path_prefix, error))
        })?;
        store.progress.advance(segment.length());
        let etag = answer.e_tag.ok_or_else(|| RequestError::malformed(attempt(), "a part without an ETag"))?;
        Ok(Part { number, length: segment.length(), etag, checksum: summary.digest.base64() })
    }

    /// Parts in the order of their numbers.
    pub(crate) async fn complete(&self, parts: Vec<Part>) -> Result<Verified, Error> {
        let store = self.store;
        let attempt = || format!("complete the upload of `{}`", store.uri(self.key));
        let digest = self.digest_of_all(&parts);
        let whole = match self.algorithm {
            // S3 computes the checksum of checksums by itself; only one over the whole object is compared.
            Algorithm::Sha256 => None,
            _ => digest.as_ref().map(Digest::base64),
        };
        let count = parts.len();
        let length: u64 = parts.iter().map(|part| part.length).sum();
        let list = parts.into_iter().map(|part| self.completed(part)).collect();
        let kind = if whole.is_some() { ChecksumType::FullObject } else { ChecksumType::Composite };
        let complete = store
            .client
            .complete_multipart_upload()
            .bucket(&store.bucket)
            .key(self.key)
            .upload_id(&self.upload_id)
            .set_checksum_crc64_nvme(whole)
            .checksum_type(kind)
            .mpu_object_size(i64::try_from(length).unwrap_or(i64::MAX))
            .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(list)).build())
            .customize()
            .config_override(aws_sdk_s3::Config::builder().timeout_config(timeouts(COMPLETION_BYTES)));
        let answer = complete
            .send()
            .await
            .map_err(|error| RequestError::new(attempt(), "s3:PutObject", &store.path_prefix, error))?;
        let (sent, kept) = match self.algorithm {
            Algorithm::Sha256 => {
                (digest.map(|digest| format!("{}-{count}", digest.base64())), answer.checksum_sha256())
            }
            _ => (digest.map(|digest| digest.base64()), answer.checksum_crc64_nvme()),
        };
        let sent = sent.ok_or_else(|| RequestError::malformed(attempt(), "a remembered checksum is none"))?;
        Ok(verified(store, self.key, self.algorithm, &sent, kept)?)
    }

    fn digest_of_all(&self, parts: &[Part]) -> Option<Digest> {
        let digests: Vec<_> = parts
            .iter()
            .map(|part| Some((Digest::parse(self.algorithm, &part.checksum)?, part.length)))
            .collect::<Option<_>>()?;
        match self.algorithm {
            Algorithm::Sha256 => Some(checksum::composite(self.algorithm, digests.iter().map(|(digest, _)| digest))),
            _ => checksum::whole(self.algorithm, digests.iter().map(|(digest, length)| (digest, *length))),
        }
    }

    fn completed(&self, part: Part) -> CompletedPart {
        let builder = CompletedPart::builder().part_number(part.number).e_tag(part.etag);
        match self.algorithm {
            Algorithm::Sha256 => builder.checksum_sha256(part.checksum).build(),
            _ => builder.checksum_crc64_nvme(part.checksum).build(),
        }
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
        for size in [1, 17 * MEBIBYTE, 78 * gibibyte, 79 * gibibyte, 1000 * gibibyte + 1, MAX_OBJECT] {
            let part = part_size(size);
            assert!(size.div_ceil(part) <= MAX_PARTS, "{size}");
            assert!((5 * MEBIBYTE..=5 * gibibyte).contains(&part), "{size}");
        }
        assert_eq!(part_size(512 * MEBIBYTE), 8 * MEBIBYTE);
    }
}
