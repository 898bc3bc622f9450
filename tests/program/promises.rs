//! What the program has promised with a 202, and whether it keeps it: calls with callbacks, made until the program dies, and
//! the account at the end.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use super::sink::{Callback, Sink};

/// Calls of a function that answers with what it is sent, over all lives of a program.
pub(crate) struct Promises {
    pub(crate) sink: Arc<Sink>,
    made: AtomicUsize,
    state: Mutex<State>,
    news: Condvar,
}

#[derive(Default)]
struct State {
    /// With the ids that they were given.
    accepted: BTreeMap<usize, String>,
    calling: usize,
}

/// What became of it all. Each list is of calls, by their numbers.
#[derive(Debug, Default)]
pub(crate) struct Account {
    pub(crate) accepted: usize,
    /// Accepted, and no callback came.
    pub(crate) lost: Vec<usize>,
    /// Called back with something else than was promised: another body, another id than before, or one that is another
    /// call's; or never made.
    pub(crate) wrong: Vec<usize>,
    /// Callbacks that were taken although the call's had been.
    pub(crate) repeated: usize,
}

impl Promises {
    /// The receiver refuses the first callback of one call in twenty.
    pub(crate) fn new() -> Arc<Self> {
        let sink = Sink::of_hosts(HOSTS, refuses);
        Arc::new(Self { sink, made: AtomicUsize::new(0), state: Mutex::default(), news: Condvar::new() })
    }

    pub(crate) fn accepted(&self) -> usize {
        self.state.lock().expect("no holder panics").accepted.len()
    }

    /// Makes calls on several connections: `most` in all, or until the program dies.
    pub(crate) fn call(self: &Arc<Self>, gateway: &str, most: usize) -> Vec<thread::JoinHandle<()>> {
        let gateway = gateway.trim_start_matches("http://").parse().expect("an address");
        let left = Arc::new(AtomicUsize::new(most));
        self.state.lock().expect("no holder panics").calling += CALLERS;
        let caller = || {
            let (promises, left) = (Arc::clone(self), Arc::clone(&left));
            thread::spawn(move || {
                while left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok()
                    && promises.call_once(gateway).is_ok()
                {}
                promises.state.lock().expect("no holder panics").calling -= 1;
                promises.news.notify_all();
            })
        };
        (0..CALLERS).map(|_| caller()).collect()
    }

    /// Waits until `enough` calls were accepted in all, or nobody calls any more.
    pub(crate) fn until_accepted(&self, enough: usize) {
        let waits = |state: &mut State| state.accepted.len() < enough && state.calling > 0;
        let state = self.state.lock().expect("no holder panics");
        drop(self.news.wait_while(state, waits).expect("no holder panics"));
    }

    /// Waits for the callbacks of all accepted calls, as long as some still come.
    pub(crate) fn account(&self, quiet: Duration) -> Account {
        let accepted = &self.state.lock().expect("no holder panics").accepted;
        let mut lost: BTreeSet<usize> = accepted.keys().copied().collect();
        let mut seen = 0;
        self.sink.until(quiet, |arrived| {
            for callback in &arrived[seen..] {
                lost.remove(&number_of(callback));
            }
            seen = arrived.len();
            lost.is_empty()
        });
        let mut account =
            Account { accepted: accepted.len(), lost: lost.into_iter().collect(), ..Account::default() };
        let (mut ids, mut owners, mut taken) = (accepted.clone(), BTreeMap::new(), BTreeSet::new());
        for callback in self.sink.arrived().iter() {
            let (number, id) = (number_of(callback), &callback.headers["webhook-id"]);
            let same_id = ids.entry(number).or_insert_with(|| id.clone()) == id;
            let same_call = *owners.entry(id.clone()).or_insert(number) == number;
            let made = number < self.made.load(SeqCst);
            if !(same_id && same_call && made && callback.body == body(number)) {
                account.wrong.push(number);
            }
            account.repeated += usize::from(!callback.refused && !taken.insert(number));
        }
        account
    }

    fn call_once(&self, gateway: SocketAddr) -> io::Result<()> {
        let number = self.made.fetch_add(1, SeqCst);
        let receiver = self.sink.addresses[number % HOSTS];
        let mut stream = TcpStream::connect(gateway)?;
        let body = body(number);
        let length = body.len();
        write!(
            stream,
            "POST /async-function/echo HTTP/1.1\r\nHost: a\r\nX-Callback-Url: http://{receiver}/{number}\r\n\
             Content-Type: text/plain\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let id = answer.lines().find_map(|line| line.strip_prefix("x-call-id: "));
        let id = id.filter(|_| answer.starts_with("HTTP/1.1 202 ")).ok_or(io::ErrorKind::InvalidData)?;
        self.state.lock().expect("no holder panics").accepted.insert(number, id.to_owned());
        self.news.notify_all();
        Ok(())
    }
}

fn body(number: usize) -> String {
    format!("call {number}")
}

/// Of some calls the first callback.
fn refuses(before: &[Callback], callback: &Callback) -> bool {
    number_of(callback).is_multiple_of(REFUSES_ONE_OF)
        && before.iter().all(|other| other.path != callback.path)
}

fn number_of(callback: &Callback) -> usize {
    callback.path.trim_start_matches('/').parse().expect("a number, as it was asked for")
}

/// Each is sent 50 callbacks a second at most.
const HOSTS: usize = 8;
const CALLERS: usize = 8;
const REFUSES_ONE_OF: usize = 20;

/// The function that is called, and where its program lies.
pub(crate) const TEMPLATE: &str = "\
Transform: AWS::Serverless-2016-10-31
Resources:
  Echo:
    Type: AWS::Serverless::Function
    Properties: {FunctionName: echo, Runtime: provided.al2023, Handler: bootstrap, CodeUri: ., Timeout: 60}
";
pub(crate) const BOOTSTRAP: &[u8] = include_bytes!("promises/bootstrap");
