//! Files that users and other programs hand over: secrets, tokens, variables. Bounded in size and time, and without the
//! byte order mark that some editors put in front.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};

/// How long the writer of a named pipe may take, all of its writes together.
const PIPE_DEADLINE: Duration = Duration::from_secs(5);
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Why there is no text.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InputError {
    #[error("cannot be read: {0}")]
    Unreadable(io::Error),
    #[error("is a pipe or a device, and nothing, or no end, came out of it for {} s", PIPE_DEADLINE.as_secs())]
    Silent,
    #[error("is larger than {0} bytes: is it the right file?")]
    TooLarge(u64),
    #[error("is not UTF-8 text")]
    NotText,
}

/// The text, with the file that it came from, for those who look at its mode.
pub(crate) fn read(path: &Path, most: u64) -> Result<(String, File), InputError> {
    // Without NONBLOCK, opening a named pipe waits for its writer, without end.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| InputError::Unreadable(errno.into()))?;
    let file = File::from(file);
    let is_regular = file.metadata().map_err(InputError::Unreadable)?.is_file();
    let bytes = if is_regular { read_regular(&file, most)? } else { read_pipe(&file, most, PIPE_DEADLINE)? };
    if bytes.len() as u64 > most {
        return Err(InputError::TooLarge(most));
    }
    let text = String::from_utf8(bytes).map_err(|_| InputError::NotText)?;
    Ok((text.strip_prefix(BYTE_ORDER_MARK).map(str::to_owned).unwrap_or(text), file))
}

fn read_regular(file: &File, most: u64) -> Result<Vec<u8>, InputError> {
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(InputError::Unreadable)?;
    Ok(bytes)
}

/// A pipe ends when its writer closes it. Before the first writer there is neither data nor an end (poll(2)).
fn read_pipe(mut file: &File, most: u64, within: Duration) -> Result<Vec<u8>, InputError> {
    let deadline = Instant::now() + within;
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).map_err(|_| InputError::Silent)?;
        let ready = poll(&mut [PollFd::new(file, PollFlags::IN)], Some(&left));
        match ready {
            Ok(0) => return Err(InputError::Silent),
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(errno) => return Err(InputError::Unreadable(errno.into())),
        }
        match file.read(&mut buffer) {
            Ok(0) => return Ok(bytes),
            Ok(length) => bytes.extend_from_slice(&buffer[..length]),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(error) => return Err(InputError::Unreadable(error)),
        }
        if bytes.len() as u64 > most {
            return Ok(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn text(content: &[u8]) -> Result<String, String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        read(file.path(), 16).map(|(text, _)| text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_text() {
        assert_eq!(text(b"\xef\xbb\xbfsecret\n"), Ok("secret\n".to_owned()));
        assert_eq!(text(b"\xef\xbb\xbf"), Ok(String::new()));
        assert_eq!(text(b"a\xef\xbb\xbfb"), Ok("a\u{feff}b".to_owned()));
        assert_eq!(text(b""), Ok(String::new()));
    }

    #[test]
    fn what_is_no_text_or_too_much() {
        assert_eq!(text(b"\xff\xfea\0").unwrap_err(), "is not UTF-8 text");
        assert!(text(&[b'x'; 17]).unwrap_err().starts_with("is larger than 16 bytes"));
        assert_eq!(text(&[b'x'; 16]), Ok("x".repeat(16)));
        assert!(read(Path::new("/nonexistent"), 1).err().unwrap().to_string().starts_with("cannot be read: "));
    }

    #[test]
    fn a_pipe_is_read_to_its_end_and_not_waited_for_without_end() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let reader = File::from(std::os::fd::OwnedFd::from(reader));
        rustix::io::ioctl_fionbio(&reader, true).unwrap();
        writer.write_all(b"abc").unwrap();
        assert!(matches!(read_pipe(&reader, 16, Duration::from_millis(20)), Err(InputError::Silent)), "no end yet");
        writer.write_all(b"def").unwrap();
        drop(writer);
        assert_eq!(read_pipe(&reader, 16, PIPE_DEADLINE).unwrap(), b"def");
    }
}
