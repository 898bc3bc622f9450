//! A function that misbehaves on command. The event is a list: a word, and a number where the word takes one.
//!
//! | event | what it does |
//! |---|---|
//! | `["echo"]` | answers with the event |
//! | `["count"]` | answers with how often this process was called |
//! | `["sleep", ms]` | answers late |
//! | `["span", ms]` | answers late with when it began and ended, in microseconds since 1970 |
//! | `["exit", code]` | ends the process |
//! | `["kill"]` | is killed by SIGKILL |
//! | `["print", bytes]` | prints that many bytes, lines of 1,024, then answers |
//! | `["spawn", n]` | starts n processes in sessions of their own, half of them orphans without an environment, then never answers |
//! | `["big", bytes]` | answers with that many bytes |
//!
//! Only the standard library, and no runtime crate: what is tested with it is the service, not a client of it.

use std::{
    env,
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{self, Command, Stdio},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

fn main() -> io::Result<()> {
    let api = env::var("AWS_LAMBDA_RUNTIME_API").map_err(io::Error::other)?;
    let mut connection = BufReader::new(TcpStream::connect(api)?);
    for calls in 1_u64.. {
        let next = exchange(&mut connection, "GET /2018-06-01/runtime/invocation/next", b"")?;
        let answer = act(&next.body, calls)?;
        let path = format!("POST /2018-06-01/runtime/invocation/{}/response", next.request_id);
        exchange(&mut connection, &path, &answer)?;
    }
    Ok(())
}

fn act(event: &[u8], calls: u64) -> io::Result<Vec<u8>> {
    let text = String::from_utf8_lossy(event);
    let mut words = text.trim_matches(['[', ']']).split(',').map(|word| word.trim().trim_matches('"'));
    let word = words.next().unwrap_or_default();
    let number: u64 = words.next().and_then(|number| number.parse().ok()).unwrap_or(0);
    match word {
        "count" => return Ok(calls.to_string().into_bytes()),
        "sleep" => thread::sleep(Duration::from_millis(number)),
        "span" => {
            let began = micros();
            thread::sleep(Duration::from_millis(number));
            return Ok(format!("[{began},{}]", micros()).into_bytes());
        }
        "exit" => end(number),
        "kill" => {
            Command::new("kill").args(["-9", &process::id().to_string()]).status()?;
        }
        "print" => print(number)?,
        "spawn" => {
            for n in 0..number {
                spawn(n)?;
            }
            thread::sleep(FOREVER);
        }
        "big" => return Ok(format!("\"{}\"", "x".repeat(usize::try_from(number).unwrap_or(0))).into_bytes()),
        _ => {}
    }
    Ok(event.to_vec())
}

fn micros() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros()
}

#[expect(clippy::exit, reason = "ending in the middle of a call is what is asked for")]
fn end(code: u64) {
    process::exit(i32::try_from(code).unwrap_or(1));
}

/// Lines of 1,024 bytes, each with its number, so that a tail can be told from any other.
fn print(bytes: u64) -> io::Result<()> {
    let mut out = io::BufWriter::with_capacity(64 * 1024, io::stdout().lock());
    for line in 0..bytes / 1024 {
        writeln!(out, "{line:01023}")?;
    }
    out.flush()
}

/// A process in a session of its own; every second one forgets its environment and its parent, too.
fn spawn(n: u64) -> io::Result<()> {
    let script = if n.is_multiple_of(2) { "exec sleep 1000" } else { "env -i sleep 1000 & exit" };
    Command::new("setsid").args(["sh", "-c", script]).stdin(Stdio::null()).spawn().map(drop)
}

struct Next {
    request_id: String,
    body: Vec<u8>,
}

/// One request on a connection that stays open.
fn exchange(connection: &mut BufReader<TcpStream>, line: &str, body: &[u8]) -> io::Result<Next> {
    let head = format!("{line} HTTP/1.1\r\nhost: runtime\r\ncontent-length: {}\r\n\r\n", body.len());
    connection.get_mut().write_all(head.as_bytes())?;
    connection.get_mut().write_all(body)?;
    let mut request_id = String::new();
    let mut length = 0;
    loop {
        let mut field = String::new();
        connection.read_line(&mut field)?;
        let field = field.trim_end();
        if field.is_empty() {
            break;
        }
        match field.split_once(": ").map(|(name, value)| (name.to_ascii_lowercase(), value)) {
            Some((name, value)) if name == "lambda-runtime-aws-request-id" => request_id = value.to_owned(),
            Some((name, value)) if name == "content-length" => {
                length = value.parse().map_err(io::Error::other)?
            }
            _ => {}
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body)?;
    Ok(Next { request_id, body })
}

const FOREVER: Duration = Duration::from_secs(100_000);
