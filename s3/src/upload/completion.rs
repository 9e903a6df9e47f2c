//! The end of an upload in parts: S3 puts them together, and what it says is compared with what was sent. Where the
//! response is lost, the object itself tells whether it is the one of this upload.

use aws_sdk_s3::operation::complete_multipart_upload::CompleteMultipartUploadOutput;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::types::{ChecksumMode, ChecksumType, CompletedMultipartUpload, CompletedPart};
use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};

use crate::checksum::{self, Algorithm, Digest};
use crate::error::Error;
use crate::kind::Kind;
use crate::output::Verified;
use crate::request::RequestError;
use crate::response::NotS3;
use crate::store::timeouts;
use crate::upload::multipart::Multipart;
use crate::upload::{MEBIBYTE, verified};

/// S3 puts the parts together before it responds, which takes minutes for a large object: as if this were sent.
const COMPLETION_BYTES: u64 = 10 * MEBIBYTE;

/// A part that S3 has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) number: i32,
    pub(crate) length: u64,
    pub(crate) etag: String,
    /// Base64, as S3 writes it. None: it was sent without one.
    pub(crate) checksum: Option<String>,
}

/// What the object must be.
struct Whole {
    length: u64,
    /// As S3 states it: base64, of a checksum of checksums with the number of parts behind it.
    checksum: Option<(Algorithm, String)>,
    /// None where S3 computes it in another way, as for objects under KMS.
    etag: Option<String>,
}

/// What a look at the object has brought.
enum Found {
    Ours,
    Other,
    Nothing(RequestError),
}

impl Multipart<'_> {
    /// Parts in the order of their numbers.
    pub(crate) async fn complete(&self, parts: Vec<Part>) -> Result<Option<Verified>, Error> {
        let whole = Whole::of(self.algorithm, &parts)
            .ok_or_else(|| RequestError::malformed(self.attempt(), "a remembered checksum cannot be read"))?;
        let error = match self.request_completion(parts, &whole).await {
            Ok(response) => {
                let kept = match self.algorithm {
                    Some(Algorithm::Sha256) => response.checksum_sha256(),
                    _ => response.checksum_crc64_nvme(),
                };
                return Ok(verified(self.store, self.key, whole.checksum, kept)?);
            }
            Err(error) => error,
        };
        if !error.leaves_open() {
            return Err(error.into());
        }
        match self.look(&whole).await {
            Found::Ours => Ok(verified(self.store, self.key, whole.checksum, None)?),
            Found::Nothing(looking) if looking.kind() == Kind::Refused => Err(error.undecided().into()),
            Found::Nothing(_) | Found::Other => Err(error.into()),
        }
    }

    async fn request_completion(
        &self,
        parts: Vec<Part>,
        whole: &Whole,
    ) -> Result<CompleteMultipartUploadOutput, RequestError> {
        // S3 computes the checksum of checksums by itself; only one over the whole object is compared.
        let (crc64_nvme, kind) = match &whole.checksum {
            Some((Algorithm::Sha256, _)) => (None, Some(ChecksumType::Composite)),
            Some((_, value)) => (Some(value.clone()), Some(ChecksumType::FullObject)),
            None => (None, None),
        };
        // Of the same age as the checksums, and unknown to the same servers.
        let length = kind.as_ref().and_then(|_| i64::try_from(whole.length).ok());
        let list = parts.into_iter().map(|part| self.completed(part)).collect();
        let store = self.store;
        let response = store
            .client
            .complete_multipart_upload()
            .bucket(&store.bucket)
            .key(self.key)
            .upload_id(&self.upload_id)
            .set_checksum_crc64_nvme(crc64_nvme)
            .set_checksum_type(kind)
            .set_mpu_object_size(length)
            .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(list)).build())
            .customize()
            .config_override(aws_sdk_s3::Config::builder().timeout_config(timeouts(COMPLETION_BYTES)))
            .send()
            .await
            .map_err(|error| RequestError::new(self.attempt(), "s3:PutObject", &store.path_prefix, error))?;
        match response.e_tag() {
            Some(_) => Ok(response),
            None => Err(RequestError::not_s3(self.attempt(), NotS3::Bare)),
        }
    }

    async fn look(&self, whole: &Whole) -> Found {
        let store = self.store;
        let mode = self.algorithm.map(|_| ChecksumMode::Enabled);
        let head = store.client.head_object().bucket(&store.bucket).key(self.key).set_checksum_mode(mode);
        match head.send().await {
            Ok(object) if whole.is(&object) => Found::Ours,
            Ok(_) => Found::Other,
            Err(error) => Found::Nothing(RequestError::new(self.attempt(), "s3:GetObject", &store.path_prefix, error)),
        }
    }

    fn attempt(&self) -> String {
        format!("complete the upload of `{}`", self.store.uri(self.key))
    }

    fn completed(&self, part: Part) -> CompletedPart {
        let builder = CompletedPart::builder().part_number(part.number).e_tag(part.etag);
        match self.algorithm {
            Some(Algorithm::Sha256) => builder.set_checksum_sha256(part.checksum).build(),
            _ => builder.set_checksum_crc64_nvme(part.checksum).build(),
        }
    }
}

impl Whole {
    /// None: a checksum of a part is none of this algorithm.
    fn of(algorithm: Option<Algorithm>, parts: &[Part]) -> Option<Self> {
        let length = parts.iter().map(|part| part.length).sum();
        let checksum = match algorithm {
            Some(algorithm) => Some((algorithm, checksum_of(algorithm, parts)?)),
            None => None,
        };
        Some(Self { length, checksum, etag: etag_of(parts) })
    }

    fn is(&self, object: &HeadObjectOutput) -> bool {
        if object.content_length().and_then(|length| u64::try_from(length).ok()) != Some(self.length) {
            return false;
        }
        let kept = [object.checksum_crc64_nvme(), object.checksum_sha256()].into_iter().flatten().next();
        match (&self.checksum, kept) {
            (Some((_, sent)), Some(kept)) => sent == kept,
            _ => self.etag.is_some() && object.e_tag().map(|etag| etag.trim_matches('"')) == self.etag.as_deref(),
        }
    }
}

fn checksum_of(algorithm: Algorithm, parts: &[Part]) -> Option<String> {
    let digests: Vec<_> = parts
        .iter()
        .map(|part| Some((Digest::parse(algorithm, part.checksum.as_deref()?)?, part.length)))
        .collect::<Option<_>>()?;
    Some(if algorithm.can_combine() {
        checksum::whole(algorithm, digests.iter().map(|(digest, length)| (digest, *length)))?.base64()
    } else {
        let composite = checksum::composite(algorithm, digests.iter().map(|(digest, _)| digest));
        format!("{}-{}", composite.base64(), parts.len())
    })
}

/// The MD5 of the parts' MD5s and their number, which is what S3 makes of ETags that are MD5s themselves.
fn etag_of(parts: &[Part]) -> Option<String> {
    let mut hasher = Md5::new();
    for part in parts {
        let hex = part.etag.trim_matches('"').as_bytes();
        if hex.len() != 32 {
            return None;
        }
        for pair in hex.chunks(2) {
            let digits = std::str::from_utf8(pair).ok().filter(|digits| !digits.starts_with('+'))?;
            hasher.update([u8::from_str_radix(digits, 16).ok()?]);
        }
    }
    Some(format!("{}-{}", checksum::hex(&hasher.finalize()), parts.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(number: i32, etag: &str, checksum: Option<&str>) -> Part {
        Part { number, length: 9, etag: etag.to_owned(), checksum: checksum.map(str::to_owned) }
    }

    /// `printf '%s' "$(printf a | md5sum) …" | xxd -r -p | md5sum`, as S3 does.
    #[test]
    fn the_etag_is_the_one_that_s3_makes_of_the_parts() {
        let a = "\"0cc175b9c0f1b6a831c399e269772661\"";
        let b = "92eb5ffee6ae2fec3ad71c777531578f";
        let parts = [part(1, a, None), part(2, b, None)];
        assert_eq!(etag_of(&parts).unwrap(), "96e024ba2074fe77e8e965ba43a704be-2");
        for other in ["part-1", "", "zz92eb5ffee6ae2fec3ad71c77753157", "+292eb5ffee6ae2fec3ad71c77753157"] {
            assert_eq!(etag_of(&[part(1, other, None)]), None, "{other}");
        }
    }

    fn head() -> aws_sdk_s3::operation::head_object::builders::HeadObjectOutputBuilder {
        HeadObjectOutput::builder().content_length(9)
    }

    #[test]
    fn an_object_is_ours_by_its_checksum_or_else_by_its_etag() {
        let parts = [part(1, "0cc175b9c0f1b6a831c399e269772661", Some("rosUhgp5mIg="))];
        let whole = Whole::of(Some(Algorithm::Crc64Nvme), &parts).unwrap();
        let etag = whole.etag.clone().unwrap();
        assert!(whole.is(&head().checksum_crc64_nvme("rosUhgp5mIg=").build()));
        assert!(whole.is(&head().e_tag(format!("\"{etag}\"")).build()));
        for other in [
            head().build(),
            head().e_tag("\"0cc175b9c0f1b6a831c399e269772661\"").build(),
            head().checksum_crc64_nvme("AAAAAAAAAAE=").e_tag(&etag).build(),
            head().checksum_crc64_nvme("rosUhgp5mIg=").content_length(8).build(),
            head().checksum_crc64_nvme("rosUhgp5mIg=").content_length(-1).build(),
        ] {
            assert!(!whole.is(&other), "{other:?}");
        }
        let unknown = Whole::of(None, &[part(1, "under-kms", None)]).unwrap();
        assert!(!unknown.is(&head().e_tag("under-kms").build()), "no proof is no proof");
        assert!(Whole::of(Some(Algorithm::Sha256), &parts).is_none(), "a checksum of another kind");
    }
}
