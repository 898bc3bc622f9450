//! Does what an event asks for.

use std::{
    collections::BTreeMap,
    env,
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpStream},
    num::NonZeroU16,
    process::{self, Command, Stdio},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use nix::sys::signal::{Signal, raise};
use serde_json::{Value, json};

use crate::{
    deed::Deed,
    flow,
    runtime_api::{Call, Connection, INIT_ERROR, NEXT, PING, RESTORE_NEXT, Upload, response_path},
};

/// What is left to tell the Runtime API.
pub(crate) enum Done {
    Answer(Vec<u8>),
    Error(Value),
    /// The answer has been given.
    Given,
}

/// What outlives a call.
#[derive(Default)]
pub(crate) struct Process {
    calls: u64,
    kept: Vec<TcpStream>,
}

impl Process {
    /// # Errors
    /// Those of sockets and processes; the process ends with them. An event that makes no sense is an error of the
    /// function.
    pub(crate) fn act(&mut self, call: &Call) -> io::Result<Done> {
        self.calls += 1;
        let deed = match Deed::parse(&call.event) {
            Ok(deed) => deed,
            Err(error) => {
                return Ok(Done::Error(
                    json!({"errorType": "NoSuchDeed", "errorMessage": error.to_string()}),
                ));
            }
        };
        Ok(match deed {
            Deed::Echo => Done::Answer(call.event.clone()),
            Deed::Answer { with } => answer(&with),
            Deed::Count => answer(&json!({"calls": self.calls, "pid": process::id()})),
            Deed::Headers => answer(&json!(call.headers)),
            Deed::Environment => answer(&json!(env::vars().collect::<BTreeMap<_, _>>())),
            Deed::Sleep { ms } => {
                thread::sleep(Duration::from_millis(ms));
                Done::Answer(call.event.clone())
            }
            Deed::Span { ms } => {
                let began = micros();
                thread::sleep(Duration::from_millis(ms));
                answer(&json!([began, micros()]))
            }
            Deed::Print { text } => {
                print(&text)?;
                answer(&Value::Null)
            }
            Deed::Flood { bytes, line } => {
                flood(bytes, line)?;
                answer(&Value::Null)
            }
            Deed::Big { bytes } => answer(&json!("x".repeat(bytes.saturating_sub(QUOTES)))),
            Deed::Fail { error } => Done::Error(error),
            Deed::Stream { error } => {
                let mut upload = Upload::begin(&call.request_id, false)?;
                upload.piece(b"[1,")?;
                upload.piece(b"2]")?;
                upload.end(error.map(|error| error.to_string()).as_deref())?;
                Done::Given
            }
            Deed::Flow { port, hears_early } => {
                flow::conduct(&call.request_id, port, hears_early == Some(true))?;
                Done::Given
            }
            Deed::Probe { bad_mode } => answer(&probe(&call.request_id, bad_mode == Some(true))?),
            Deed::Meet { port } => {
                let mut test = meet(port)?;
                test.write_all(b"b")?;
                test.read_exact(&mut [0])?;
                answer(&Value::Null)
            }
            Deed::Relay { port } => {
                let mut test = BufReader::new(meet(port)?);
                test.get_mut().write_all(&[&call.event[..], b"\n"].concat())?;
                let mut line = String::new();
                test.read_line(&mut line)?;
                match line.trim_end() {
                    "exit" => end(3),
                    told => Done::Answer(told.as_bytes().to_vec()),
                }
            }
            Deed::StayMet { port } => {
                self.kept.push(meet(port)?);
                answer(&Value::Null)
            }
            Deed::NeverNext { port } => {
                let mut test = meet(port)?;
                Connection::open()?.respond(&call.request_id, ANSWERED)?;
                let _hung_up = test.read(&mut [0]);
                end(0)
            }
            Deed::AnswerAndExit => {
                Connection::open()?.respond(&call.request_id, ANSWERED)?;
                end(3)
            }
            Deed::Exit { code } => end(code),
            Deed::Kill { signal } => {
                raise(Signal::try_from(signal)?)?;
                answer(&Value::Null)
            }
            Deed::Spawn { count } => {
                for n in 0..count {
                    spawn(n)?;
                }
                loop {
                    thread::sleep(FOREVER);
                }
            }
        })
    }
}

#[expect(clippy::exit, reason = "ending in the middle of everything is what is asked for")]
pub(crate) fn end(code: i32) -> ! {
    process::exit(code)
}

fn answer(value: &Value) -> Done {
    Done::Answer(value.to_string().into_bytes())
}

fn micros() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_micros()).unwrap_or(u64::MAX)
}

fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Each line is its number, so that a tail can be told from any other.
fn flood(bytes: u64, line: NonZeroU16) -> io::Result<()> {
    let mut out = io::BufWriter::with_capacity(64 * 1024, io::stdout().lock());
    let digits = usize::from(line.get() - 1);
    for number in 0..bytes / u64::from(line.get()) {
        writeln!(out, "{number:0digits$}")?;
    }
    out.flush()
}

/// The statuses (of the ping: the body) that speaking out of turn is answered with.
fn probe(request_id: &str, bad_mode: bool) -> io::Result<Value> {
    let mut api = Connection::open()?;
    let own = response_path(request_id);
    let stale = [("lambda-runtime-invocation-id", NOBODYS_ID)];
    Ok(json!([
        api.ask("POST", &response_path(NOBODYS_ID), &[], b"1")?.status,
        api.ask("POST", &own, &stale, b"1")?.status,
        api.ask("GET", NEXT, &[], b"")?.status,
        api.ask("POST", INIT_ERROR, &[], b"{}")?.status,
        api.ask("GET", RESTORE_NEXT, &[], b"")?.status,
        String::from_utf8_lossy(&api.ask("GET", PING, &[], b"")?.body),
        if bad_mode {
            let mode = [("lambda-runtime-function-response-mode", "xxxx")];
            Some(api.ask("POST", &own, &mode, b"1")?.status)
        } else {
            None
        },
    ]))
}

/// The test on the other end sees this process come and go.
fn meet(port: u16) -> io::Result<TcpStream> {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port))
}

/// A process in a session of its own; every second one forgets its environment and its parent, too.
fn spawn(n: u64) -> io::Result<()> {
    let script = if n.is_multiple_of(2) { "exec sleep 1000" } else { "env -i sleep 1000 & exit" };
    Command::new("setsid").args(["sh", "-c", script]).stdin(Stdio::null()).spawn().map(drop)
}

pub(crate) const FOREVER: Duration = Duration::from_secs(100_000);

const ANSWERED: &[u8] = br#""answered""#;

/// Bytes that JSON puts around a text.
const QUOTES: usize = 2;

const NOBODYS_ID: &str = "00000000-0000-4000-8000-000000000000";
