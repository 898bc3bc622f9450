//! The border between a socket and hyper: only whole heads that are beyond doubt, and bodies that keep to them, get in.
//!
//! In the usual case, whole heads in one read, bytes go from the socket into hyper's buffer and are looked at there; none
//! is copied. A head that comes in pieces is held until it is whole. A head that is refused never reaches hyper: a
//! stand-in takes its place, so that its answer comes in its turn, after those of the requests before it.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    passage::{Passage, Rest},
    pulse::{Missing, Pulse, Stage},
    refusal::Refusal,
    socket::Socket,
};

/// What hyper reads in place of a refused head. Its target is one that no head that passes can have.
pub(super) const STAND_IN: &[u8] = b"GET * HTTP/1.1\r\nconnection: close\r\n\r\n";

pub(super) struct Gate<S: Socket> {
    socket: S,
    pulse: Arc<Pulse>,
    passage: Passage,
    /// The beginning of a head.
    held: Vec<u8>,
    /// What may pass, and had no room yet.
    ready: Vec<u8>,
    /// Bytes of `ready` that have passed.
    taken: usize,
    state: State,
    read_bytes: u64,
    written_bytes: u64,
    is_shut: bool,
    /// Bytes that may still be thrown away once the connection is over.
    linger_bytes: u64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Open,
    /// The stand-in is the last that passes.
    Refused,
    /// A body went wrong.
    Broken,
    /// The caller has ended its side.
    Ended,
}

impl<S: Socket> Gate<S> {
    pub(super) fn new(socket: S, pulse: Arc<Pulse>, linger_bytes: u64) -> Self {
        Self {
            socket,
            pulse,
            passage: Passage::new(),
            held: Vec::new(),
            ready: Vec::new(),
            taken: 0,
            state: State::Open,
            read_bytes: 0,
            written_bytes: 0,
            is_shut: false,
            linger_bytes,
        }
    }

    /// Judges what has just been read into `buffer` after its first `before` bytes, and takes out what may not pass.
    fn judge(&mut self, buffer: &mut ReadBuf<'_>, before: usize) {
        if self.held.is_empty() {
            let fresh = &buffer.filled()[before..];
            let judged = self.passage.judge(fresh);
            if judged.rest == Rest::Hold {
                self.held.extend_from_slice(&fresh[judged.pass..]);
            }
            buffer.set_filled(before + judged.pass);
            self.pulse.heads_passed(judged.heads);
            self.settle(judged.rest);
            return;
        }
        let fresh = &buffer.filled()[before..];
        let line_ends = memchr::memchr(b'\n', fresh).is_some();
        let steps = self.held.len() / RESCAN_BYTES;
        self.held.extend_from_slice(fresh);
        buffer.set_filled(before);
        // Within a line only its length can go wrong. Looking again at each byte that comes would cost its sender nothing.
        if !line_ends && self.held.len() / RESCAN_BYTES == steps {
            return;
        }
        let mut bytes = std::mem::take(&mut self.held);
        let judged = self.passage.judge(&bytes);
        if judged.rest == Rest::Hold {
            self.held = bytes.split_off(judged.pass);
        }
        bytes.truncate(judged.pass);
        self.ready = bytes;
        self.pulse.heads_passed(judged.heads);
        self.settle(judged.rest);
    }

    fn settle(&mut self, rest: Rest) {
        match rest {
            Rest::None | Rest::Hold => {}
            Rest::Refuse(refusal) => self.refuse(refusal),
            Rest::Break => self.state = State::Broken,
        }
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.state = State::Refused;
        self.held = Vec::new();
        self.ready.extend_from_slice(STAND_IN);
        self.pulse.refuse(refusal);
        self.pulse.heads_passed(1);
    }

    /// Hands over what is ready; false if nothing is.
    fn hand_over(&mut self, buffer: &mut ReadBuf<'_>) -> bool {
        let rest = &self.ready[self.taken..];
        let fits = rest.len().min(buffer.remaining());
        if fits == 0 {
            return false;
        }
        buffer.put_slice(&rest[..fits]);
        self.taken += fits;
        if self.taken == self.ready.len() {
            (self.ready, self.taken) = (Vec::new(), 0);
        }
        true
    }

    /// Nothing comes from the socket now. Is that decided to be the end of it?
    fn has_waited_enough(&mut self) -> bool {
        let between = self.passage.is_between();
        let missing = match (between, self.held.is_empty()) {
            (true, true) => Missing::Request,
            (true, false) => Missing::Head,
            (false, _) => Missing::Body,
        };
        self.pulse.missing(missing);
        match missing {
            Missing::Head if self.pulse.is_too_slow() => {
                self.refuse(Refusal::Slow);
                true
            }
            Missing::Body if self.pulse.is_too_slow() => {
                self.state = State::Broken;
                true
            }
            // Whoever has sent a request by now gets an answer.
            Missing::Request
                if self.pulse.is_closing() && self.pulse.is_quiet() && !self.socket.has_unread() =>
            {
                self.state = State::Ended;
                true
            }
            Missing::Nothing | Missing::Request | Missing::Head | Missing::Body => false,
        }
    }

    /// The socket has come to its end.
    fn ended(&mut self) {
        self.state = State::Ended;
        if !self.held.is_empty() {
            self.refuse(Refusal::Truncated);
        }
    }
}

impl<S: Socket> AsyncRead for Gate<S> {
    /// Pending only if the socket is, or if nothing will ever come.
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let gate = &mut *self;
        loop {
            if gate.hand_over(buffer) {
                return Poll::Ready(Ok(()));
            }
            match gate.state {
                State::Open => {}
                // hyper must not see the end, or it would not answer.
                State::Refused => return Poll::Pending,
                State::Broken if gate.pulse.is_too_slow() => {
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
                State::Broken => return Poll::Ready(Err(io::ErrorKind::InvalidData.into())),
                State::Ended => return Poll::Ready(Ok(())),
            }
            let before = buffer.filled().len();
            match Pin::new(&mut gate.socket).poll_read(context, buffer)? {
                Poll::Ready(()) => {
                    let fresh = buffer.filled().len() - before;
                    if fresh == 0 {
                        gate.ended();
                        continue;
                    }
                    gate.read_bytes += fresh as u64;
                    gate.pulse.read(gate.read_bytes);
                    gate.judge(buffer, before);
                    if buffer.filled().len() > before {
                        return Poll::Ready(Ok(()));
                    }
                }
                Poll::Pending if gate.has_waited_enough() => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl<S: Socket> Gate<S> {
    fn note_write(&mut self, wrote: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &wrote {
            Poll::Ready(Ok(bytes)) => {
                self.written_bytes += *bytes as u64;
                self.pulse.wrote(self.written_bytes);
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.pulse.write_blocked(true),
        }
        wrote
    }

    /// Reads and throws away, until the caller has closed or has sent more than it may.
    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut scratch = [std::mem::MaybeUninit::uninit(); LINGER_READ_BYTES];
        loop {
            let mut scratch = ReadBuf::uninit(&mut scratch);
            let read = ready!(Pin::new(&mut self.socket).poll_read(context, &mut scratch));
            let bytes = scratch.filled().len() as u64;
            match self.linger_bytes.checked_sub(bytes) {
                Some(left) if read.is_ok() && bytes > 0 => self.linger_bytes = left,
                _ => return Poll::Ready(()),
            }
        }
    }
}

impl<S: Socket> AsyncWrite for Gate<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.socket).poll_write(context, bytes);
        self.note_write(wrote)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.socket).poll_write_vectored(context, slices);
        self.note_write(wrote)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.socket).poll_flush(context);
        self.pulse.write_blocked(flushed.is_pending());
        flushed
    }

    /// Says that no more will come, then waits for the caller to close, too: bytes of his that nobody reads would make
    /// the kernel reset the connection, and with that take away the answer that he has not read yet.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_shut {
            ready!(Pin::new(&mut self.socket).poll_shutdown(context))?;
            self.is_shut = true;
        }
        if self.state != State::Ended {
            self.pulse.stage(Stage::Linger);
            ready!(self.poll_linger(context));
            self.state = State::Ended;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: Socket> Drop for Gate<S> {
    fn drop(&mut self) {
        if self.pulse.is_broken_off() {
            self.socket.reset_at_close();
        }
    }
}

/// Bytes of an endless line between two looks at it.
const RESCAN_BYTES: usize = 1024;

const LINGER_READ_BYTES: usize = 16 * 1024;
