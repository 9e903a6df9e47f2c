//! An object's bytes into their place, hashed on the way. A large object comes on several connections: the one on
//! which S3 has described it goes on from the front, the others take pieces from the back, until they meet.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use bytes::Bytes;
use futures_util::future::{try_join, try_join_all};

use crate::checksum::{self, Digest};
use crate::download::error::DownloadError;
use crate::download::object::{Checksum, Object, Reader};
use crate::download::writer::Writer;
use crate::download::{Received, local};
use crate::error::Error;
use crate::output::Verified;
use crate::store::Store;
use crate::workers::WORKERS;

/// So large that a request of its own pays.
const PIECE: u64 = 16 * 1024 * 1024;

/// An object cut into pieces of one size.
struct Pieces {
    checksum: Option<Checksum>,
    length: u64,
    size: u64,
    /// The first one that no connection has taken.
    front: Cell<u64>,
    /// The one behind the last that no connection has taken.
    back: Cell<u64>,
    /// Of the pieces that have come: what a server says of the length of an object takes no memory.
    digests: RefCell<BTreeMap<u64, Digest>>,
}

/// Into what is written from front to back.
pub(crate) async fn in_order(
    store: &Store,
    object: Object<'_>,
    path: &Path,
    target: &mut Writer,
) -> Result<Received, Error> {
    let Object { source, length, checksum, mut reader, slot: _slot } = object;
    let pieces = Pieces::new(length, checksum);
    while let Some(index) = pieces.take_front() {
        let write = async |bytes, _| target.write(bytes).await;
        pieces.receive(index, &mut reader, path, write).await?;
    }
    pieces.verify(&store.uri(source.key), "it has been written all the same: ")
}

/// Into a file, in any order.
pub(crate) async fn into_file(
    store: &Store,
    object: Object<'_>,
    target: &File,
    path: &Path,
) -> Result<Received, Error> {
    let Object { source, length, checksum, mut reader, slot } = object;
    let pieces = Pieces::new(length, checksum);
    let write = async |bytes: Bytes, position| target.write_all_at(&bytes, position);
    let front = async {
        while let Some(index) = pieces.take_front() {
            pieces.receive(index, &mut reader, path, write).await?;
        }
        // Others may be waiting for it, with pieces of this same object.
        drop((slot, reader));
        Ok(())
    };
    let back = try_join_all((1..WORKERS).map(|_| async {
        while pieces.is_any_left() {
            let _slot = store.slots.acquire().await;
            let Some(index) = pieces.take_back() else { break };
            let (start, end) = pieces.bounds(index);
            pieces.receive(index, &mut source.stretch(start, end), path, write).await?;
        }
        Ok::<_, Error>(())
    }));
    try_join(front, back).await?;
    pieces.verify(&store.uri(source.key), "nothing is kept: ")
}

impl Pieces {
    fn new(length: u64, checksum: Option<Checksum>) -> Self {
        let size = match &checksum {
            Some(Checksum { part_size: Some(size), .. }) => *size,
            // From the first byte to the last.
            Some(checksum) if !checksum.algorithm.can_combine() => length.max(1),
            _ => PIECE,
        };
        let count = length.div_ceil(size);
        Self { checksum, length, size, front: Cell::new(0), back: Cell::new(count), digests: RefCell::default() }
    }

    fn take_front(&self) -> Option<u64> {
        let index = self.front.get();
        let is_left = index < self.back.get();
        is_left.then(|| self.front.replace(index + 1))
    }

    /// Never the next one in front, which is on its way already.
    fn take_back(&self) -> Option<u64> {
        self.is_any_left().then(|| {
            self.back.set(self.back.get() - 1);
            self.back.get()
        })
    }

    fn is_any_left(&self) -> bool {
        self.front.get() + 1 < self.back.get()
    }

    fn bounds(&self, index: u64) -> (u64, u64) {
        (index * self.size, ((index + 1) * self.size).min(self.length))
    }

    async fn receive(
        &self,
        index: u64,
        reader: &mut Reader<'_>,
        path: &Path,
        mut write: impl AsyncFnMut(Bytes, u64) -> io::Result<()>,
    ) -> Result<(), Error> {
        let (_, end) = self.bounds(index);
        let mut hasher = self.checksum.as_ref().map(|checksum| checksum.algorithm.hasher());
        loop {
            let position = reader.position();
            let Some(bytes) = reader.next(end).await? else { break };
            if let Some(hasher) = &mut hasher {
                hasher.update(&bytes);
            }
            write(bytes, position).await.map_err(|cause| local(path, cause))?;
        }
        if let Some(hasher) = hasher {
            self.digests.borrow_mut().insert(index, hasher.finish());
        }
        Ok(())
    }

    /// All pieces are there, so the length is right; whether the bytes are, the checksum says.
    fn verify(self, uri: &str, kept: &'static str) -> Result<Received, Error> {
        let Some(Checksum { algorithm, digest: expected, part_size }) = self.checksum else {
            return Ok(Received { bytes: self.length, checksum: None });
        };
        let digests: Vec<_> = self.digests.take().into_values().collect();
        let lengths = (0..).map(|index| (self.size * (index + 1)).min(self.length) - self.size * index);
        let found = if part_size.is_some() {
            Some(checksum::composite(algorithm, &digests))
        } else if algorithm.can_combine() {
            checksum::whole(algorithm, digests.iter().zip(lengths))
        } else {
            digests.into_iter().next().or_else(|| Some(algorithm.hasher().finish()))
        };
        let found = found.as_ref().map(Digest::base64).unwrap_or_default();
        let (expected, algorithm) = (expected.base64(), algorithm.name());
        if found != expected {
            return Err(DownloadError::Damaged { uri: uri.to_owned(), algorithm, expected, found, kept }.into());
        }
        Ok(Received { bytes: self.length, checksum: Some(Verified { algorithm, value: expected }) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum::Algorithm;

    #[test]
    fn front_and_back_meet_and_take_each_piece_once() {
        let pieces = Pieces::new(PIECE * 4 + 1, None);
        let taken = [pieces.take_front(), pieces.take_back(), pieces.take_back(), pieces.take_front()];
        assert_eq!(taken, [Some(0), Some(4), Some(3), Some(1)]);
        assert_eq!((pieces.take_back(), pieces.take_front(), pieces.take_front()), (None, Some(2), None));
        assert_eq!(pieces.bounds(4), (PIECE * 4, PIECE * 4 + 1));
    }

    #[test]
    fn a_length_that_no_memory_could_count_is_not_counted() {
        let digest = Algorithm::Crc64Nvme.hasher().finish();
        let checksum = Checksum { algorithm: Algorithm::Crc64Nvme, digest, part_size: None };
        assert_eq!(Pieces::new(u64::MAX / 2, Some(checksum)).take_front(), Some(0));
    }

    #[test]
    fn a_hash_that_cannot_be_combined_is_one_piece_and_parts_are_pieces() {
        let digest = Algorithm::Sha256.hasher().finish();
        let whole = Checksum { algorithm: Algorithm::Sha256, digest, part_size: None };
        let pieces = Pieces::new(PIECE * 4, Some(whole.clone()));
        assert_eq!(pieces.bounds(0), (0, PIECE * 4));
        let pieces = Pieces::new(25, Some(Checksum { part_size: Some(10), ..whole.clone() }));
        assert_eq!(pieces.bounds(2), (20, 25));
        let empty = Pieces::new(0, Some(whole));
        assert_eq!(empty.take_front(), None);
        assert!(empty.verify("s3://b/k", "").is_ok(), "the checksum of nothing");
    }
}
