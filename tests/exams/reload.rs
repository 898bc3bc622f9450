//! A thousand reloads while calls run: not one of those fails.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{
    Report,
    callers::{answered, closed},
    gateway::{Gateway, KEYS},
    lambda,
};

pub(crate) async fn run() -> io::Result<Report> {
    let lambda = lambda::start(Duration::from_millis(2)).await?;
    let gateway = Gateway::start(lambda, 1_000)?;
    let reloading = async {
        for reload in 1..=RELOADS {
            gateway.reload(if reload % 2 == 0 { "first" } else { "second" })?;
            while reloads(&gateway).await? < reload {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        io::Result::Ok(())
    };
    let (mut seen, mut rounds) = (Vec::new(), 0);
    let mut reloading = std::pin::pin!(reloading);
    loop {
        rounds += 1;
        let calls = closed(gateway.address, 32, Duration::from_secs(1), |index| index % KEYS);
        let mut calls = std::pin::pin!(calls);
        tokio::select! {
            done = &mut reloading => {
                done?;
                seen.extend(calls.await);
                break;
            }
            more = &mut calls => seen.extend(more),
        }
    }
    let failed = seen.len() - answered(&seen).count();
    let done = reloads(&gateway).await?;
    Ok(vec![
        (format!("{done} reloads in {rounds} s"), done >= RELOADS),
        (format!("{failed} of {} calls failed", seen.len()), failed == 0 && seen.len() > 10_000),
    ])
}

/// How many there have been, by its own metrics.
async fn reloads(gateway: &Gateway) -> io::Result<u64> {
    let mut stream = TcpStream::connect(gateway.admin).await?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let line = answer.lines().find_map(|line| line.strip_prefix("stayput_config_reloads_total "));
    line.and_then(|figure| figure.parse().ok()).ok_or_else(|| io::Error::other(answer))
}

const RELOADS: u64 = 1_000;
