//! Checksums as S3 keeps them: CRC-64/NVME over a whole object, SHA-256 over a whole one or over its parts' digests.

use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use crc_fast::{CrcAlgorithm, checksum_combine};
use serde::{Deserialize, Serialize};

/// Of these, uploads use the first and the last; the others are what another program may have left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Algorithm {
    Crc64Nvme,
    Crc32c,
    Crc32,
    Sha256,
}

/// A checksum in the making.
pub(crate) enum Hasher {
    Crc(Algorithm, Box<crc_fast::Digest>),
    Sha256(Context),
}

/// A checksum's bytes, most significant first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Digest(Vec<u8>);

impl Algorithm {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Crc64Nvme => "crc64nvme",
            Self::Crc32c => "crc32c",
            Self::Crc32 => "crc32",
            Self::Sha256 => "sha256",
        }
    }

    pub(crate) fn hasher(self) -> Hasher {
        match self.crc() {
            Some(crc) => Hasher::Crc(self, Box::new(crc_fast::Digest::new(crc))),
            None => Hasher::Sha256(Context::new(&SHA256)),
        }
    }

    /// The checksum of two pieces in a row, from theirs. None: it must be computed from the first byte to the last.
    pub(crate) fn combine(self, first: &Digest, second: &Digest, second_length: u64) -> Option<Digest> {
        let combined = checksum_combine(self.crc()?, first.number()?, second.number()?, second_length);
        Some(Digest::of_crc(self, combined))
    }

    pub(crate) fn can_combine(self) -> bool {
        self.crc().is_some()
    }

    fn crc(self) -> Option<CrcAlgorithm> {
        match self {
            Self::Crc64Nvme => Some(CrcAlgorithm::Crc64Nvme),
            Self::Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
            Self::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
            Self::Sha256 => None,
        }
    }
}

impl Hasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Crc(_, crc) => crc.update(bytes),
            Self::Sha256(context) => context.update(bytes),
        }
    }

    pub(crate) fn finish(self) -> Digest {
        match self {
            Self::Crc(algorithm, crc) => Digest::of_crc(algorithm, crc.finalize()),
            Self::Sha256(context) => Digest(context.finish().as_ref().to_owned()),
        }
    }
}

impl Digest {
    fn of_crc(algorithm: Algorithm, crc: u64) -> Self {
        let bytes = crc.to_be_bytes();
        // A CRC of 32 bits comes in the lower half.
        Self(if algorithm == Algorithm::Crc64Nvme { bytes.to_vec() } else { bytes[4..].to_vec() })
    }

    /// None: not a checksum of this algorithm.
    pub(crate) fn parse(algorithm: Algorithm, base64: &str) -> Option<Self> {
        let length = match algorithm {
            Algorithm::Crc64Nvme => 8,
            Algorithm::Crc32c | Algorithm::Crc32 => 4,
            Algorithm::Sha256 => 32,
        };
        BASE64_STANDARD.decode(base64).ok().filter(|bytes| bytes.len() == length).map(Self)
    }

    pub(crate) fn base64(&self) -> String {
        BASE64_STANDARD.encode(&self.0)
    }

    pub(crate) fn hex(&self) -> String {
        hex(&self.0)
    }

    fn number(&self) -> Option<u64> {
        self.0.iter().try_fold(0_u64, |number, byte| Some(number.checked_mul(256)? + u64::from(*byte)))
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    nibbles.filter_map(|nibble| char::from_digit(nibble.into(), 16)).collect()
}

/// The checksum of a whole object from its parts' digests and lengths.
pub(crate) fn whole<'a>(algorithm: Algorithm, parts: impl IntoIterator<Item = (&'a Digest, u64)>) -> Option<Digest> {
    let empty = algorithm.hasher().finish();
    parts.into_iter().try_fold(empty, |before, (digest, length)| algorithm.combine(&before, digest, length))
}

/// The checksum of checksums that S3 keeps for an object uploaded in parts ("composite").
pub(crate) fn composite<'a>(algorithm: Algorithm, parts: impl IntoIterator<Item = &'a Digest>) -> Digest {
    let mut hasher = algorithm.hasher();
    for part in parts {
        hasher.update(&part.0);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(algorithm: Algorithm, bytes: &[u8]) -> Digest {
        let mut hasher = algorithm.hasher();
        hasher.update(bytes);
        hasher.finish()
    }

    /// The check values of the CRC catalogue (reveng), and of FIPS 180-4.
    #[test]
    fn published_check_values() {
        for (algorithm, expected) in [
            (Algorithm::Crc64Nvme, "ae8b14860a799888"),
            (Algorithm::Crc32c, "e3069283"),
            (Algorithm::Crc32, "cbf43926"),
            (Algorithm::Sha256, "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"),
        ] {
            assert_eq!(digest(algorithm, b"123456789").hex(), expected, "{algorithm:?}");
        }
        assert_eq!(digest(Algorithm::Crc64Nvme, b"").base64(), "AAAAAAAAAAA=");
    }

    #[test]
    fn the_whole_from_its_parts() {
        let text = b"a text of some length, cut somewhere";
        for algorithm in [Algorithm::Crc64Nvme, Algorithm::Crc32c, Algorithm::Crc32] {
            let parts = [&text[..0], &text[..7], &text[7..30], &text[30..]].map(|part| (digest(algorithm, part), part));
            let combined = whole(algorithm, parts.iter().map(|(digest, part)| (digest, part.len() as u64)));
            assert_eq!(combined, Some(digest(algorithm, text)), "{algorithm:?}");
        }
        assert_eq!(whole(Algorithm::Sha256, [(&digest(Algorithm::Sha256, b"a"), 1)]), None);
    }

    #[test]
    fn base64_both_ways() {
        let sum = digest(Algorithm::Crc64Nvme, b"123456789");
        assert_eq!(sum.base64(), "rosUhgp5mIg=");
        assert_eq!(Digest::parse(Algorithm::Crc64Nvme, "rosUhgp5mIg="), Some(sum));
        assert_eq!(Digest::parse(Algorithm::Crc64Nvme, "rosUhgp5mIg=-3"), None);
        assert_eq!(Digest::parse(Algorithm::Crc64Nvme, "anqtLg=="), None, "as long as another one");
    }
}
