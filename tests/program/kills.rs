//! The program is killed again and again while calls are accepted, run and called back: not one that it answered with 202
//! is lost. The exam R1 in small.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    os::unix::fs::PermissionsExt as _,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;

use super::{
    limits::alone,
    running::{Running, eventually, folder},
    sink::{Callback, Sink},
};

#[test]
fn no_accepted_call_is_lost_however_often_the_program_is_killed() {
    let _alone = alone();
    let sink = Sink::start(refuses);
    let receiver = sink.address;
    let (accepted, next) = (Arc::new(Mutex::new(BTreeMap::new())), Arc::new(AtomicUsize::new(0)));
    let mut place = folder();
    let bootstrap = place.path().join("bootstrap");
    fs::write(&bootstrap, include_bytes!("kills/bootstrap")).expect("a file");
    fs::set_permissions(&bootstrap, fs::Permissions::from_mode(0o755)).expect("it is ours");
    let mut slowest = Duration::ZERO;
    for kill in 0..KILLS {
        let begun = Instant::now();
        let running = Running::with(place, TEMPLATE, &["--no-watch"]);
        slowest = slowest.max(begun.elapsed());
        let gateway = running.shown.gateway.trim_start_matches("http://").parse().expect("an address");
        let killed = Arc::new(AtomicBool::new(false));
        let callers: Vec<_> = (0..CALLERS)
            .map(|_| {
                let (accepted, next) = (Arc::clone(&accepted), Arc::clone(&next));
                let killed = Arc::clone(&killed);
                thread::spawn(move || call_until(gateway, receiver, &killed, &next, &accepted))
            })
            .collect();
        // Another moment each time: from right after the first 202 to far into the callbacks.
        let enough = accepted.lock().expect("no holder panics").len() + 1 + kill * 37 % 150;
        eventually(PATIENCE, "calls are accepted", || {
            accepted.lock().expect("no holder panics").len() >= enough
        });
        running.signal(Signal::SIGKILL);
        killed.store(true, SeqCst);
        callers.into_iter().for_each(|caller| caller.join().expect("a caller"));
        place = running.kept();
    }
    let accepted =
        Arc::try_unwrap(accepted).expect("all callers have ended").into_inner().expect("none panicked");
    let begun = Instant::now();
    let running = Running::with(place, TEMPLATE, &["--no-watch"]);
    slowest = slowest.max(begun.elapsed());
    let told = || {
        let mut told: BTreeMap<usize, Vec<Callback>> = BTreeMap::new();
        for callback in sink.arrived().iter() {
            told.entry(number_of(callback)).or_default().push(callback.clone());
        }
        told
    };
    eventually(PATIENCE, "every accepted call is called back", || {
        let told = told();
        accepted.keys().all(|number| told.contains_key(number))
    });
    drop(running);

    let told = told();
    let (mut ids, mut taken) = (BTreeSet::new(), 0);
    for (number, callbacks) in &told {
        let id = &callbacks[0].headers["webhook-id"];
        assert!(*number < next.load(SeqCst), "call {number} was never made");
        for callback in callbacks {
            assert_eq!((&callback.headers["webhook-id"], &*callback.body), (id, &*format!("call {number}")));
            taken += usize::from(!callback.refused);
        }
        assert!(accepted.get(number).is_none_or(|accepted| accepted == id), "{number} is called {id}");
        assert!(ids.insert(id), "{id} is two calls");
    }
    let repeated = taken.saturating_sub(told.len());
    println!(
        "{} calls accepted, {KILLS} kills, 0 lost; {repeated} callbacks taken more than once; slowest start {slowest:?}",
        accepted.len()
    );
    assert!(accepted.len() > 1_000, "{} calls are no exam", accepted.len());
    assert!(repeated <= KILLS * UNDER_WAY, "{repeated} repeated");
    assert!(slowest < Duration::from_secs(5), "a start took {slowest:?}");
}

/// Makes calls until the program dies under them; remembers those that were accepted, with the id that it gave them.
fn call_until(
    gateway: SocketAddr,
    receiver: SocketAddr,
    killed: &AtomicBool,
    next: &AtomicUsize,
    accepted: &Mutex<BTreeMap<usize, String>>,
) {
    while !killed.load(SeqCst) {
        let number = next.fetch_add(1, SeqCst);
        if let Ok(Some(id)) = call(gateway, receiver, number) {
            accepted.lock().expect("no holder panics").insert(number, id);
        }
    }
}

fn call(gateway: SocketAddr, receiver: SocketAddr, number: usize) -> io::Result<Option<String>> {
    let mut stream = TcpStream::connect(gateway)?;
    let body = format!("call {number}");
    let length = body.len();
    write!(
        stream,
        "POST /async-function/echo HTTP/1.1\r\nHost: a\r\nX-Callback-Url: http://{receiver}/{number}\r\n\
         Content-Type: text/plain\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let id = answer.lines().find_map(|line| line.strip_prefix("x-call-id: "));
    Ok(id.filter(|_| answer.starts_with("HTTP/1.1 202 ")).map(str::to_owned))
}

/// Of some calls the first callback.
fn refuses(before: &[Callback], callback: &Callback) -> bool {
    number_of(callback).is_multiple_of(REFUSES_ONE_OF)
        && before.iter().all(|other| other.path != callback.path)
}

fn number_of(callback: &Callback) -> usize {
    callback.path.trim_start_matches('/').parse().expect("a number, as it was asked for")
}

const KILLS: usize = 24;
const CALLERS: usize = 8;
const REFUSES_ONE_OF: usize = 20;

/// Callbacks that the deliverer has under way at most.
const UNDER_WAY: usize = 256;

/// Only waited for when something is wrong.
const PATIENCE: Duration = Duration::from_secs(180);

const TEMPLATE: &str = "\
Transform: AWS::Serverless-2016-10-31
Resources:
  Echo:
    Type: AWS::Serverless::Function
    Properties: {FunctionName: echo, Runtime: provided.al2023, Handler: bootstrap, CodeUri: ., Timeout: 60}
";
