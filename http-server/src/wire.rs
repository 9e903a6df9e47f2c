//! A connection's stream, between the socket and hyper.
//!
//! hyper is given bytes that are requests beyond doubt ([`Framing`]), and nothing else. It has a response of its own for a
//! head that it cannot parse: a bare status. Nothing else is written while no request is being answered, so that one is held
//! back, and the program's response is sent in its place.

use std::io::{self, ErrorKind};
use std::mem::{self, MaybeUninit};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Duration, Instant, Sleep, sleep_until};

use crate::framing::Framing;
use crate::pace::Pace;

/// What begins a connection of HTTP/2 with prior knowledge (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const READ_BYTES: usize = 8 * 1024;
/// How long a peer may leave a response unread.
const WRITE_WITHIN: Duration = Duration::from_secs(30);

pub(crate) struct Wire<S> {
    pub(crate) stream: S,
    pace: Arc<Pace>,
    framing: Framing,
    /// Bytes that came and were not handed on, and how many of them may be.
    held: Vec<u8>,
    ready: usize,
    /// What comes is not HTTP/1.
    is_raw: bool,
    has_failed: bool,
    held_back: Vec<u8>,
    write_deadline: Option<Pin<Box<Sleep>>>,
}

impl<S> Wire<S> {
    pub(crate) fn new(stream: S, pace: Arc<Pace>, max_head: usize) -> Self {
        Self {
            stream,
            pace,
            framing: Framing::new(max_head),
            held: Vec::new(),
            ready: 0,
            is_raw: false,
            has_failed: false,
            held_back: Vec::new(),
            write_deadline: None,
        }
    }

    /// hyper's own response.
    pub(crate) fn held_back(&self) -> Option<&[u8]> {
        (!self.held_back.is_empty()).then_some(&self.held_back)
    }

    /// Whether the peer may still be sending a request that nobody reads.
    pub(crate) fn is_mid_request(&self) -> bool {
        !self.is_raw() && (!self.framing.is_between() || !self.held.is_empty())
    }

    fn is_raw(&self) -> bool {
        self.is_raw || self.pace.is_switched()
    }

    /// Hands on what may be.
    fn hand_on(&mut self, buffer: &mut ReadBuf<'_>) {
        let length = self.ready.min(buffer.remaining());
        buffer.put_slice(&self.held[..length]);
        self.ready -= length;
        if length == self.held.len() {
            // An idle connection keeps no memory.
            self.held = Vec::new();
        } else {
            self.held.drain(..length);
        }
        if self.ready == 0 {
            self.tell_of_half_a_head();
        }
    }

    fn tell_of_half_a_head(&self) {
        self.pace.half_a_head(!self.is_raw() && self.framing.is_between() && !self.held.is_empty());
    }

    /// How many of these bytes, which come next, are handed on. A fault is an error in the middle of a request, and else the
    /// connection's end.
    fn look(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_raw() {
            return Ok(bytes.len());
        }
        // What follows a request for another protocol is looked at when it is known to be HTTP.
        let awaits_protocol = self.framing.asks_for_upgrade() && self.pace.ended() < self.framing.heads();
        if self.has_failed || awaits_protocol {
            return Ok(0);
        }
        let is_between = self.framing.is_between();
        self.framing.advance(bytes).or_else(|fault| {
            self.has_failed = true;
            if !is_between {
                return Err(io::Error::new(ErrorKind::InvalidData, fault.reason()));
            }
            self.pace.half_a_head(true);
            self.pace.fail(fault);
            Ok(0)
        })
    }

    fn look_at_held(&mut self) -> io::Result<()> {
        let held = mem::take(&mut self.held);
        let looked = self.look(&held);
        self.held = held;
        self.ready = looked?;
        Ok(())
    }
}

impl<S: AsyncRead + Unpin> Wire<S> {
    /// Whether the peer speaks HTTP/2 from the start. Waits for its first bytes.
    pub(crate) async fn begins_with_http_2(&mut self) -> io::Result<bool> {
        loop {
            if self.held.len() >= PREFACE.len() || !PREFACE.starts_with(&self.held) {
                self.is_raw = self.held.starts_with(PREFACE);
                return Ok(self.is_raw);
            }
            if std::future::poll_fn(|context| self.poll_fill(context)).await? == 0 {
                return Ok(false);
            }
        }
    }

    /// Waits for bytes; whether there are any before the end.
    pub(crate) async fn has_come(&mut self) -> io::Result<bool> {
        if self.held.is_empty() {
            let came = std::future::poll_fn(|context| self.poll_fill(context)).await?;
            self.tell_of_half_a_head();
            return Ok(came > 0);
        }
        Ok(true)
    }

    /// Takes what has come; zero at the end.
    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut space = [MaybeUninit::uninit(); READ_BYTES];
        let mut buffer = ReadBuf::uninit(&mut space);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer))?;
        self.held.extend_from_slice(buffer.filled());
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// Takes what has come to where it is handed on: mostly that is one head, and all of it. Whether anything came.
    fn poll_in_place(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<bool>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let came = &buffer.filled()[before..];
        if came.is_empty() {
            return Poll::Ready(Ok(false));
        }
        let looked = self.look(came);
        let handed_on = *looked.as_ref().unwrap_or(&0);
        self.held.extend_from_slice(&came[handed_on..]);
        buffer.set_filled(before + handed_on);
        self.tell_of_half_a_head();
        Poll::Ready(looked.map(|_| true))
    }

    /// What follows a fault is nobody's, but its end says that the peer has left.
    fn poll_discard(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while ready!(self.poll_fill(context))? > 0 {
            self.held.clear();
        }
        Poll::Ready(Ok(()))
    }

    /// A body whose length is known is nobody's to look at.
    fn poll_opaque(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let limit = usize::try_from(self.framing.opaque()).unwrap_or(usize::MAX).min(buffer.remaining());
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(limit));
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut part))?;
        let length = part.filled().len();
        buffer.advance(length);
        self.framing.skip(length);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if self.ready == 0 && !self.held.is_empty() {
                self.look_at_held()?;
            }
            if self.ready > 0 {
                self.hand_on(buffer);
                return Poll::Ready(Ok(()));
            }
            if self.held.is_empty() && self.is_raw() {
                return Pin::new(&mut self.stream).poll_read(context, buffer);
            }
            if self.held.is_empty() && self.framing.opaque() > 0 {
                return self.poll_opaque(context, buffer);
            }
            if self.has_failed {
                return self.poll_discard(context);
            }
            // Nobody fills the memory while a protocol is agreed on.
            if self.framing.asks_for_upgrade() && self.held.len() >= READ_BYTES {
                return Poll::Pending;
            }
            if self.held.is_empty() && buffer.remaining() > 0 {
                let before = buffer.filled().len();
                if !ready!(self.poll_in_place(context, buffer))? || buffer.filled().len() > before {
                    return Poll::Ready(Ok(()));
                }
                continue;
            }
            if ready!(self.poll_fill(context))? == 0 {
                return Poll::Ready(Ok(()));
            }
            self.tell_of_half_a_head();
        }
    }
}

impl<S: AsyncWrite + Unpin> Wire<S> {
    /// A peer that does not read holds its connection, and what the response comes from.
    fn poll_written<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.write_deadline = None;
            return written;
        }
        let deadline = self.write_deadline.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + WRITE_WITHIN)));
        ready!(deadline.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(ErrorKind::TimedOut, "the peer does not read")))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if !self.is_raw() && self.pace.is_quiet() {
            self.held_back.extend_from_slice(bytes);
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.poll_written(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if !self.is_raw() && self.pace.is_quiet() {
            for slice in slices {
                self.held_back.extend_from_slice(slice);
            }
            return Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()));
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.poll_written(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// hyper calls this once all that it had to write is written.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        if matches!(flushed, Poll::Ready(Ok(()))) {
            self.pace.flushed();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.held_back().is_some() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
