//! The program is killed again and again while calls are accepted, run and called back: not one that it answered with 202
//! is lost. The exam R1 in small.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::fs::PermissionsExt as _,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;

use super::running::{Running, eventually, folder};

#[test]
#[expect(clippy::print_stdout, reason = "the figures are what the exam is for")]
fn no_accepted_call_is_lost_however_often_the_program_is_killed() {
    let sink = Arc::new(Sink::default());
    let receiver = sink.listen().expect("a port");
    let (accepted, next) = (Arc::new(Mutex::new(BTreeMap::new())), Arc::new(AtomicUsize::new(0)));
    let mut place = folder();
    let bootstrap = place.path().join("bootstrap");
    fs::write(&bootstrap, include_bytes!("kills/bootstrap")).expect("a file");
    fs::set_permissions(&bootstrap, fs::Permissions::from_mode(0o755)).expect("it is ours");
    let mut slowest = Duration::ZERO;
    for kill in 0..KILLS {
        let begun = Instant::now();
        let running = Running::with(place, TEMPLATE, &["--no-watch"]);
        slowest = slowest.max(begun.elapsed());
        let gateway = running.shown.gateway.trim_start_matches("http://").parse().expect("an address");
        let killed = Arc::new(AtomicBool::new(false));
        let callers: Vec<_> = (0..CALLERS)
            .map(|_| {
                let (accepted, next) = (Arc::clone(&accepted), Arc::clone(&next));
                let killed = Arc::clone(&killed);
                thread::spawn(move || call_until(gateway, receiver, &killed, &next, &accepted))
            })
            .collect();
        // Another moment each time: from right after the first 202 to far into the callbacks.
        let enough = accepted.lock().expect("no holder panics").len() + 1 + kill * 37 % 150;
        eventually(PATIENCE, "calls are accepted", || {
            accepted.lock().expect("no holder panics").len() >= enough
        });
        running.signal(Signal::SIGKILL);
        killed.store(true, SeqCst);
        callers.into_iter().for_each(|caller| caller.join().expect("a caller"));
        place = running.kept();
    }
    let accepted =
        Arc::try_unwrap(accepted).expect("all callers have ended").into_inner().expect("none panicked");
    let begun = Instant::now();
    let running = Running::with(place, TEMPLATE, &["--no-watch"]);
    slowest = slowest.max(begun.elapsed());
    let missing = || {
        let told = sink.told.lock().expect("no holder panics");
        let missing: Vec<_> = accepted.keys().filter(|number| !told.contains_key(*number)).copied().collect();
        missing
    };
    eventually(PATIENCE, "every accepted call is called back", || missing().is_empty());
    drop(running);

    let told = sink.told.lock().expect("no holder panics");
    let mut ids = BTreeSet::new();
    for (number, callbacks) in told.iter() {
        let (id, body) = &callbacks[0];
        assert!(*number < next.load(SeqCst), "call {number} was never made");
        assert_eq!(body, &format!("call {number}"));
        assert!(callbacks.iter().all(|callback| callback == &callbacks[0]), "{number}: {callbacks:?}");
        assert!(accepted.get(number).is_none_or(|accepted| accepted == id), "{number} is called {id}");
        assert!(ids.insert(id), "{id} is two calls");
    }
    let callbacks: usize = told.values().map(Vec::len).sum();
    let repeated = callbacks - told.len() - sink.refused.load(SeqCst);
    println!(
        "{} calls accepted, {KILLS} kills, 0 lost; {repeated} callbacks taken more than once; slowest start {slowest:?}",
        accepted.len()
    );
    assert!(accepted.len() > 1_000, "{} calls are no exam", accepted.len());
    assert!(repeated <= KILLS * UNDER_WAY, "{repeated} repeated");
    assert!(slowest < Duration::from_secs(5), "a start took {slowest:?}");
}

/// Makes calls until the program dies under them; remembers those that were accepted, with the id that it gave them.
fn call_until(
    gateway: SocketAddr,
    receiver: SocketAddr,
    killed: &AtomicBool,
    next: &AtomicUsize,
    accepted: &Mutex<BTreeMap<usize, String>>,
) {
    while !killed.load(SeqCst) {
        let number = next.fetch_add(1, SeqCst);
        if let Ok(Some(id)) = call(gateway, receiver, number) {
            accepted.lock().expect("no holder panics").insert(number, id);
        }
    }
}

fn call(gateway: SocketAddr, receiver: SocketAddr, number: usize) -> io::Result<Option<String>> {
    let mut stream = TcpStream::connect(gateway)?;
    let body = format!("call {number}");
    let length = body.len();
    write!(
        stream,
        "POST /async-function/echo HTTP/1.1\r\nHost: a\r\nX-Callback-Url: http://{receiver}/{number}\r\n\
         Content-Type: text/plain\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let id = answer.lines().find_map(|line| line.strip_prefix("x-call-id: "));
    Ok(id.filter(|_| answer.starts_with("HTTP/1.1 202 ")).map(str::to_owned))
}

/// Takes callbacks; of some the first is refused.
#[derive(Default)]
struct Sink {
    /// Of each call: `webhook-id` and body, of each callback.
    told: Mutex<BTreeMap<usize, Vec<(String, String)>>>,
    refused: AtomicUsize,
}

impl Sink {
    fn listen(self: &Arc<Self>) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let sink = Arc::clone(self);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let sink = Arc::clone(&sink);
                thread::spawn(move || sink.take(stream));
            }
        });
        Ok(address)
    }

    /// What breaks was cut by a kill.
    fn take(&self, stream: TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(stream);
        let (mut number, mut id, mut length) = (None, String::new(), 0);
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let line = line.trim_end();
            if let Some(path) = line.strip_prefix("POST /") {
                number = path.split(' ').next().and_then(|number| number.parse::<usize>().ok());
            } else if let Some(value) = line.strip_prefix("webhook-id: ") {
                id = value.to_owned();
            } else if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.parse().map_err(io::Error::other)?;
            } else if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let number = number.ok_or(io::ErrorKind::InvalidData)?;
        let body = String::from_utf8(body).map_err(io::Error::other)?;
        let first = {
            let mut told = self.told.lock().expect("no holder panics");
            let callbacks = told.entry(number).or_default();
            callbacks.push((id, body));
            callbacks.len() == 1
        };
        let refuses = first && number % REFUSES_ONE_OF == 0;
        self.refused.fetch_add(usize::from(refuses), SeqCst);
        let status = if refuses { "503 Service Unavailable" } else { "200 OK" };
        write!(reader.get_mut(), "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    }
}

const KILLS: usize = 24;
const CALLERS: usize = 8;
const REFUSES_ONE_OF: usize = 20;

/// Callbacks that the deliverer has under way at most.
const UNDER_WAY: usize = 256;

/// Only waited for when something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

const TEMPLATE: &str = "\
Transform: AWS::Serverless-2016-10-31
Resources:
  Echo:
    Type: AWS::Serverless::Function
    Properties: {FunctionName: echo, Runtime: provided.al2023, Handler: bootstrap, CodeUri: ., Timeout: 60}
";
