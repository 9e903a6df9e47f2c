//! Lines of a file or of standard input, one after the other: a line without end takes no more memory than any other.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::Path;

/// CloudWatch takes no larger event.
const MAX_LINE_BYTES: u64 = 1 << 20;
const UNREADABLE: &str = "\u{fffd}";

pub(crate) struct JsonLines {
    reader: Box<dyn BufRead>,
    is_first: bool,
}

impl JsonLines {
    /// `-` is standard input.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let reader: Box<dyn BufRead> = if path == Path::new("-") {
            Box::new(BufReader::new(io::stdin()))
        } else {
            Box::new(BufReader::new(File::open(path)?))
        };
        Ok(Self { reader, is_first: true })
    }

    /// The next line, or `None` at the end. A line that is too long or not UTF-8 comes as U+FFFD alone.
    pub(crate) fn next(&mut self) -> io::Result<Option<String>> {
        let mut bytes = Vec::new();
        if self.reader.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut bytes)? == 0 {
            return Ok(None);
        }
        let is_whole = bytes.ends_with(b"\n") || (bytes.len() as u64) < MAX_LINE_BYTES;
        if !is_whole {
            self.reader.skip_until(b'\n')?;
            return Ok(Some(UNREADABLE.to_owned()));
        }
        let text = String::from_utf8(bytes).unwrap_or_else(|_| UNREADABLE.to_owned());
        // Editors put a byte order mark at the beginning.
        let text = if std::mem::take(&mut self.is_first) { text.trim_start_matches('\u{feff}') } else { &text };
        Ok(Some(text.trim().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(content: &[u8]) -> Vec<String> {
        let mut lines = JsonLines { reader: Box::new(io::Cursor::new(content.to_vec())), is_first: true };
        std::iter::from_fn(|| lines.next().unwrap()).collect()
    }

    #[test]
    fn any_file_is_lines() {
        assert_eq!(lines(b""), Vec::<String>::new());
        assert_eq!(lines(b"\xef\xbb\xbf{}\r\n\n{}"), ["{}", "", "{}"]);
        assert_eq!(lines(b"\xff\xfe\n{}\n"), [UNREADABLE, "{}"]);
        let mut long = vec![b'x'; 3 << 20];
        long.extend(b"\n{}\n");
        assert_eq!(lines(&long), [UNREADABLE, "{}"]);
        assert_eq!(lines(&vec![b'x'; 3 << 20]), [UNREADABLE]);
    }
}
