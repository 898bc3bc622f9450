//! Where callbacks arrive.

use std::{
    collections::BTreeMap,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread,
    time::Duration,
};

/// A receiver on ports of its own, each of which is a host to whoever posts.
pub(crate) struct Sink {
    pub(crate) address: SocketAddr,
    pub(crate) addresses: Vec<SocketAddr>,
    arrived: Mutex<Vec<Callback>>,
    news: Condvar,
    /// Is this one answered with 503? By those that arrived before.
    refuses: fn(&[Callback], &Callback) -> bool,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Callback {
    pub(crate) path: String,
    /// By their names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
    pub(crate) refused: bool,
}

impl Sink {
    pub(crate) fn start(refuses: fn(&[Callback], &Callback) -> bool) -> Arc<Self> {
        Self::of_hosts(1, refuses)
    }

    /// As so many hosts: each is sent 50 callbacks a second at most.
    pub(crate) fn of_hosts(hosts: usize, refuses: fn(&[Callback], &Callback) -> bool) -> Arc<Self> {
        let listeners: Vec<_> =
            (0..hosts).map(|_| TcpListener::bind("127.0.0.1:0").expect("a port")).collect();
        let addresses: Vec<_> =
            listeners.iter().map(|listener| listener.local_addr().expect("it is bound")).collect();
        let (arrived, news) = (Mutex::default(), Condvar::new());
        let sink = Arc::new(Self { address: addresses[0], addresses, arrived, news, refuses });
        for listener in listeners {
            let sink = Arc::clone(&sink);
            thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    let sink = Arc::clone(&sink);
                    // What breaks was cut by whoever sent it.
                    thread::spawn(move || sink.take(stream));
                }
            });
        }
        sink
    }

    /// Waits until `holds` of all that arrived; looks at each arrival. Is it false, nothing has come for `quiet`.
    pub(crate) fn until(&self, quiet: Duration, mut holds: impl FnMut(&[Callback]) -> bool) -> bool {
        let mut arrived = self.arrived();
        while !holds(&arrived) {
            let before = arrived.len();
            let waited = self.news.wait_timeout_while(arrived, quiet, |arrived| arrived.len() == before);
            let (more, timed_out) = waited.expect("no holder panics");
            if timed_out.timed_out() {
                return false;
            }
            arrived = more;
        }
        true
    }

    pub(crate) fn arrived(&self) -> MutexGuard<'_, Vec<Callback>> {
        self.arrived.lock().expect("no holder panics")
    }

    fn take(&self, stream: TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut headers = BTreeMap::new();
        loop {
            line.clear();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let length = headers.get("content-length").and_then(|length| length.parse().ok());
        let mut body = vec![0; length.ok_or(io::ErrorKind::InvalidData)?];
        reader.read_exact(&mut body)?;
        let body = String::from_utf8(body).map_err(io::Error::other)?;
        let mut callback = Callback { path, headers, body, refused: false };
        {
            let mut arrived = self.arrived();
            callback.refused = (self.refuses)(&arrived, &callback);
            arrived.push(callback.clone());
            self.news.notify_all();
        }
        let status = if callback.refused { "503 Service Unavailable" } else { "200 OK" };
        write!(reader.get_mut(), "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    }
}
