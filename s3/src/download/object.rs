//! An object as S3 describes it, and its bytes in order, across broken connections.

use std::time::Duration;

use aws_sdk_s3::operation::RequestId as _;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::operation::get_object::builders::GetObjectFluentBuilder;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ChecksumMode;
use bytes::Bytes;
use tokio::sync::SemaphorePermit;

use crate::checksum::{Algorithm, Digest};
use crate::cli::Verification;
use crate::error::Error;
use crate::output;
use crate::request::RequestError;
use crate::response::{self, NotS3};
use crate::store::Store;

/// Broken connections in a row, without a byte in between, until it is given up.
const MAX_FAILURES: u32 = 5;
const FIRST_BACKOFF: Duration = Duration::from_millis(200);

/// What S3 says of an object, and the connection on which its bytes come.
pub(crate) struct Object<'a> {
    pub(crate) source: Source<'a>,
    pub(crate) length: u64,
    pub(crate) checksum: Option<Checksum>,
    pub(crate) reader: Reader<'a>,
    pub(crate) slot: Option<SemaphorePermit<'a>>,
}

/// Where more of its bytes are to be had.
#[derive(Clone)]
pub(crate) struct Source<'a> {
    store: &'a Store,
    pub(crate) key: &'a str,
    /// Of this very object: another may take its place at any time.
    etag: Option<String>,
    length: u64,
    verification: Verification,
}

/// The checksum that an object was uploaded with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Checksum {
    pub(crate) algorithm: Algorithm,
    pub(crate) digest: Digest,
    /// Of the digests of parts of this size, not of the object's bytes ("composite").
    pub(crate) part_size: Option<u64>,
}

/// The bytes of a stretch of an object.
pub(crate) struct Reader<'a> {
    source: Source<'a>,
    position: u64,
    end: u64,
    body: Option<ByteStream>,
    /// Came together with what was asked for.
    pending: Bytes,
    failures: u32,
}

impl<'a> Object<'a> {
    pub(crate) async fn open(store: &'a Store, key: &'a str, verification: Verification) -> Result<Self, Error> {
        let slot = store.slots.acquire().await.ok();
        let response = send(store, key, verification, get(store, key)).await?;
        // A page may be an object, or what a web server says to any path: only a server of S3's protocol can tell.
        let is_page = response.content_type().is_some_and(response::is_html);
        if is_page && response.request_id().is_none() && !store.speaks_s3(key).await {
            return Err(RequestError::not_s3(attempt(store, key), NotS3::Page).into());
        }
        let length = response.content_length().and_then(|length| u64::try_from(length).ok());
        let length =
            length.ok_or_else(|| RequestError::malformed(attempt(store, key), "the object has no Content-Length"))?;
        let stated = stated(&response).filter(|_| verification == Verification::Stated);
        let checksum = match stated {
            Some((algorithm, text)) => checksum(store, key, length, algorithm, text).await,
            None => None,
        };
        store.progress.expect(length);
        let source = Source { store, key, etag: response.e_tag, length, verification };
        let reader = Reader { body: Some(response.body), ..source.stretch(0, length) };
        Ok(Self { source, length, checksum, reader, slot })
    }
}

impl<'a> Source<'a> {
    /// Asked for when it is read.
    pub(crate) fn stretch(&self, start: u64, end: u64) -> Reader<'a> {
        Reader { source: self.clone(), position: start, end, body: None, pending: Bytes::new(), failures: 0 }
    }

    async fn connect(&self, start: u64, end: u64) -> Result<ByteStream, Error> {
        let Self { store, key, etag, length, verification } = self;
        // RFC 9110 §14.1.2: the last byte is included.
        let last = end - 1;
        // RFC 9110 §13.1.1: an object that has replaced this one is refused.
        let request = get(store, key).range(format!("bytes={start}-{last}")).set_if_match(etag.clone());
        let response = send(store, key, *verification, request).await?;
        // RFC 9110 §14.4: the total may be left out.
        let ranges = [format!("bytes {start}-{last}/{length}"), format!("bytes {start}-{last}/*")];
        let is_range = response.content_range().is_some_and(|range| ranges.iter().any(|expected| expected == range));
        let comes = response.content_length().and_then(|length| u64::try_from(length).ok());
        if !is_range || comes.is_some_and(|comes| comes != end - start) {
            return Err(RequestError::malformed(attempt(store, key), "it is not the range that was asked for").into());
        }
        Ok(response.body)
    }
}

/// The strongest that S3 has of those known here.
fn stated(response: &GetObjectOutput) -> Option<(Algorithm, &str)> {
    let stated = [
        (Algorithm::Sha256, response.checksum_sha256()),
        (Algorithm::Crc64Nvme, response.checksum_crc64_nvme()),
        (Algorithm::Crc32c, response.checksum_crc32_c()),
        (Algorithm::Crc32, response.checksum_crc32()),
    ];
    stated.into_iter().find_map(|(algorithm, text)| Some((algorithm, text?)))
}

/// What S3 states can be of no use: that is told, and the length is all that is verified.
async fn checksum(store: &Store, key: &str, length: u64, algorithm: Algorithm, text: &str) -> Option<Checksum> {
    // Amazon S3 user guide, "Checking object integrity": a checksum of checksums ends in the number of parts.
    let (text, parts) = text.split_once('-').map_or((text, None), |(text, parts)| (text, Some(parts)));
    let part_size = match parts.map(str::parse) {
        Some(Ok(parts)) => Some(part_size(store, key, length, parts).await),
        Some(Err(_)) => Some(None),
        None => None,
    };
    let digest = Digest::parse(algorithm, text);
    let (Some(digest), None | Some(Some(_))) = (digest, part_size) else {
        let uri = store.uri(key);
        output::warn(format_args!("only the length of `{uri}` can be verified: S3 states a checksum of unknown form"));
        return None;
    };
    Some(Checksum { algorithm, digest, part_size: part_size.flatten() })
}

/// The size of all parts but the last. S3 tells that of each part; where the first and the last do not fill the object
/// with others like the first, parts differ, as they may.
async fn part_size(store: &Store, key: &str, length: u64, parts: i32) -> Option<u64> {
    let head = async |number| {
        let part = store.client.head_object().bucket(&store.bucket).key(key).part_number(number).send().await.ok()?;
        u64::try_from(part.content_length()?).ok()
    };
    let (first, last) = (head(1).await?, head(parts).await?);
    let before_last = u64::try_from(parts - 1).ok()?.checked_mul(first)?;
    (first > 0 && last <= first && before_last.checked_add(last)? == length).then_some(first)
}

impl Reader<'_> {
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// The next bytes before `limit`; none: it is reached.
    pub(crate) async fn next(&mut self, limit: u64) -> Result<Option<Bytes>, Error> {
        let wanted = limit.min(self.end) - self.position;
        if wanted == 0 {
            return Ok(None);
        }
        if self.pending.is_empty() {
            self.pending = self.receive().await?;
        }
        // At most the length of what is pending.
        let length = usize::try_from(wanted).unwrap_or(usize::MAX).min(self.pending.len());
        self.position += length as u64;
        self.source.store.progress.advance(length as u64);
        Ok(Some(self.pending.split_to(length)))
    }

    /// What comes next on the connection, or on another one when it breaks.
    async fn receive(&mut self) -> Result<Bytes, Error> {
        loop {
            let mut body = match self.body.take() {
                Some(body) => body,
                None => self.source.connect(self.position, self.end).await?,
            };
            let problem = match body.next().await {
                Some(Ok(bytes)) if bytes.is_empty() => {
                    self.body = Some(body);
                    continue;
                }
                Some(Ok(bytes)) => {
                    self.body = Some(body);
                    self.failures = 0;
                    return Ok(bytes);
                }
                Some(Err(error)) => RequestError::broken_off(attempt(self.source.store, self.source.key), &error),
                None => RequestError::malformed(attempt(self.source.store, self.source.key), "the object ended early"),
            };
            self.failures += 1;
            if self.failures >= MAX_FAILURES {
                return Err(problem.into());
            }
            // Full jitter, as the SDK's own retries.
            tokio::time::sleep(FIRST_BACKOFF.mul_f64(f64::from(1 << self.failures) * fastrand::f64())).await;
        }
    }
}

fn get(store: &Store, key: &str) -> GetObjectFluentBuilder {
    store.client.get_object().bucket(&store.bucket).key(key)
}

async fn send(
    store: &Store,
    key: &str,
    verification: Verification,
    request: GetObjectFluentBuilder,
) -> Result<GetObjectOutput, RequestError> {
    let refused = |error| RequestError::new(attempt(store, key), "s3:GetObject", &store.path_prefix, error);
    if verification == Verification::None {
        return request.send().await.map_err(refused);
    }
    // As a header rather than as a member, which would have the SDK verify as well.
    let request = request.customize().mutate_request(|request| {
        request.headers_mut().insert("x-amz-checksum-mode", ChecksumMode::Enabled.as_str());
    });
    request.send().await.map_err(|error| refused(error).with_checksum_header())
}

fn attempt(store: &Store, key: &str) -> String {
    format!("download `{}`", store.uri(key))
}
