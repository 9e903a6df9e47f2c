//! Where in a connection's bytes a request ends, as far as one must know to tell an idle connection from one that has
//! sent half of the next request together with this one.
//!
//! hyper reads ahead and does not say how far. A head that is not whole never ends with an empty line, so after a request
//! without a body, or with a chunked one, the last bytes tell. A body of known length is counted from the end of its head,
//! which is found where the connection's bytes were counted up to there.

/// What came since the last request ended.
pub(crate) struct Input {
    /// The last three bytes, the newest one last.
    tail: [u8; 3],
    /// Whether the first byte that is counted is the first one of a request.
    is_aligned: bool,
    /// Something of the head came, and not only the empty lines that may stand before it (RFC 9112 §2.2).
    has_begun: bool,
    line_is_empty: bool,
    /// Bytes after the head.
    beyond_head: Option<u64>,
}

impl Input {
    pub(crate) fn new() -> Self {
        Self { tail: [0; 3], is_aligned: true, has_begun: false, line_is_empty: true, beyond_head: None }
    }

    pub(crate) fn add(&mut self, bytes: &[u8]) {
        match &mut self.beyond_head {
            Some(beyond) => *beyond += bytes.len() as u64,
            None => self.find_end_of_head(bytes),
        }
        for byte in &bytes[bytes.len().saturating_sub(3)..] {
            self.tail = [self.tail[1], self.tail[2], *byte];
        }
    }

    /// hyper takes a line feed alone for the end of a line, too.
    fn find_end_of_head(&mut self, bytes: &[u8]) {
        for (index, byte) in bytes.iter().enumerate() {
            match byte {
                b'\n' if self.line_is_empty && self.has_begun => {
                    self.beyond_head = Some((bytes.len() - index - 1) as u64);
                    return;
                }
                b'\n' => self.line_is_empty = true,
                b'\r' => {}
                _ => (self.has_begun, self.line_is_empty) = (true, false),
            }
        }
    }

    /// Ends a request whose body has this length, `None` for a chunked one. Whether nothing of the next one is here.
    pub(crate) fn end_request(&mut self, body: Option<u64>) -> bool {
        let is_at_end = match body {
            None | Some(0) => self.tail.ends_with(b"\n\n") || self.tail == *b"\n\r\n",
            length => self.is_aligned && self.beyond_head == length,
        };
        *self = Self { is_aligned: is_at_end, ..Self::new() };
        is_at_end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET: &str = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";
    const POST: &str = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\n";
    const CHUNKED: &str = "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n";

    #[test]
    fn half_of_the_next_request_is_seen_however_the_bytes_arrive() {
        for (request, body) in [
            (GET.to_owned(), Some(0)),
            (GET.replace('\r', ""), Some(0)),
            (format!("\r\n\n{GET}"), Some(0)),
            (format!("{POST}abcd"), Some(4)),
            (format!("\r\n{POST}\r\n\r\n"), Some(4)),
            (format!("{}\n\n\n\n", POST.replace('\r', "")), Some(4)),
            (CHUNKED.to_owned(), None),
        ] {
            for (next, is_at_end) in [("", true), ("G", false), ("GET / HTTP/1.1\r\n", false), (&POST[..40], false)] {
                for size in [1, 2, 3, 7, 1000] {
                    let mut input = Input::new();
                    for _ in 0..2 {
                        format!("{request}{next}").as_bytes().chunks(size).for_each(|bytes| input.add(bytes));
                        assert_eq!(input.end_request(body), is_at_end, "{request:?} and {next:?} by {size}");
                        input = if is_at_end { input } else { Input::new() };
                    }
                }
            }
        }
    }

    #[test]
    fn one_who_has_sent_ahead_is_idle_again_after_a_request_without_a_body() {
        let mut input = Input::new();
        input.add(format!("{GET}{}", &POST[..20]).as_bytes());
        assert!(!input.end_request(Some(0)));
        input.add(format!("{}abcd", &POST[20..]).as_bytes());
        assert!(!input.end_request(Some(4)), "its head cannot be told from a body");
        input.add(GET.as_bytes());
        assert!(input.end_request(Some(0)));
        input.add(format!("{POST}abcd").as_bytes());
        assert!(input.end_request(Some(4)));
    }
}
