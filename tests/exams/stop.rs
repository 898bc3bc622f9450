//! Exam R7: SIGTERM while calls run, fifty times. Whoever had sent a request by then gets a whole answer.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

use super::{
    Report,
    gateway::{FUNCTION, Gateway, secret},
    lambda,
};

pub(crate) async fn run() -> io::Result<Report> {
    let lambda = lambda::start(FUNCTION_TIME).await?;
    let (mut sent, mut cut, mut badly, mut longest) = (0, 0, 0, Duration::ZERO);
    for _ in 0..TIMES {
        let mut gateway = Gateway::start(lambda, 1_000)?;
        let ending = Arc::<AtomicBool>::default();
        let callers: JoinSet<_> = (0..CALLERS)
            .map(|index| call_until(gateway.address, Arc::clone(&ending), index % 2 == 0))
            .collect();
        tokio::time::sleep(Duration::from_millis(300)).await;
        ending.store(true, SeqCst);
        gateway.signal(Signal::SIGTERM)?;
        let signalled = Instant::now();
        for (asked, lost) in callers.join_all().await {
            sent += asked;
            cut += lost;
        }
        let status =
            tokio::task::spawn_blocking(move || gateway.wait()).await.map_err(io::Error::other)??;
        longest = longest.max(signalled.elapsed());
        badly += usize::from(!status.success());
    }
    Ok(vec![
        (format!("{cut} of {sent} calls cut in {TIMES} ends"), cut == 0 && sent > TIMES * CALLERS),
        (format!("{badly} ends with a code other than 0"), badly == 0),
        (format!("the longest end took {longest:?}"), longest <= Duration::from_secs(30)),
    ])
}

/// Calls again and again, on one connection or on a fresh one each time, until `ending`. How many calls were sent whole
/// before that, and how many of them got no whole answer.
async fn call_until(address: SocketAddr, ending: Arc<AtomicBool>, keeps: bool) -> (usize, usize) {
    let (mut asked, mut lost, mut kept) = (0, 0, None);
    let request = format!(
        "POST /function/{FUNCTION} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nContent-Length: 5\r\n\r\nhello",
        secret(0)
    );
    while !ending.load(SeqCst) {
        let stream = match kept.take() {
            Some(stream) => Ok(stream),
            None => TcpStream::connect(address).await,
        };
        let Ok(mut stream) = stream else { continue };
        // No other task runs between this look and the first byte's being with the kernel, nor does the signal come.
        if ending.load(SeqCst) {
            break;
        }
        if stream.write_all(request.as_bytes()).await.is_err() {
            lost += 1;
            continue;
        }
        asked += 1;
        let mut answer = Vec::new();
        let mut piece = [0; 4096];
        let whole = loop {
            match stream.read(&mut piece).await {
                Ok(read) if read > 0 => answer.extend_from_slice(&piece[..read]),
                Ok(_) | Err(_) => break false,
            }
            if answer.ends_with(b"of a function\"}") {
                break answer.starts_with(b"HTTP/1.1 200 ");
            }
        };
        lost += usize::from(!whole);
        kept = (keeps && whole).then_some(stream);
    }
    (asked, lost)
}

const TIMES: usize = 50;
const CALLERS: usize = 64;
const FUNCTION_TIME: Duration = Duration::from_millis(20);
