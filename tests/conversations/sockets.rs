//! A conversation replayed over real sockets: the gateway as it runs, in front of a Lambda that says what it is told.

use std::{
    future::pending,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use bytes::Bytes;
use http::{Method, StatusCode, header, request, response};
use stayput::{
    access_log::AccessLog,
    backend::{BackendError, BackendFuture, LambdaBackend, Reply, ReplyBody},
    buffer::BufferBudget,
    config::LogFormat,
    front,
    gateway::Gateway,
    metrics::Metrics,
    rules::{LiveRules, Rules},
    telemetry::Telemetry,
};
use stayput_core::Dialect;
use tokio::{net::TcpListener, runtime::Runtime, sync::oneshot};

use super::{
    conversation::{Conversation, Turn},
    message::{ExpectedInvoke, Lambda},
    setup,
    template::{Known, Word},
};

/// A gateway on a port of its own.
pub(crate) struct SocketGateway {
    address: SocketAddr,
    lambda: Arc<ToldLambda>,
    /// Dropping it ends the server.
    _stop: oneshot::Sender<()>,
    _runtime: Runtime,
}

impl SocketGateway {
    pub(crate) fn start(dialects: &'static [&'static dyn Dialect]) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let lambda = Arc::<ToldLambda>::default();
        let table = setup::table();
        let metrics = Arc::new(Metrics::new(&table));
        let gateway = Arc::new(Gateway {
            dialects,
            rules: Arc::new(LiveRules::new(Rules { table, keys: setup::keys() })),
            backend: Arc::clone(&lambda) as Arc<dyn LambdaBackend>,
            buffers: BufferBudget::new(64 << 20),
            limits: setup::limits(),
            tokens: None,
            telemetry: Telemetry::new(metrics, Arc::new(AccessLog::start(LogFormat::Text, io::sink())?)),
        });
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async move {
            let _dropped = stopped.await;
        };
        runtime.spawn(front::serve_here(
            listener,
            front::Limits::default(),
            stopped,
            Arc::new(()),
            move |request, peer| {
                let gateway = Arc::clone(&gateway);
                async move { gateway.serve(request, peer).await }
            },
        ));
        Ok(Self { address, lambda, _stop: stop, _runtime: runtime })
    }

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
        let mut caller = TcpStream::connect(self.address).map_err(|error| error.to_string())?;
        caller.set_read_timeout(Some(PATIENCE)).map_err(|error| error.to_string())?;
        let peer = caller.local_addr().map_err(|error| error.to_string())?;
        let asked = turn.call.is_some();
        self.lambda.expect(turn.call, Known::from([(Word::Peer, peer.to_string())]));
        let (head, body) = exchange(&mut caller, &turn.request.head.method, turn.request.raw)
            .map_err(|error| error.to_string())?;
        let Told { call, mut known, difference } = self.lambda.take();
        if let Some(difference) = difference {
            return Err(difference);
        }
        if asked && call.is_some() {
            return Err(format!("Lambda was not asked, and the caller got {}", head.status));
        }
        turn.response.check(&head, &body, &mut known)
    }
}

/// A Lambda that expects one call at a time and answers as it is told.
#[derive(Debug, Default)]
struct ToldLambda(Mutex<Told>);

#[derive(Debug, Default)]
struct Told {
    /// Gone once it has been asked for.
    call: Option<(ExpectedInvoke, Lambda)>,
    known: Known,
    difference: Option<String>,
}

impl ToldLambda {
    fn expect(&self, call: Option<(ExpectedInvoke, Lambda)>, known: Known) {
        *self.0.lock().expect("no holder panics") = Told { call, known, difference: None };
    }

    fn take(&self) -> Told {
        std::mem::take(&mut self.0.lock().expect("no holder panics"))
    }

    /// What to answer; `None`: nothing, ever.
    fn answer(&self, head: &request::Parts, payload: &[u8]) -> Option<Result<Reply, BackendError>> {
        let unreachable = || Some(Err(BackendError::Unreachable("nobody listens".into())));
        let mut told = self.0.lock().expect("no holder panics");
        let Some((invoke, lambda)) = told.call.take() else {
            told.difference = Some("Lambda is asked, and no --- invoke is expected".to_owned());
            return unreachable();
        };
        let known = &mut told.known;
        match invoke.check(head, payload, known).and_then(|()| lambda.reply(known)) {
            Ok(Some((head, body))) => Some(Ok(Reply { head, body: ReplyBody::Whole(body) })),
            Ok(None) => match lambda {
                Lambda::Deadline => None,
                Lambda::Unreachable | Lambda::Reply { .. } => unreachable(),
            },
            Err(difference) => {
                told.difference = Some(difference);
                unreachable()
            }
        }
    }
}

impl LambdaBackend for ToldLambda {
    fn call(&self, head: request::Parts, payload: Bytes) -> BackendFuture<'_> {
        Box::pin(async move {
            match self.answer(&head, &payload) {
                Some(answer) => answer,
                None => pending().await,
            }
        })
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
        let name: http::HeaderName = name.parse().map_err(io::Error::other)?;
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
