//! Hostile requests against the gateway as it runs: each gets the answers that it deserves and no other, however its
//! bytes are cut, and does not harm the next caller. `hostile/README.md` describes the files.

#[path = "hostile/case.rs"]
mod case;
#[path = "hostile/gateway.rs"]
mod gateway;
#[path = "conversations/setup.rs"]
mod setup;

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use case::{Case, GOOD};
use gateway::RunningGateway;
use stayput::front::Limits;

/// Files whose cases may be cut anywhere.
const FILES: [&str; 9] = [
    "framing.txt",
    "chunks.txt",
    "fields.txt",
    "hosts.txt",
    "lines.txt",
    "pipelines.txt",
    "sizes.txt",
    "targets.txt",
    "truncated.txt",
];

#[test]
fn each_gets_what_it_deserves_and_harms_nobody() {
    let gateway = RunningGateway::start(Limits::default());
    let cases: Vec<Case> = FILES.iter().flat_map(|file| case::read(file)).collect();
    assert!(cases.len() >= 150, "only {}", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        for cut in [Cut::Nowhere, Cut::AtLines, Cut::AtBytes] {
            let told = check(&gateway, case, cut);
            wrong.extend(told.err().map(|told| format!("{} ({cut:?}): {told}", case.name)));
        }
    }
    assert!(wrong.is_empty(), "{} of {} are wrong:\n{}", wrong.len(), 3 * cases.len(), wrong.join("\n"));
}

/// Callers who stop in the middle, with limits so short that they are reached here.
#[test]
fn whoever_keeps_us_waiting_is_not_waited_for() {
    let gateway = &RunningGateway::start(Limits {
        head: Duration::from_millis(500),
        idle: Duration::from_millis(500),
        body_grace: Duration::from_millis(500),
        ..Limits::default()
    });
    let cases = case::read("slow.txt");
    // They wait, so they wait together.
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let running: Vec<_> = cases
            .iter()
            .map(|case| scope.spawn(move || (case, check(gateway, case, Cut::Nowhere))))
            .collect();
        let done = running.into_iter().map(|case| case.join().expect("no check panics"));
        done.filter_map(|(case, told)| Some(format!("{}: {}", case.name, told.err()?))).collect()
    });
    assert!(wrong.is_empty(), "{} of {} are wrong:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[derive(Clone, Copy, Debug)]
enum Cut {
    Nowhere,
    AtLines,
    AtBytes,
}

impl Cut {
    fn pieces(self, bytes: &[u8]) -> Vec<&[u8]> {
        match self {
            Self::AtLines => bytes.split_inclusive(|&byte| byte == b'\n').collect(),
            // What is long is long however it comes.
            Self::AtBytes if bytes.len() <= 2_000 => bytes.chunks(1).collect(),
            Self::AtBytes => bytes.chunks(1_001).collect(),
            Self::Nowhere => vec![bytes],
        }
    }
}

fn check(gateway: &RunningGateway, case: &Case, cut: Cut) -> Result<(), String> {
    let (got, calls) = gateway.calls_during(|| talk(gateway.address, &cut.pieces(&case.sent), case.shut));
    let got = got?;
    let fits = got.len() == case.answers.len()
        && got.iter().zip(&case.answers).all(|(status, expected)| expected.fits(*status));
    if !fits {
        return Err(format!("{got:?} instead of {:?}", case.answers));
    }
    let reached = got.iter().filter(|&&status| status == 200).count();
    if gateway.is_counting() && calls != reached {
        return Err(format!("Lambda was asked {calls} times for {reached} answers"));
    }
    let begun = Instant::now();
    let good = talk(gateway.address, &[GOOD], false);
    if good != Ok(vec![200]) {
        return Err(format!("the next caller gets {good:?}"));
    }
    if begun.elapsed() > NEXT_CALLER {
        return Err(format!("the next caller waits {:?}", begun.elapsed()));
    }
    Ok(())
}

/// The statuses of all that comes back until the gateway closes.
fn talk(address: SocketAddr, pieces: &[&[u8]], shut: bool) -> Result<Vec<u16>, String> {
    let mut caller = TcpStream::connect(address).map_err(|error| error.to_string())?;
    caller.set_nodelay(true).map_err(|error| error.to_string())?;
    caller.set_read_timeout(Some(PATIENCE)).map_err(|error| error.to_string())?;
    let mut sending = caller.try_clone().map_err(|error| error.to_string())?;
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // Who is refused early may find nobody who reads any more.
            let sent = pieces.iter().try_for_each(|piece| sending.write_all(piece));
            if sent.is_ok() && shut {
                let _closed_already = sending.shutdown(Shutdown::Write);
            }
        });
        let mut read = Vec::new();
        match caller.read_to_end(&mut read) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            Err(error) => {
                let shown = String::from_utf8_lossy(&read).into_owned();
                let _free_the_sender = caller.shutdown(Shutdown::Both);
                return Err(format!("{error} after {shown:?}"));
            }
        }
        statuses(&read)
    })
}

/// Answers have a length here; anything else is a mistake.
fn statuses(mut read: &[u8]) -> Result<Vec<u16>, String> {
    let mut statuses = Vec::new();
    while !read.is_empty() {
        let shown = || format!("no answer: {:?}", String::from_utf8_lossy(read));
        let end = read.windows(4).position(|window| window == b"\r\n\r\n").ok_or_else(shown)?;
        let head = std::str::from_utf8(&read[..end]).map_err(|_| shown())?;
        let status = head.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)).ok_or_else(shown)?;
        let status: u16 = status.parse().map_err(|_| shown())?;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.map_or(Ok(0), str::parse).map_err(|_| shown())?;
        read = read[end + 4..].get(length..).ok_or_else(shown)?;
        statuses.push(status);
    }
    Ok(statuses)
}

/// How long anybody may have to wait after a hostile caller (issue's "Done when": a good request within 1 s).
const NEXT_CALLER: Duration = Duration::from_secs(1);

/// Longer than any limit that is reached here; only a gateway that hangs gets there.
const PATIENCE: Duration = Duration::from_secs(20);
