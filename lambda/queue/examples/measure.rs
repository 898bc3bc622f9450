//! `measure FOLDER`: durable puts by submitters, and what a million waiting rows cost. Build it with `--release`.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program for people")]

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use event_queue::{
    Ask, Batch, Content, Error, EventQueue, Key, Limits, NewRow, Pause, QueueName, Refusal, RowId,
};
use tokio::task::JoinSet;

#[tokio::main]
async fn main() {
    let folder = PathBuf::from(env::args().nth(1).expect("measure FOLDER"));
    fs::create_dir_all(&folder).unwrap();
    for submitters in [1, 32, 128] {
        puts(&folder.join(format!("puts-{submitters}.db")), submitters).await;
    }
    for rows in [10_000, 1_000_000] {
        backlog(&folder.join(format!("backlog-{rows}.db")), rows).await;
    }
}

/// Each submitter waits for its answer before it puts again.
async fn puts(path: &Path, submitters: u64) {
    let queue = EventQueue::open(path, Limits::default()).unwrap();
    let payload = bytes::Bytes::from(vec![7; ROW_BYTES]);
    let (before, started) = (queue.commits(), Instant::now());
    let mut tasks = JoinSet::new();
    for submitter in 0..submitters {
        let (queue, payload) = (queue.clone(), payload.clone());
        tasks.spawn(async move {
            let mut done = 0_u64;
            while started.elapsed() < LONG_ENOUGH {
                queue.submit(Batch::new().put(row(submitter, done, payload.clone()))).await.unwrap();
                done += 1;
            }
            done
        });
    }
    let done: u64 = tasks.join_all().await.into_iter().sum();
    let seconds = started.elapsed().as_secs_f64();
    let commits = queue.commits() - before;
    #[allow(clippy::cast_precision_loss, reason = "figures for people")]
    let (rate, each) = (done as f64 / seconds, commits as f64 / done as f64);
    println!("{submitters} submitters: {rate:.0} durable puts/s, {each:.3} commits a put");
    let started = Instant::now();
    let mut served = 0;
    while started.elapsed() < LONG_ENOUGH / 4 {
        let leased =
            queue.lease(Ask { queue: name(), rows: 32, span: Duration::from_secs(60) }).await.unwrap();
        served += leased.len();
        let ends = leased.iter().fold(Batch::new(), |batch, leased| batch.succeed(&leased.claim()));
        queue.submit(ends).await.unwrap();
        if leased.is_empty() {
            break;
        }
    }
    println!(
        "  leased and done, 32 at a time: {:.0} rows/s",
        f64::from(u32::try_from(served).unwrap()) / started.elapsed().as_secs_f64()
    );
}

async fn backlog(path: &Path, rows: u64) {
    let payload = bytes::Bytes::from(vec![7; ROW_BYTES]);
    let queue = EventQueue::open(path, Limits::default()).unwrap();
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for first in (0..rows).step_by(250) {
        let (queue, payload) = (queue.clone(), payload.clone());
        if tasks.len() >= 8 {
            tasks.join_next().await.unwrap().unwrap();
        }
        tasks.spawn(async move {
            let batch = || {
                (first..first + 250).fold(Batch::new(), |batch, n| batch.put(row(n % 50, n, payload.clone())))
            };
            loop {
                match queue.submit(batch()).await {
                    Ok(_) => return,
                    Err(Error::Refused(Refusal::Busy)) => tokio::task::yield_now().await,
                    Err(error) => panic!("{error}"),
                }
            }
        });
    }
    tasks.join_all().await;
    println!(
        "{rows} rows put in {:.1} s, {} MiB on disk",
        started.elapsed().as_secs_f64(),
        fs::metadata(path).unwrap().len() >> 20
    );
    println!("  memory: {}", memory());
    drop(queue);
    let started = Instant::now();
    let queue = EventQueue::open(path, Limits::default()).unwrap();
    println!("  opened again in {:.3} s, memory: {}", started.elapsed().as_secs_f64(), memory());
    let started = Instant::now();
    let leased = queue.lease(Ask { queue: name(), rows: 100, span: Duration::from_secs(60) }).await.unwrap();
    println!("  100 rows leased in {:.3} s, {} keys", started.elapsed().as_secs_f64(), keys(&leased));
    let started = Instant::now();
    let depth = queue.reader().unwrap().depth(&name()).unwrap();
    println!("  depth read in {:.4} s: {depth:?}", started.elapsed().as_secs_f64());
}

fn keys(leased: &[event_queue::Leased]) -> usize {
    let mut keys: Vec<_> = leased.iter().map(|leased| leased.row.key.as_str()).collect();
    keys.sort_unstable();
    keys.dedup();
    keys.len()
}

fn row(of: u64, n: u64, payload: bytes::Bytes) -> NewRow {
    let id = RowId::parse(&format!("{of:08}-{n:012}")).unwrap();
    let key = Key::parse(&format!("key-{}", of % 50)).unwrap();
    NewRow { key, pause: Pause::NONE, ..NewRow::new(name(), id, Content::payload(payload)) }
}

/// Resident now and at most, as Linux counts them.
fn memory() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let lines = status.lines().filter(|line| line.starts_with("VmRSS") || line.starts_with("VmHWM"));
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join(", ")
}

fn name() -> QueueName {
    QueueName::parse("q").unwrap()
}

const ROW_BYTES: usize = 1_024;
const LONG_ENOUGH: Duration = Duration::from_secs(5);
