//! How many asynchronous calls a second are accepted, each on disk before its 202, beside synchronous calls of the same
//! function by the same gateway.

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use http::StatusCode;

use super::{
    Report,
    hanging::{Times, receiver},
    laptop::{Laptop, again_and_again, asynchronous, synchronous, time},
};

pub(crate) async fn run() -> io::Result<Report> {
    let laptop = Laptop::of_rust()?;
    let witness = laptop.folder().join("data/events.db-witness");
    let mut hosts = Vec::new();
    for _ in 0..HOSTS {
        hosts.push(receiver(Some(Times::default())).await?);
    }
    let (hosts, next): (Arc<[_]>, _) = (hosts.into(), Arc::<AtomicUsize>::default());
    let mut report = Report::new();
    for connections in [32, 128] {
        let (mut waited, mut plain, mut told) = (Seen::default(), Seen::default(), Seen::default());
        for _ in 0..ROUNDS {
            let sync = again_and_again(laptop.gateway, connections, time(TIME), StatusCode::OK, synchronous);
            waited.add(sync.await, 0);
            for (seen, is_told) in [(&mut plain, false), (&mut told, true)] {
                let before = commits(&witness)?;
                let (hosts, next) = (Arc::clone(&hosts), Arc::clone(&next));
                let request = move || {
                    let number = next.fetch_add(1, Relaxed);
                    asynchronous(is_told.then(|| format!("http://{}/{number}", hosts[number % HOSTS])))
                };
                let taken =
                    again_and_again(laptop.gateway, connections, time(TIME), StatusCode::ACCEPTED, request);
                seen.add(taken.await, commits(&witness)? - before);
                until_idle(&laptop).await?;
            }
        }
        let figures = [("without a callback", plain, 0.3), ("with one", told, 0.0)];
        for (how, seen, gate) in figures {
            let ratio = seen.per_second() / waited.per_second();
            report.push((
                format!(
                    "{connections} connections: {:.0} 202s/s {how}, {:.0} synchronous calls/s: {ratio:.2}; {} bad",
                    seen.per_second(),
                    waited.per_second(),
                    seen.bad + waited.bad
                ),
                ratio >= gate && seen.bad + waited.bad == 0,
            ));
            report.push((
                format!("{connections} connections: {:.3} commits a 202 {how}", seen.commits_each()),
                connections < 128 || gate == 0.0 || seen.commits_each() <= 0.1,
            ));
        }
    }
    Ok(report)
}

#[derive(Default)]
struct Seen {
    good: usize,
    bad: usize,
    commits: u64,
}

impl Seen {
    fn add(&mut self, (good, bad): (usize, usize), commits: u64) {
        self.good += good;
        self.bad += bad;
        self.commits += commits;
    }

    fn per_second(&self) -> f64 {
        self.good as f64 / (TIME * ROUNDS).as_secs_f64()
    }

    fn commits_each(&self) -> f64 {
        self.commits as f64 / self.good as f64
    }
}

/// The commits so far, as the witness beside the database knows them. Each is one sync, and one more now and then.
fn commits(witness: &Path) -> io::Result<u64> {
    let bytes = std::fs::read(witness)?;
    // It is empty before the first one.
    Ok(bytes.first_chunk().map_or(0, |number| u64::from_le_bytes(*number)))
}

/// So that what was accepted before does not run beside what is measured next.
async fn until_idle(laptop: &Laptop) -> io::Result<()> {
    for (queue, state) in [
        ("lambda.events", "waiting"),
        ("lambda.events", "leased"),
        ("stayput-callbacks", "waiting"),
        ("stayput-callbacks", "leased"),
    ] {
        let mut looks = tokio::time::interval(Duration::from_millis(100));
        while laptop.rows(queue, state).await? > 0 {
            looks.tick().await;
        }
    }
    Ok(())
}

const TIME: Duration = Duration::from_secs(3);
const ROUNDS: u32 = 3;

/// Each is sent 50 callbacks a second at most.
const HOSTS: usize = 64;
