//! One environment's log: what its processes print and the lines that Lambda adds, in one order.

use std::{
    cell::RefCell,
    fmt, io,
    os::fd::OwnedFd,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use http::HeaderValue;
use lambda_protocol::log_tail::LogTail;
use nix::{errno::Errno, unistd};
use tokio::{net::unix::pipe, sync::Notify};
use uuid::{Uuid, fmt::Hyphenated};

use super::LogSink;

/// Takes output apart into lines for the terminal and keeps the tail of the running invocation.
///
/// It may print what it likes: memory holds one unfinished line of at most [`LINE_BYTES`], one reading, and the
/// tail. While the terminal has no room the pipe is not read, so the function waits in its own write.
#[derive(Debug)]
pub(crate) struct Output {
    function: String,
    sink: LogSink,
    state: Mutex<State>,
    /// Rung when lines are left that the terminal had no room for.
    left: Notify,
}

#[derive(Debug)]
struct State {
    /// The read end of the pipe of the process that runs now.
    pipe: Option<Arc<pipe::Receiver>>,
    /// The last invocation that began.
    request_id: Option<Uuid>,
    /// Stands before each line.
    label: [u8; LABEL_DIGITS],
    /// A line whose end has not been printed yet.
    line: Vec<u8>,
    /// Lines for the terminal, prefixed.
    unsent: Vec<u8>,
    left_out: usize,
    /// START to REPORT of the running invocation, if its caller asked for the tail.
    tail: Option<LogTail>,
}

/// How a reading went.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Reading {
    Some,
    /// Nothing is in the pipe for now.
    Nothing,
    /// All who could write have gone.
    Closed,
}

impl Output {
    pub(crate) fn new(function: &str, sink: LogSink) -> Self {
        let state = State {
            pipe: None,
            request_id: None,
            label: *INIT_LABEL,
            line: Vec::new(),
            unsent: Vec::new(),
            left_out: 0,
            tail: None,
        };
        Self { function: function.to_owned(), sink, state: Mutex::new(state), left: Notify::new() }
    }

    /// A pipe for a new process: the end that it writes to, and the task that reads the other until it closes.
    ///
    /// # Errors
    /// This process has no file descriptor left.
    pub(crate) fn connect(self: &Arc<Self>) -> io::Result<(OwnedFd, impl Future<Output = ()> + use<>)> {
        let (read, write) = io::pipe()?;
        let pipe = Arc::new(pipe::Receiver::from_owned_fd(read.into())?);
        self.lock().pipe = Some(Arc::clone(&pipe));
        let output = Arc::clone(self);
        Ok((write.into(), async move { output.follow(&pipe).await }))
    }

    async fn follow(&self, pipe: &pipe::Receiver) {
        loop {
            tokio::select! {
                ready = pipe.readable() => if ready.is_err() { return },
                () = self.left.notified() => {}
            }
            self.flushed().await;
            let mut state = self.lock();
            // Through the receiver, so that it waits again once there is nothing.
            let read = pipe.try_io(|| match self.read(&mut state, pipe) {
                Reading::Nothing => Err(io::ErrorKind::WouldBlock.into()),
                reading => Ok(reading),
            });
            let closed = matches!(read, Ok(Reading::Closed));
            if closed {
                self.finish_line(&mut state);
            }
            self.send(&mut state);
            if closed {
                return;
            }
        }
    }

    /// Waits until the terminal has taken every line so far.
    pub(crate) async fn flushed(&self) {
        loop {
            self.sink.room().await;
            let mut state = self.lock();
            self.send(&mut state);
            if state.unsent.is_empty() {
                return;
            }
        }
    }

    /// An invocation begins; `start` is its first line. What was printed before is not part of its tail.
    pub(crate) fn begin(&self, request_id: Uuid, keep_tail: bool, start: impl fmt::Display) {
        if self.sink.is_silent() && !keep_tail {
            return;
        }
        let mut state = self.lock();
        if keep_tail {
            self.drain(&mut state);
        }
        self.finish_line(&mut state);
        (state.request_id, state.label) = (Some(request_id), label(request_id));
        state.tail = keep_tail.then(LogTail::new);
        self.platform_line(&mut state, start);
        self.send(&mut state);
    }

    /// The invocation's answer is known: everything printed so far is part of it, and `lines` are its last.
    /// `X-Amz-Log-Result`, if it was asked for.
    pub(crate) fn end(&self, lines: &[&dyn fmt::Display]) -> Option<HeaderValue> {
        let mut state = self.lock();
        if self.sink.is_silent() && state.tail.is_none() {
            return None;
        }
        self.drain(&mut state);
        self.finish_line(&mut state);
        for line in lines {
            self.platform_line(&mut state, line);
        }
        self.send(&mut state);
        state.tail.take().map(|tail| tail.to_header())
    }

    /// Whether anybody will see the lines of the running invocation.
    pub(crate) fn is_seen(&self) -> bool {
        !self.sink.is_silent() || self.lock().tail.is_some()
    }

    /// A line of the service's own, outside an invocation's START and REPORT or between them.
    pub(crate) fn note(&self, line: impl fmt::Display) {
        let mut state = self.lock();
        self.drain(&mut state);
        self.finish_line(&mut state);
        self.platform_line(&mut state, line);
        self.send(&mut state);
    }

    /// Reads what is in the pipe now. A function that prints faster than this reads does not keep it here.
    fn drain(&self, state: &mut State) {
        let Some(pipe) = state.pipe.clone() else { return };
        for _ in 0..DRAIN_READINGS {
            match self.read(state, &pipe) {
                Reading::Some => {}
                Reading::Nothing => return,
                Reading::Closed => {
                    state.pipe = None;
                    return;
                }
            }
        }
    }

    fn read(&self, state: &mut State, pipe: &pipe::Receiver) -> Reading {
        CHUNK.with_borrow_mut(|chunk| {
            chunk.resize(CHUNK_BYTES, 0);
            loop {
                match unistd::read(pipe, chunk) {
                    Ok(0) => return Reading::Closed,
                    Ok(len) => {
                        self.take(state, &chunk[..len]);
                        return Reading::Some;
                    }
                    Err(Errno::EINTR) => {}
                    Err(Errno::EAGAIN) => return Reading::Nothing,
                    Err(_) => return Reading::Closed,
                }
            }
        })
    }

    fn take(&self, state: &mut State, mut bytes: &[u8]) {
        state.keep(bytes);
        if self.sink.is_silent() {
            return;
        }
        while let Some(at) = memchr::memchr(b'\n', bytes) {
            let (line, rest) = bytes.split_at(at + 1);
            self.take_piece(state, line);
            bytes = rest;
        }
        self.take_piece(state, bytes);
    }

    /// A piece of a line, cut where it becomes too long. It ends the line if it ends in a line feed.
    fn take_piece(&self, state: &mut State, mut piece: &[u8]) {
        while state.line.len() + piece.len() > LINE_BYTES {
            let (fits, rest) = piece.split_at(LINE_BYTES - state.line.len());
            state.line.extend_from_slice(fits);
            self.finish_line(state);
            piece = rest;
        }
        if let Some(end) = piece.strip_suffix(b"\n") {
            let start = std::mem::take(&mut state.line);
            self.print(state, &[&start, end]);
            state.line = start;
            state.line.clear();
        } else {
            state.line.extend_from_slice(piece);
        }
    }

    fn finish_line(&self, state: &mut State) {
        if !state.line.is_empty() {
            let line = std::mem::take(&mut state.line);
            self.print(state, &[&line]);
        }
    }

    fn platform_line(&self, state: &mut State, line: impl fmt::Display) {
        let line = line.to_string();
        state.keep(line.as_bytes());
        if !self.sink.is_silent() {
            line.lines().for_each(|line| self.print(state, &[line.as_bytes()]));
        }
    }

    fn print(&self, state: &mut State, line: &[&[u8]]) {
        if let Some(request_id) = state.request_id {
            self.sink.watch(request_id, line);
        }
        self.print_unseen(state, line);
    }

    /// To the terminal alone.
    fn print_unseen(&self, state: &mut State, line: &[&[u8]]) {
        if state.unsent.len() >= UNSENT_BYTES {
            state.left_out += 1;
            return;
        }
        let State { unsent, label, .. } = state;
        for part in [self.function.as_bytes(), b" ", &label[..], b" | "].iter().chain(line) {
            unsent.extend_from_slice(part);
        }
        unsent.push(b'\n');
    }

    fn send(&self, state: &mut State) {
        self.sink.append(&mut state.unsent);
        if state.unsent.is_empty() && state.left_out > 0 {
            let left_out = std::mem::take(&mut state.left_out);
            let line = format!("({left_out} lines left out: the terminal is too slow for them)");
            self.print_unseen(state, &[line.as_bytes()]);
            self.sink.append(&mut state.unsent);
        }
        if !state.unsent.is_empty() {
            self.left.notify_one();
        } else if state.unsent.capacity() > CHUNK_BYTES {
            state.unsent = Vec::new();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn keep(&mut self, bytes: &[u8]) {
        if let Some(tail) = &mut self.tail {
            tail.push(bytes);
        }
    }
}

/// The last digits of an id: the first ones of a time-ordered id stay the same for a minute.
fn label(request_id: Uuid) -> [u8; LABEL_DIGITS] {
    let mut text = [0; Hyphenated::LENGTH];
    request_id.hyphenated().encode_lower(&mut text);
    let mut label = [0; LABEL_DIGITS];
    label.copy_from_slice(&text[Hyphenated::LENGTH - LABEL_DIGITS..]);
    label
}

thread_local! {
    /// One for all environments of a thread: a thousand of them would else hold a thousand.
    static CHUNK: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What a process prints before its first invocation is labelled so.
const INIT_LABEL: &[u8; LABEL_DIGITS] = b"    init";

/// Digits of the request id that stand before each line.
const LABEL_DIGITS: usize = 8;

/// A longer line goes to the terminal in pieces, in bytes. The tail keeps it whole. Our choice.
const LINE_BYTES: usize = 16 << 10;

/// Bytes taken out of a pipe at once: half of what Linux's pipes hold.
const CHUNK_BYTES: usize = 32 << 10;

/// Readings at the end of an invocation: together the 1 MiB that a pipe holds at most.
/// Source: pipe(7), `/proc/sys/fs/pipe-max-size`.
const DRAIN_READINGS: usize = (1 << 20) / CHUNK_BYTES;

/// Prefixed lines of one environment that the terminal has not taken, in bytes; what comes beyond is left out.
/// Only what the end of an invocation finds in the pipe can come so far.
const UNSENT_BYTES: usize = 256 << 10;
