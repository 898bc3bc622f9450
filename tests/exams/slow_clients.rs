//! Exam E4: what thousands of slow callers do to a good one, and to memory.
//!
//! ```text
//! cargo run --release --example slow_clients
//! ```
//!
//! A front in a process of its own; 5,000 connections that send a byte of a head every 5 s, 1,000 that send a byte of a
//! body every 5 s, 1,000 that read 1 KiB of a large answer every second. Linux.

use std::{
    io::{self, BufRead as _, BufReader, Write as _},
    net::SocketAddr,
    num::NonZeroUsize,
    process::{Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::Response;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use stayput::{
    body::Body,
    buffer::BufferBudget,
    front::{Limits, Listening, serve},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

fn main() -> io::Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if std::env::args().nth(1).as_deref() == Some("front") {
        return runtime.block_on(front());
    }
    let mut child = Command::new(std::env::current_exe()?)
        .arg("front")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut line)?;
    let address = line.trim().parse().expect("an address");
    let measured = runtime.block_on(measure(address, child.id()));
    child.kill()?;
    child.wait()?;
    measured
}

/// Answers `/large` with 6 MiB, anything else with what it was sent.
async fn front() -> io::Result<()> {
    let listening = Listening::bind(SocketAddr::from(([127, 0, 0, 1], 0)), NonZeroUsize::MIN)?;
    writeln!(io::stdout(), "{}", listening.local_addr())?;
    let (budget, large) = (BufferBudget::new(256 << 20), Bytes::from(vec![b'x'; LARGE_BYTES]));
    let handler = move |request: http::Request<hyper::body::Incoming>, _| {
        let (budget, large) = (budget.clone(), large.clone());
        async move {
            let (head, mut body) = request.into_parts();
            if head.uri.path() == "/large" {
                return Response::new(Body::whole(large));
            }
            match budget.collect(&head.headers, &mut body, LARGE_BYTES).await {
                Ok((bytes, share)) => Response::new(Body::whole(bytes).holding(share)),
                Err(_) => Response::builder().status(400).body(Body::whole("")).expect("it is valid"),
            }
        }
    };
    serve(listening, Limits::default(), std::future::pending(), Arc::new(()), handler).await?;
    Ok(())
}

async fn measure(address: SocketAddr, front: u32) -> io::Result<()> {
    let mut out = io::stdout();
    good(address, Duration::from_secs(1)).await;
    let idle = good(address, Duration::from_secs(5)).await;
    let before = memory_kib(front)?;
    writeln!(out, "idle: {idle}; {before} KiB resident")?;

    let heads = Arc::new(Gone::default());
    let begun = Instant::now();
    for _ in 0..SLOW_HEADS {
        let stream = TcpStream::connect(address).await?;
        tokio::spawn(drip(stream, b"GET / HTTP/1.1\r\nHost: a\r\nX: ", Arc::clone(&heads)));
    }
    let bodies = Arc::new(Gone::default());
    for _ in 0..SLOW_BODIES {
        let stream = TcpStream::connect(address).await?;
        let head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n";
        tokio::spawn(drip(stream, head, Arc::clone(&bodies)));
    }
    for _ in 0..SLOW_READERS {
        tokio::spawn(sip(TcpStream::connect(address).await?));
    }
    let connected = begun.elapsed();
    let attacked = good(address, Duration::from_secs(2)).await;
    let during = memory_kib(front)?;
    let later = good(address, Duration::from_secs(15)).await;
    let connections = SLOW_HEADS + SLOW_BODIES + SLOW_READERS;
    writeln!(out, "{connections} slow connections, made in {connected:?}")?;
    writeln!(out, "at once: {attacked}; {during} KiB resident, {:.1} KiB a connection", {
        f64::from(u32::try_from(during.saturating_sub(before)).unwrap_or(u32::MAX))
            / f64::from(u32::try_from(connections).unwrap_or(u32::MAX))
    })?;
    writeln!(out, "later: {later}; {} KiB resident", memory_kib(front)?)?;
    writeln!(out, "slow heads gone: {heads}; slow bodies gone: {bodies}")
}

/// Good requests on one connection for a while, one after the other.
async fn good(address: SocketAddr, time: Duration) -> String {
    let (mut took, mut failed) = (Vec::new(), 0);
    let begun = Instant::now();
    while begun.elapsed() < time {
        let Ok(mut stream) = TcpStream::connect(address).await else {
            failed += 1;
            continue;
        };
        for _ in 0..100 {
            let asked = Instant::now();
            let request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
            let mut answer = [0; 512];
            let read = match stream.write_all(request).await {
                Ok(()) => stream.read(&mut answer).await.unwrap_or(0),
                Err(_) => 0,
            };
            if !answer[..read].ends_with(b"hello") {
                failed += 1;
                break;
            }
            took.push(asked.elapsed());
            // A caller with something else to do, so that this is latency and not load.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    took.sort_unstable();
    let at = |percent: usize| took.get(took.len() * percent / 100).copied().unwrap_or_default();
    format!("{} good requests, {failed} failed, p50 {:?}, p99 {:?}", took.len(), at(50), at(99))
}

/// When connections were closed on those who sent too slowly.
#[derive(Debug, Default)]
struct Gone {
    count: AtomicUsize,
    last: Mutex<Duration>,
}

impl std::fmt::Display for Gone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let last = self.last.lock().expect("no holder panics");
        write!(f, "{} (the longest had {last:?})", self.count.load(SeqCst))
    }
}

async fn drip(mut stream: TcpStream, begin: &'static [u8], gone: Arc<Gone>) {
    let begun = Instant::now();
    let mut sent = stream.write_all(begin).await;
    while sent.is_ok() {
        let mut byte = [0; 256];
        match tokio::time::timeout(Duration::from_secs(5), stream.read(&mut byte)).await {
            Ok(_) => break,
            Err(_) => sent = stream.write_all(b"x").await,
        }
    }
    gone.count.fetch_add(1, SeqCst);
    let mut last = gone.last.lock().expect("no holder panics");
    *last = begun.elapsed().max(*last);
}

async fn sip(mut stream: TcpStream) {
    let mut sip = [0; 1024];
    if stream.write_all(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await.is_err() {
        return;
    }
    while stream.read(&mut sip).await.is_ok_and(|read| read > 0) {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

fn memory_kib(process: u32) -> io::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next()).and_then(|text| text.parse().ok());
    number.ok_or_else(|| io::Error::other("no VmRSS"))
}

const SLOW_HEADS: usize = 5_000;
const SLOW_BODIES: usize = 1_000;
const SLOW_READERS: usize = 1_000;
const LARGE_BYTES: usize = 6 << 20;
