//! A caller who reads 100 KB a second: the function is held back, and memory stays flat.

use std::{fs, io, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    time::{MissedTickBehavior, interval},
};

use super::{Report, laptop::Laptop};

pub(crate) async fn run() -> io::Result<Report> {
    let laptop = Laptop::of_sample("download")?;
    let mut report = Report::new();
    let warm = read(laptop.gateway, usize::MAX, None).await?;
    report.push((format!("at full speed {warm} bytes"), warm > MIB * 100));
    let before = laptop.memory_kib();
    let written_before = written(&laptop);
    let slow = read(laptop.gateway, BYTES_A_TICK, Some(TICKS)).await?;
    let ahead = (written(&laptop) - written_before).saturating_sub(slow as u64);
    let grown = laptop.memory_kib().saturating_sub(before);
    let seconds = TICKS / TICKS_A_SECOND;
    report.push((
        format!("{slow} bytes in {seconds} s, the function {ahead} bytes ahead"),
        ahead < AHEAD_BYTES && slow <= BYTES_A_TICK * TICKS,
    ));
    report.push((format!("{grown} KiB more in memory than before"), grown < GROWTH_KIB));
    Ok(report)
}

/// What has come of a download, `most` bytes at a tick of a tenth of a second, or at once; the caller goes after so many
/// ticks.
async fn read(address: std::net::SocketAddr, most: usize, ticks: Option<usize>) -> io::Result<usize> {
    let mut stream = connect(address, ticks.is_some()).await?;
    stream
        .write_all(b"GET /function/download HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n\r\n")
        .await?;
    let (mut came, mut piece) = (0, vec![0; most.min(MIB)]);
    let mut clock = interval(Duration::from_secs(1) / u32::try_from(TICKS_A_SECOND).expect("few"));
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for _ in 0..ticks.unwrap_or(usize::MAX) {
        if ticks.is_some() {
            clock.tick().await;
        }
        match stream.read(&mut piece).await? {
            0 => break,
            bytes => came += bytes,
        }
    }
    Ok(came)
}

/// A slow caller's system has little room for what it does not read.
async fn connect(address: std::net::SocketAddr, is_slow: bool) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if is_slow {
        socket.set_recv_buffer_size(64 * 1024)?;
    }
    socket.connect(address).await
}

/// Bytes that the function's processes have written, to whatever.
fn written(laptop: &Laptop) -> u64 {
    let of = |pid: &i32| {
        let io = fs::read_to_string(format!("/proc/{pid}/io")).unwrap_or_default();
        io.lines().find_map(|line| line.strip_prefix("wchar: ")?.parse::<u64>().ok()).unwrap_or_default()
    };
    laptop.functions("download").iter().map(of).sum()
}

const MIB: usize = 1 << 20;
const TICKS_A_SECOND: usize = 10;
const BYTES_A_TICK: usize = 10_000;
/// 20 seconds.
const TICKS: usize = 200;
/// What sockets between the function and the caller may hold: four of the loopback's largest buffers.
const AHEAD_BYTES: u64 = 24 << 20;
const GROWTH_KIB: u64 = 4 * 1024;
