//! A caller over real sockets: sends what a conversation says and compares what comes back.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    thread,
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderName, Method, StatusCode, header, response};

use super::{
    conversation::{Conversation, Turn},
    message::Lambda,
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
        let (mut head, body) = exchange(&mut caller, &turn.request.head.method, turn.request.raw)
            .map_err(|error| error.to_string())?;
        let Told { call, mut known, difference } = self.lambda.take();
        if let Some(difference) = difference {
            return Err(difference);
        }
        if asked && call.is_some() {
            return Err(format!("Lambda was not asked, and the caller got {}", head.status));
        }
        for name in self.unlisted.iter().filter(|name| !turn.response.lists(name)) {
            head.headers.remove(name);
        }
        turn.response.check(&head, &body, &mut known)
    }

    fn address(&self, turn: &Turn) -> SocketAddr {
        let nobody = self.in_front_of_nobody.filter(|_| matches!(turn.call, Some((_, Lambda::Unreachable))));
        nobody.unwrap_or(self.gateway)
    }
}

/// Sends the bytes as they are and reads one response.
fn exchange(caller: &mut TcpStream, method: &Method, raw: Bytes) -> io::Result<(response::Parts, Vec<u8>)> {
    let mut sending = caller.try_clone()?;
    // A request that is refused early may be refused while it is still being sent, so both go on at once.
    let sender = thread::spawn(move || sending.write_all(&raw));
    let response = read_response(caller, method)?;
    caller.shutdown(std::net::Shutdown::Both)?;
    let _refused_early = sender.join().expect("the sender does not panic");
    Ok(response)
}

fn read_response(caller: &mut TcpStream, method: &Method) -> io::Result<(response::Parts, Vec<u8>)> {
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
    let length = match head.headers.get(header::CONTENT_LENGTH) {
        Some(length) if *method != Method::HEAD => length
            .to_str()
            .ok()
            .and_then(|length| length.parse().ok())
            .ok_or_else(|| io::Error::other("content-length"))?,
        Some(_) | None => 0,
    };
    let mut body = bytes.split_off(end + 4);
    while body.len() < length {
        read_more(caller, &mut body)?;
    }
    Ok((head, body))
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
const PATIENCE: Duration = Duration::from_secs(20);
