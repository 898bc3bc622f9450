//! A Lambda that goes wrong at a stage of its choice. It counts what it is sent: nothing may come twice.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use socket2::SockRef;

/// What it does with a connection that has a request for it.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    /// What is read before anything else.
    pub(crate) reads: Reads,
    /// What is written then, as it is.
    pub(crate) writes: Vec<u8>,
    pub(crate) ends: Ends,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reads {
    Nothing,
    /// Up to the empty line, and no further than one read takes it.
    Head,
    All,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ends {
    /// The connection is closed in order.
    Close,
    /// It is reset.
    Reset,
    /// It stays open, and nothing more comes.
    Stall,
    /// The next request on it is answered by the same script.
    KeepAlive,
}

/// Listens on a port of its own until it is dropped.
pub(crate) struct Faulty {
    pub(crate) address: SocketAddr,
    script: Arc<Mutex<Script>>,
    requests: Arc<AtomicUsize>,
    connections: Arc<AtomicUsize>,
    /// Connections that stall are held here.
    _held: mpsc::Receiver<TcpStream>,
}

impl Faulty {
    pub(crate) fn start(script: Script) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let (hold, held) = mpsc::channel();
        let script = Arc::new(Mutex::new(script));
        let (requests, connections) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let seen = (Arc::clone(&script), Arc::clone(&requests), Arc::clone(&connections));
        thread::spawn(move || {
            let (script, requests, connections) = seen;
            for stream in listener.incoming().map_while(Result::ok) {
                connections.fetch_add(1, Ordering::SeqCst);
                let (script, requests, hold) = (Arc::clone(&script), Arc::clone(&requests), hold.clone());
                thread::spawn(move || {
                    let now = || script.lock().expect("no holder panics").clone();
                    // A caller who has gone is what some of these scripts are about.
                    let _gone = serve(stream, now, &requests, &hold);
                });
            }
        });
        Ok(Self { address, script, requests, connections, _held: held })
    }

    pub(crate) fn now(&self, script: Script) {
        *self.script.lock().expect("no holder panics") = script;
    }

    /// Requests of which at least the head has come, since the start.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

fn serve(
    mut stream: TcpStream,
    script: impl Fn() -> Script,
    requests: &AtomicUsize,
    hold: &mpsc::Sender<TcpStream>,
) -> io::Result<()> {
    loop {
        let mut come = Vec::new();
        let early = script().reads == Reads::Nothing;
        if !early {
            read_head(&mut stream, &mut come)?;
            requests.fetch_add(1, Ordering::SeqCst);
        }
        // Read after the request has come: a test may have changed it while this connection was idle.
        let Script { reads, writes, ends } = script();
        if reads == Reads::All {
            read_body(&mut stream, &mut come)?;
        }
        stream.write_all(&writes)?;
        match ends {
            Ends::KeepAlive => {}
            Ends::Close => return Ok(()),
            Ends::Reset => return SockRef::from(&stream).set_linger(Some(std::time::Duration::ZERO)),
            Ends::Stall => return hold.send(stream).map_err(io::Error::other),
        }
    }
}

fn read_head(stream: &mut TcpStream, come: &mut Vec<u8>) -> io::Result<()> {
    while head_end(come).is_none() {
        more(stream, come)?;
    }
    Ok(())
}

fn read_body(stream: &mut TcpStream, come: &mut Vec<u8>) -> io::Result<()> {
    read_head(stream, come)?;
    let end = head_end(come).expect("just read");
    let head = String::from_utf8_lossy(&come[..end]).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(Ok(0), str::parse).map_err(io::Error::other)?;
    while come.len() < end + length {
        more(stream, come)?;
    }
    Ok(())
}

fn head_end(come: &[u8]) -> Option<usize> {
    come.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

fn more(stream: &mut TcpStream, come: &mut Vec<u8>) -> io::Result<()> {
    let mut piece = [0; 16 * 1024];
    match stream.read(&mut piece)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        read => {
            come.extend_from_slice(&piece[..read]);
            Ok(())
        }
    }
}
