//! A million events wait for a function that has no time: what that costs in memory, and at the next start.

use std::{
    io,
    time::{Duration, Instant},
};

use http::StatusCode;

use super::{
    Report,
    laptop::{Laptop, again_and_again, asynchronous, number},
    lives::Lives,
};

pub(crate) async fn run() -> io::Result<Report> {
    let mut lives = Lives::with(BUSY);
    let variables = [("STAYPUT_LAMBDA_CONCURRENCY", "1".to_owned())];
    let mut laptop = Laptop::go_on(&mut lives, &variables)?;
    let (mut report, mut queued, mut memory) = (Report::new(), 0, Vec::new());
    for events in [10_000, 100_000, 1_000_000] {
        let begun = Instant::now();
        let left = number(events - queued);
        let request = || asynchronous(None);
        let (accepted, _refused) =
            again_and_again(laptop.gateway, CONNECTIONS, left, StatusCode::ACCEPTED, request).await;
        queued += accepted;
        let took = begun.elapsed();
        memory.push(laptop.memory_kib());
        let waiting = laptop.rows("lambda.events", "waiting").await?;
        report.push((
            format!(
                "{queued} accepted, {} waiting: {} MiB resident; the last {accepted} came in {took:.1?}",
                waiting,
                laptop.memory_kib() / 1024
            ),
            queued == events && waiting + 1 >= queued as u64,
        ));
        laptop.end(&mut lives);
        let begun = Instant::now();
        laptop = Laptop::go_on(&mut lives, &variables)?;
        let ready = begun.elapsed();
        report.push((
            format!("ready again with them after {ready:.2?}, {} MiB resident", laptop.memory_kib() / 1024),
            ready <= Duration::from_secs(5),
        ));
    }
    let grown =
        memory.iter().max().zip(memory.first()).map_or(0, |(most, first)| most.saturating_sub(*first));
    report
        .push((format!("{:.1} MiB more at most than with 10,000", grown as f64 / 1024.0), grown <= FLAT_KIB));
    Ok(report)
}

const CONNECTIONS: usize = 64;
const FLAT_KIB: u64 = 32 * 1024;

/// Takes one event, and never answers.
const BUSY: &[u8] = b"#!/usr/bin/env python3
import http.client, os, threading
runtime = http.client.HTTPConnection(os.environ['AWS_LAMBDA_RUNTIME_API'])
runtime.request('GET', '/2018-06-01/runtime/invocation/next')
runtime.getresponse().read()
threading.Event().wait()
";
