//! A stretch of a file as the body of a request: read twice, once for its checksum and once to be sent, so that it is
//! never in memory as a whole.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use aws_runtime::auth::PayloadSigningOverride;
use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};

use crate::checksum::{Algorithm, Digest, Hasher};
use crate::store::PayloadSignature;

const CHUNK: u64 = 128 * 1024;

/// So many bytes from an offset on.
#[derive(Clone)]
pub(crate) struct Segment {
    file: Arc<File>,
    offset: u64,
    length: u64,
}

/// What is known of a segment before it is sent.
pub(crate) struct Summary {
    /// None: no checksum is sent.
    pub(crate) checksum: Option<(Algorithm, Digest)>,
    pub(crate) signature: PayloadSignature,
}

impl Segment {
    pub(crate) fn new(file: Arc<File>, offset: u64, length: u64) -> Self {
        Self { file, offset, length }
    }

    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Whether the file has lost some of these bytes. While they are sent, this shows as a broken connection only.
    pub(crate) fn is_cut(&self) -> bool {
        self.file.metadata().is_ok_and(|metadata| metadata.len() < self.offset + self.length)
    }

    /// The stretch from `offset` of this one on, as long as there is something.
    pub(crate) fn part(&self, offset: u64, length: u64) -> Self {
        let length = length.min(self.length.saturating_sub(offset));
        Self { file: Arc::clone(&self.file), offset: self.offset + offset, length }
    }

    /// Reads the segment for its checksum and, where TLS does not protect it, for its signature.
    pub(crate) fn summary(&self, algorithm: Option<Algorithm>, is_signed: bool) -> io::Result<Summary> {
        let mut hasher = algorithm.map(Algorithm::hasher);
        let mut signed = (is_signed && algorithm != Some(Algorithm::Sha256)).then(|| Algorithm::Sha256.hasher());
        let mut reader = Reader::new(self);
        while (hasher.is_some() || signed.is_some())
            && let Some(chunk) = reader.next()?
        {
            for hasher in [&mut hasher, &mut signed].into_iter().flatten() {
                hasher.update(&chunk);
            }
        }
        let checksum = algorithm.zip(hasher.map(Hasher::finish));
        let signature = match (signed.map(Hasher::finish), &checksum) {
            (Some(signed), _) => PayloadSigningOverride::Precomputed(signed.hex()),
            (None, Some((_, digest))) if is_signed => PayloadSigningOverride::Precomputed(digest.hex()),
            _ => PayloadSigningOverride::UnsignedPayload,
        };
        Ok(Summary { checksum, signature: PayloadSignature(signature) })
    }

    /// The body, which can be sent again when a try fails.
    pub(crate) fn body(&self) -> ByteStream {
        let segment = self.clone();
        ByteStream::new(SdkBody::retryable(move || SdkBody::from_body_1_x(SegmentBody(Reader::new(&segment)))))
    }
}

/// Reads chunk by chunk into a buffer that is used again once the chunk before has been sent.
struct Reader {
    file: Arc<File>,
    position: u64,
    end: u64,
    buffer: BytesMut,
}

impl Reader {
    fn new(segment: &Segment) -> Self {
        let Segment { file, offset, length } = segment;
        Self { file: Arc::clone(file), position: *offset, end: offset + length, buffer: BytesMut::new() }
    }

    fn next(&mut self) -> io::Result<Option<Bytes>> {
        let length = CHUNK.min(self.end - self.position);
        if length == 0 {
            return Ok(None);
        }
        // At most CHUNK.
        self.buffer.resize(usize::try_from(length).unwrap_or_default(), 0);
        self.file.read_exact_at(&mut self.buffer, self.position)?;
        self.position += length;
        Ok(Some(self.buffer.split().freeze()))
    }
}

struct SegmentBody(Reader);

impl Body for SegmentBody {
    type Data = Bytes;
    type Error = io::Error;

    /// Reads here and now: the checksum has brought these bytes into the system's cache a moment ago.
    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Poll::Ready(self.0.next().transpose().map(|chunk| chunk.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.0.position == self.0.end
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.end - self.0.position)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn segment(text: &[u8]) -> Segment {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text).unwrap();
        Segment::new(Arc::new(file), 0, text.len() as u64)
    }

    #[test]
    fn parts_cover_the_file_to_its_end() {
        let whole = segment(b"0123456789");
        let lengths = [0, 4, 8, 12].map(|offset| whole.part(offset, 4).length());
        assert_eq!(lengths, [4, 4, 2, 0]);
        let mut reader = Reader::new(&whole.part(4, 4));
        assert_eq!(reader.next().unwrap().unwrap(), "4567");
        assert!(reader.next().unwrap().is_none());
    }

    #[test]
    fn a_file_that_shrinks_is_an_error() {
        let whole = segment(b"0123456789");
        assert!(!whole.is_cut());
        whole.file().set_len(3).unwrap();
        assert!(whole.is_cut() && !whole.part(0, 3).is_cut());
        assert!(whole.summary(Some(Algorithm::Crc64Nvme), false).is_err());
    }

    #[test]
    fn what_tls_protects_is_not_signed() {
        let summary = segment(b"123456789").summary(Some(Algorithm::Crc64Nvme), false).unwrap();
        assert_eq!(summary.checksum.unwrap().1.base64(), "rosUhgp5mIg=");
        assert!(matches!(summary.signature.0, PayloadSigningOverride::UnsignedPayload));
        for algorithm in [Some(Algorithm::Crc64Nvme), Some(Algorithm::Sha256), None] {
            let empty = segment(b"").summary(algorithm, true).unwrap();
            let PayloadSigningOverride::Precomputed(hash) = empty.signature.0 else { panic!("a hash is expected") };
            assert_eq!(hash, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "{algorithm:?}");
        }
    }
}
