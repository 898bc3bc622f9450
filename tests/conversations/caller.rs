//! A caller over real sockets: sends what a conversation says and compares what comes back.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    thread,
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, StatusCode, header};

use super::{
    conversation::{Conversation, Turn},
    message::{Got, Lambda},
    template::{Known, Word},
    told::{Told, ToldLambda},
};

/// Calls a gateway, and tells the Lambda behind it what to expect.
pub(crate) struct Caller {
    pub(crate) gateway: SocketAddr,
    /// The same gateway in front of nobody, for what happens then. The first one serves where it can be told so.
    pub(crate) in_front_of_nobody: Option<SocketAddr>,
    pub(crate) lambda: Arc<ToldLambda>,
    /// Headers of answers that are compared only where they are listed.
    pub(crate) unlisted: &'static [HeaderName],
}

impl Caller {
    /// Replays every turn, each on a connection of its own.
    ///
    /// # Errors
    /// Where the gateway says something else than the file.
    pub(crate) fn replay(&self, told: Conversation) -> Result<(), String> {
        let path = told.path;
        told.turns.into_iter().enumerate().try_for_each(|(index, turn)| {
            self.turn(turn).map_err(|error| format!("{path} turn {} over a socket: {error}", index + 1))
        })
    }

    fn turn(&self, turn: Turn) -> Result<(), String> {
        let mut caller = TcpStream::connect(self.address(&turn)).map_err(|error| error.to_string())?;
        caller.set_read_timeout(Some(PATIENCE)).map_err(|error| error.to_string())?;
        let peer = caller.local_addr().map_err(|error| error.to_string())?;
        let asked = turn.call.is_some() && self.address(&turn) == self.gateway;
        self.lambda.expect(turn.call, Known::from([(Word::Peer, peer.to_string())]));
        let mut got = exchange(&mut caller, &turn.request.head.method, turn.request.raw)
            .map_err(|error| error.to_string())?;
        let Told { call, mut known, difference } = self.lambda.take();
        if let Some(difference) = difference {
            return Err(difference);
        }
        if asked && call.is_some() {
            return Err(format!("Lambda was not asked, and the caller got {}", got.head.status));
        }
        for name in self.unlisted.iter().filter(|name| !turn.response.lists(name)) {
            got.head.headers.remove(name);
        }
        turn.response.check(&got, &mut known)
    }

    fn address(&self, turn: &Turn) -> SocketAddr {
        let nobody = self.in_front_of_nobody.filter(|_| matches!(turn.call, Some((_, Lambda::Unreachable))));
        nobody.unwrap_or(self.gateway)
    }
}

/// Sends the bytes as they are and reads one response.
pub(crate) fn exchange(caller: &mut TcpStream, method: &Method, raw: Bytes) -> io::Result<Got> {
    let mut sending = caller.try_clone()?;
    // A request that is refused early may be refused while it is still being sent, so both go on at once.
    let sender = thread::spawn(move || sending.write_all(&raw));
    let response = read_response(caller, method)?;
    caller.shutdown(std::net::Shutdown::Both)?;
    let _refused_early = sender.join().expect("the sender does not panic");
    Ok(response)
}

fn read_response(caller: &mut TcpStream, method: &Method) -> io::Result<Got> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        read_more(caller, &mut bytes)?;
    };
    let text = String::from_utf8(bytes[..end].to_vec()).map_err(io::Error::other)?;
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
    let (mut head, ()) = http::Response::new(()).into_parts();
    head.status = status.parse::<StatusCode>().map_err(io::Error::other)?;
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        let name: HeaderName = name.parse().map_err(io::Error::other)?;
        head.headers.append(name, value.parse().map_err(io::Error::other)?);
    }
    let mut rest = bytes.split_off(end + 4);
    let (body, is_cut) = if *method == Method::HEAD {
        (rest, false)
    } else if head.headers.contains_key(header::TRANSFER_ENCODING) {
        read_chunks(caller, rest)?
    } else {
        let length = content_length(&head.headers)?;
        while rest.len() < length {
            read_more(caller, &mut rest)?;
        }
        (rest, false)
    };
    Ok(Got { head, body, is_cut })
}

fn content_length(headers: &HeaderMap) -> io::Result<usize> {
    let Some(length) = headers.get(header::CONTENT_LENGTH) else { return Ok(0) };
    let length = length.to_str().ok().and_then(|length| length.parse().ok());
    length.ok_or_else(|| io::Error::other("content-length"))
}

/// A body in chunks, and whether the connection was closed before the last of them.
fn read_chunks(caller: &mut TcpStream, mut chunks: Vec<u8>) -> io::Result<(Vec<u8>, bool)> {
    loop {
        let (body, is_whole) = dechunk(&chunks);
        if is_whole {
            return Ok((body, false));
        }
        match read_more(caller, &mut chunks) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok((body, true)),
            read => read?,
        }
    }
}

/// As much of the body as there is, and whether there is the last chunk.
fn dechunk(mut chunks: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(end) = chunks.windows(2).position(|window| window == b"\r\n") {
        let length = std::str::from_utf8(&chunks[..end]).ok();
        let length = length.and_then(|digits| usize::from_str_radix(digits, 16).ok());
        let (length, rest) = (length.expect("a chunk's length"), &chunks[end + 2..]);
        if length == 0 {
            return (body, rest == b"\r\n");
        }
        body.extend_from_slice(&rest[..length.min(rest.len())]);
        chunks = rest.get(length + 2..).unwrap_or_default();
    }
    (body, false)
}

fn read_more(caller: &mut TcpStream, bytes: &mut Vec<u8>) -> io::Result<()> {
    let mut piece = [0; 64 * 1024];
    match caller.read(&mut piece)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        read => {
            bytes.extend_from_slice(&piece[..read]);
            Ok(())
        }
    }
}

/// Far beyond what any conversation takes; only a gateway that hangs gets there.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
