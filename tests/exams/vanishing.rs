//! Hundreds of streams at a time, whose callers go whenever they like: nothing is left of them.

use std::{
    io,
    net::SocketAddr,
    ops::Range,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};

use super::{Report, laptop::Laptop};

pub(crate) async fn run() -> io::Result<Report> {
    let laptop = Laptop::of_sample("ticker")?;
    let mut report = Report::new();
    // The first wave makes the environments that the others use again, as nobody goes before the last has come.
    let first = crowd(laptop.gateway, |_| Duration::from_millis(PATIENCE_MS)).await?;
    // And so many that what is remembered of calls, which has a bound of its own, is full.
    waves(laptop.gateway, 0..WARM_UP_WAVES).await?;
    let before = Counters::at_rest(&laptop).await?;
    let begun = Instant::now();
    let came = waves(laptop.gateway, WARM_UP_WAVES..WARM_UP_WAVES + WAVES).await?;
    let took = begun.elapsed();
    let gone = laptop.figure("stayput_cut_streams_total{dialect=\"openfaas\",blame=\"caller\"}").await?;
    let after = Counters::at_rest(&laptop).await?;
    let all = (1 + WARM_UP_WAVES + WAVES) * CALLERS;
    report.push((
        format!(
            "{} callers in {took:.1?}, {came} pieces read; {gone} of {all} were seen to go",
            WAVES * CALLERS
        ),
        first > 0 && came > 0 && gone > 0,
    ));
    report.push((format!("before: {before:?}"), before.connections == 0 && before.streams == 0));
    report.push((format!("after:  {after:?}"), after.is_no_more_than(&before)));
    Ok(report)
}

/// What there is while nobody calls.
#[derive(Debug)]
struct Counters {
    connections: u64,
    streams: u64,
    in_flight: u64,
    tasks: u64,
    open_files: usize,
    environments: usize,
    resident_mib: u64,
}

impl Counters {
    async fn at_rest(laptop: &Laptop) -> io::Result<Self> {
        let begun = Instant::now();
        loop {
            let counters = Self::now(laptop).await?;
            let is_at_rest = counters.connections + counters.streams + counters.in_flight == 0;
            if is_at_rest || begun.elapsed() > REST {
                return Ok(counters);
            }
        }
    }

    async fn now(laptop: &Laptop) -> io::Result<Self> {
        Ok(Self {
            connections: laptop.figure("stayput_connections").await?,
            streams: laptop.figure("stayput_streams").await?,
            in_flight: laptop.figure("stayput_requests_in_flight").await?,
            tasks: laptop.figure("stayput_tasks").await?,
            open_files: laptop.open_files(),
            environments: laptop.functions("ticker").len(),
            resident_mib: laptop.memory_kib() / 1024,
        })
    }

    fn is_no_more_than(&self, before: &Self) -> bool {
        // Most environments are there before; those that came in addition have what each of them has.
        let more = self.environments.saturating_sub(before.environments);
        self.connections + self.streams + self.in_flight == 0
            && self.environments <= CALLERS
            && self.tasks <= before.tasks + (more * TASKS_OF_AN_ENVIRONMENT) as u64
            && self.open_files <= before.open_files + more * FILES_OF_AN_ENVIRONMENT + OWN_QUESTIONS
            && self.resident_mib <= before.resident_mib + GROWTH_MIB
    }
}

async fn waves(address: SocketAddr, waves: Range<usize>) -> io::Result<usize> {
    let mut came = 0;
    for wave in waves {
        let patience = |caller| Duration::from_millis(spread(wave * CALLERS + caller) % PATIENCE_MS);
        came += crowd(address, patience).await?;
    }
    Ok(came)
}

/// As many callers as there may be at once, each of whom goes at a moment of its own. How many pieces they read.
async fn crowd(address: SocketAddr, patience: impl Fn(usize) -> Duration) -> io::Result<usize> {
    let callers: JoinSet<_> = (0..CALLERS).map(|caller| call(address, patience(caller))).collect();
    callers.join_all().await.into_iter().sum()
}

async fn call(address: SocketAddr, patience: Duration) -> io::Result<usize> {
    let mut stream = TcpStream::connect(address).await?;
    let request = "GET /function/ticker?count=1000&every=20 HTTP/1.1\r\nhost: gateway\r\n\r\n";
    let mut came = 0;
    let reading = async {
        stream.write_all(request.as_bytes()).await?;
        let mut piece = [0; 4096];
        while stream.read(&mut piece).await? > 0 {
            came += 1;
        }
        Ok::<_, io::Error>(())
    };
    // Nobody who runs out of patience says so.
    match timeout(patience, reading).await {
        Ok(Err(error)) => Err(error),
        Ok(Ok(())) | Err(_) => Ok(came),
    }
}

/// Numbers that look as if they were drawn, and are the same each time. Source: splitmix64.
fn spread(number: usize) -> u64 {
    let mut mixed = (number as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ (mixed >> 31)
}

const CALLERS: usize = 500;
const WARM_UP_WAVES: usize = 5;
const WAVES: usize = 10;
/// The longest that a caller stays.
const PATIENCE_MS: u64 = 2_000;
/// How long it may take until nothing is left.
const REST: Duration = Duration::from_secs(30);
const TASKS_OF_AN_ENVIRONMENT: usize = 3;
const FILES_OF_AN_ENVIRONMENT: usize = 4;
/// Connections of whoever asks for these figures, which may not be closed yet.
const OWN_QUESTIONS: usize = 3;
/// What an allocator may keep.
const GROWTH_MIB: u64 = 4;
