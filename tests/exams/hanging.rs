//! Exam D2: of ten hosts that are called back one accepts connections and never answers. What the nine others notice.

use std::{
    collections::HashMap,
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Empty;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, task::JoinSet};

use super::{
    Report,
    callers::Connection,
    laptop::{Laptop, asynchronous},
};

pub(crate) async fn run() -> io::Result<Report> {
    let (mut well, mut ill) = (Vec::new(), Vec::new());
    // In turn, as a machine has good and bad moments; each with a program and data of its own.
    for _ in 0..ROUNDS {
        well.push(round(MORE_THAN_ALLOWED, false).await?);
        ill.push(round(MORE_THAN_ALLOWED, true).await?);
    }
    let calm = [round(LESS_THAN_ALLOWED, false).await?, round(LESS_THAN_ALLOWED, true).await?];
    let per_second = |seen: &[Seen]| seen.iter().map(|seen| seen.per_second).sum::<f64>() / seen.len() as f64;
    let (before, beside) = (per_second(&well), per_second(&ill));
    let ratio = beside / before;
    Ok(vec![
        (
            format!(
                "nine hosts take {before:.0} callbacks/s when all are well, {beside:.0}/s beside one that hangs: {ratio:.3}"
            ),
            ratio >= 0.9,
        ),
        (
            format!(
                "at {LESS_THAN_ALLOWED}/s a host, p99 from 202 to callback {:?}, {:?} beside it",
                calm[0].p99, calm[1].p99
            ),
            calm[1].p99 <= WITHIN,
        ),
        (
            format!(
                "CPU of the program, cores: {:.2} when all are well, {:.2} beside it",
                well[0].cores, ill[0].cores
            ),
            true,
        ),
    ])
}

/// What nine hosts saw in one round.
struct Seen {
    per_second: f64,
    /// From the 202 to the callback.
    p99: Duration,
    /// What the program used of them.
    cores: f64,
}

/// Calls by their numbers, and when something happened to them.
pub(crate) type Times = Arc<Mutex<HashMap<usize, Instant>>>;

/// Calls for ten hosts, `rate` a second for each; the tenth is well or hangs.
async fn round(rate: u32, hangs: bool) -> io::Result<Seen> {
    let laptop = Laptop::of_rust()?;
    let (accepted, arrived) = (Times::default(), Times::default());
    let mut callers = JoinSet::new();
    for index in 0..HOSTS {
        let host = match (index, hangs) {
            (TENTH, true) => receiver(None).await?,
            (TENTH, false) => receiver(Some(Times::default())).await?,
            _ => receiver(Some(Arc::clone(&arrived))).await?,
        };
        let accepted = if index == TENTH { Times::default() } else { Arc::clone(&accepted) };
        callers.spawn(ask(laptop.gateway, host, index, rate, accepted));
    }
    let (begun, cpu) = (Instant::now(), laptop.cpu());
    callers.join_all().await;
    let (ended, cpu) = (Instant::now(), laptop.cpu() - cpu);
    let (accepted, arrived) = (lock(&accepted), lock(&arrived));
    let steady = begun + WARM_UP..ended;
    let count = arrived.values().filter(|at| steady.contains(at)).count();
    // The last second's may still be on their way.
    let judged = accepted.iter().filter(|(_, at)| (begun + WARM_UP..ended - WITHIN).contains(at));
    let mut took: Vec<_> = judged
        .map(|(number, at)| arrived.get(number).map_or(Duration::MAX, |arrived| arrived.duration_since(*at)))
        .collect();
    took.sort_unstable();
    Ok(Seen {
        per_second: count as f64 / (ended - steady.start).as_secs_f64(),
        p99: took.get(took.len() * 99 / 100).copied().unwrap_or(Duration::MAX),
        cores: cpu.as_secs_f64() / (ended - begun).as_secs_f64(),
    })
}

/// Calls at a steady rate whose ends are told to `host`.
async fn ask(gateway: SocketAddr, host: SocketAddr, index: usize, rate: u32, accepted: Times) {
    let (begun, mut connection) = (Instant::now(), Connection::new(gateway));
    for call in 0.. {
        let due = Duration::from_secs(1) * call / rate;
        if due > TIME {
            break;
        }
        tokio::time::sleep_until((begun + due).into()).await;
        let number = usize::try_from(call).expect("not so many") * HOSTS + index;
        let answered = connection.send(asynchronous(Some(format!("http://{host}/{number}")))).await;
        if answered.is_ok_and(|head| head.status == StatusCode::ACCEPTED) {
            lock(&accepted).insert(number, Instant::now());
        }
    }
}

/// A host that notes when callbacks come, or accepts them and says nothing.
pub(crate) async fn receiver(arrived: Option<Times>) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let arrived = arrived.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let arrived = arrived.clone();
                async move {
                    let Some(arrived) = arrived else { return std::future::pending().await };
                    let number = request.uri().path().trim_start_matches('/').parse();
                    lock(&arrived).entry(number.expect("as asked for")).or_insert_with(Instant::now);
                    Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
                }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    Ok(address)
}

fn lock(times: &Times) -> MutexGuard<'_, HashMap<usize, Instant>> {
    times.lock().expect("no holder panics")
}

const HOSTS: usize = 10;
const TENTH: usize = HOSTS - 1;
const ROUNDS: usize = 2;

/// Callbacks a second for each host: it is sent 50 at most.
const MORE_THAN_ALLOWED: u32 = 60;
const LESS_THAN_ALLOWED: u32 = 40;

/// Longer than an attempt at a host that hangs, and the pauses after it.
const TIME: Duration = Duration::from_secs(30);

/// In which the function's processes start.
const WARM_UP: Duration = Duration::from_secs(3);
const WITHIN: Duration = Duration::from_secs(1);
