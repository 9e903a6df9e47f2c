//! An upload of unknown length. Each part waits in an unnamed temporary file for its turn: memory stays small, and a
//! part can be sent again.

use std::fs::File;
use std::future::Future;
use std::io::{self, Read, Write as _};
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::future::{Either, select};
use futures_util::stream::FuturesUnordered;

use crate::checksum::Algorithm;
use crate::error::Error;
use crate::output::Verified;
use crate::store::Store;
use crate::upload::completion::Part;
use crate::upload::error::UploadError;
use crate::upload::multipart::Multipart;
use crate::upload::segment::Segment;
use crate::upload::{MAX_PART, MAX_PARTS, MEBIBYTE, single};

const FIRST_PART: u64 = 8 * MEBIBYTE;
/// The number of parts is not known in advance, so they begin small and double in size after so many, up to S3's largest.
const PARTS_OF_A_SIZE: u32 = 500;
/// Parts on disk that are being sent; one more is being filled.
const IN_FLIGHT: usize = 2;
const BUFFER: usize = 128 * 1024;

/// Length and checksum of what was read to its end.
pub(crate) async fn upload<R: Read + Send + 'static>(
    store: &Store,
    source: R,
    key: &str,
    algorithm: Option<Algorithm>,
) -> Result<(u64, Option<Verified>), Error> {
    let spooled = Path::new("the temporary file of a part");
    let (source, first) = fill(source, 1).await?;
    if first.length() < FIRST_PART {
        return Ok((first.length(), single::upload(store, &first, spooled, key, algorithm).await?));
    }
    let multipart = Multipart::create(store, key, algorithm).await?;
    let orphan = multipart.orphan();
    // The bytes that were read are gone: the upload cannot be resumed.
    store.adopt(orphan.clone());
    let (mut source, mut segment, mut total) = (source, first, 0);
    let (mut sending, mut sent) = (FuturesUnordered::new(), Vec::new());
    for number in 1_u32.. {
        if u64::from(number) > MAX_PARTS {
            return Err(UploadError::TooLong(store.uri(key)).into());
        }
        total += segment.length();
        let part = segment;
        let is_last = part.length() < part_size(number);
        // At most ten thousand.
        let index = i32::try_from(number).unwrap_or(i32::MAX);
        let multipart = &multipart;
        sending.push(async move { multipart.send(index, &part, spooled).await });
        if is_last {
            break;
        }
        while sending.len() >= IN_FLIGHT
            && let Some(part) = sending.next().await
        {
            sent.push(part?);
        }
        (source, segment) = meanwhile(fill(source, number + 1), &mut sending, &mut sent).await??;
        if segment.length() == 0 {
            break;
        }
    }
    while let Some(part) = sending.next().await {
        sent.push(part?);
    }
    sent.sort_by_key(|part| part.number);
    let verified = multipart.complete(sent).await?;
    store.release(&orphan);
    Ok((total, verified))
}

/// Waits for something while parts are being sent.
async fn meanwhile<T>(
    something: impl Future<Output = T>,
    sending: &mut FuturesUnordered<impl Future<Output = Result<Part, Error>>>,
    sent: &mut Vec<Part>,
) -> Result<T, Error> {
    let mut something = pin!(something);
    while !sending.is_empty() {
        match select(something.as_mut(), sending.next()).await {
            Either::Left((output, _)) => return Ok(output),
            Either::Right((part, _)) => sent.extend(part.transpose()?),
        }
    }
    Ok(something.await)
}

/// Reads a part, or what is left, into a file; on a thread of its own, since a pipe may take its time.
async fn fill<R: Read + Send + 'static>(source: R, number: u32) -> Result<(R, Segment), Error> {
    let reading = tokio::task::spawn_blocking(move || copy(source, part_size(number)));
    // The thread does not panic, and is not cancelled while this waits.
    reading.await.unwrap_or_else(|error| Err(UploadError::Spool(io::Error::other(error)).into()))
}

fn copy<R: Read>(mut source: R, most: u64) -> Result<(R, Segment), Error> {
    let mut file = tempfile::tempfile().map_err(UploadError::Spool)?;
    let mut buffer = vec![0; BUFFER];
    let mut length = 0;
    while length < most {
        // At most BUFFER.
        let wanted = usize::try_from(most - length).unwrap_or(BUFFER).min(BUFFER);
        let read = match source.read(&mut buffer[..wanted]) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(cause) => return Err(UploadError::Local { path: "standard input".into(), cause }.into()),
        };
        file.write_all(&buffer[..read]).map_err(UploadError::Spool)?;
        length += read as u64;
    }
    Ok((source, Segment::new(Arc::<File>::new(file), 0, length)))
}

fn part_size(number: u32) -> u64 {
    FIRST_PART.checked_shl((number - 1) / PARTS_OF_A_SIZE).unwrap_or(MAX_PART).clamp(FIRST_PART, MAX_PART)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upload::error::STREAM_LIMIT;

    #[test]
    fn parts_grow_to_the_largest_and_hold_what_is_said() {
        let sizes = [1, 500, 501, 5_000, 5_001, 10_000, 40_000].map(part_size);
        let gibibyte = 1024 * MEBIBYTE;
        assert_eq!(sizes, [8, 8, 16, 4096, 5120, 5120, 5120].map(|size| size * MEBIBYTE));
        let most: u64 = (1..=u32::try_from(MAX_PARTS).unwrap()).map(part_size).sum();
        assert_eq!(STREAM_LIMIT, format!("{}.{} TiB", most / gibibyte / 1024, most / gibibyte * 10 / 1024 % 10));
    }

    #[test]
    fn a_part_ends_where_it_is_full_or_the_source_is_empty() {
        let (rest, segment) = copy(io::Cursor::new(b"0123456789".to_vec()), 4).unwrap();
        assert_eq!((segment.length(), rest.position()), (4, 4));
        let (_, segment) = copy(rest, 400).unwrap();
        assert_eq!(segment.length(), 6);
    }
}
