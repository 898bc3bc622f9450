//! The front as a whole, over sockets of this machine.

use std::{
    future::pending,
    net::SocketAddr,
    num::NonZeroUsize,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{Notify, Semaphore, oneshot},
    task::JoinHandle,
};

use super::*;
use crate::body::Body;

/// A front on a port of its own that answers each request with its path and body.
struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<Ended>,
}

impl Running {
    async fn echo(limits: Limits) -> Self {
        Self::start(limits, |request, _| async {
            let (head, body) = request.into_parts();
            let path = head.uri.path().to_owned();
            let answer = match body.collect().await {
                Ok(body) => [path.as_bytes(), b" ", &body.to_bytes()].concat(),
                Err(_) => b"broken".to_vec(),
            };
            Response::new(Body::whole(answer))
        })
        .await
    }

    async fn start<F, B>(
        limits: Limits,
        handler: impl Fn(Request<Incoming>, SocketAddr) -> F + Clone + Send + 'static,
    ) -> Self
    where
        F: Future<Output = Response<B>> + Send + 'static,
        B: http_body::Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + Unpin + 'static,
    {
        Self::with_observer(limits, Arc::new(()), handler).await
    }

    async fn with_observer<F, B>(
        limits: Limits,
        observer: Arc<dyn Observer>,
        handler: impl Fn(Request<Incoming>, SocketAddr) -> F + Clone + Send + 'static,
    ) -> Self
    where
        F: Future<Output = Response<B>> + Send + 'static,
        B: http_body::Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + Unpin + 'static,
    {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let stopped = async {
            let _dropped = stopped.await;
        };
        let ended = tokio::spawn(serve_here(listener, limits, stopped, observer, handler));
        Self { address, stop, ended }
    }

    async fn call(&self) -> Caller {
        Caller(TcpStream::connect(self.address).await.unwrap())
    }

    /// All that comes back on a connection of its own for `sent`, until the front closes it.
    async fn told(&self, sent: impl AsRef<[u8]>) -> String {
        let mut caller = self.call().await;
        caller.send(sent).await;
        caller.rest().await
    }

    async fn stop(self) -> Ended {
        self.stop.send(()).unwrap();
        self.ended.await.unwrap()
    }
}

struct Caller(TcpStream);

impl Caller {
    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.unwrap();
    }

    /// What comes until the front closes; "…" at the end if it breaks.
    async fn rest(&mut self) -> String {
        let mut read = Vec::new();
        let whole = self.0.read_to_end(&mut read).await.is_ok();
        String::from_utf8_lossy(&read).into_owned() + if whole { "" } else { "…" }
    }

    /// Reads until `end` has come.
    async fn until(&mut self, end: &str) -> String {
        let mut read = Vec::new();
        while !read.ends_with(end.as_bytes()) {
            let byte = self.0.read_u8().await;
            read.push(byte.unwrap_or_else(|_| panic!("only {:?}", String::from_utf8_lossy(&read))));
        }
        String::from_utf8(read).unwrap()
    }
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
}

fn last(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
}

fn count(haystack: &str, needle: &str) -> usize {
    haystack.matches(needle).count()
}

#[tokio::test]
async fn a_refused_head_is_answered_in_its_turn_and_is_the_last() {
    let front = Running::echo(Limits::default()).await;
    let told = front.told(format!("{}{}GET /b HTTP/1.1\n\n{}", get("/a"), get("/aa"), get("/c"))).await;
    assert_eq!(count(&told, "HTTP/1.1 "), 3, "{told}");
    assert!(told.find("/a ").unwrap() < told.find("/aa ").unwrap(), "{told}");
    let refusal = &told[told.find("400 Bad Request").unwrap()..];
    assert!(refusal.contains("connection: close"), "{told}");
    assert!(refusal.ends_with(r#"{"message":"lines of a request's head end in CR LF"}"#), "{told}");
}

/// What a observer was told.
#[derive(Debug, Default)]
struct Told {
    open: AtomicUsize,
    all: AtomicUsize,
    refused: Mutex<Vec<Refusal>>,
}

impl Observer for Told {
    fn opened(&self) {
        self.open.fetch_add(1, SeqCst);
        self.all.fetch_add(1, SeqCst);
    }

    fn closed(&self) {
        self.open.fetch_sub(1, SeqCst);
    }

    fn refused(&self, refusal: Refusal) {
        self.refused.lock().unwrap().push(refusal);
    }
}

#[tokio::test]
async fn connections_and_refusals_are_told() {
    let told = Arc::<Told>::default();
    let observer = Arc::clone(&told) as Arc<dyn Observer>;
    let front = Running::with_observer(Limits::default(), observer, |_, _| async {
        Response::new(Body::whole("ok"))
    })
    .await;
    let mut standing = front.call().await;
    standing.send(get("/a")).await;
    standing.until("ok").await;
    front.told(format!("{}GET / HTTP/3.0\r\n\r\n", get("/b"))).await;
    drop(front.call().await);
    assert_eq!(*told.refused.lock().unwrap(), [Refusal::Version]);
    drop(standing);
    front.stop.send(()).unwrap();
    front.ended.await.unwrap();
    assert_eq!(told.open.load(SeqCst), 0);
    assert_eq!(told.all.load(SeqCst), 3, "the one that only came and went, too");
}

#[tokio::test]
async fn a_caller_who_sends_on_reads_the_refusal() {
    let front = Running::echo(Limits::default()).await;
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6000000\r\nContent-Length: 6000000\r\n\r\n";
    let body = vec![b'x'; 6_000_000];
    let told = front.told([head.as_bytes(), &body].concat()).await;
    assert!(told.starts_with("HTTP/1.1 400") && told.ends_with('}'), "{told}");
}

#[tokio::test]
async fn heads_and_bodies_may_come_in_pieces() {
    let front = Running::echo(Limits::default()).await;
    let mut caller = front.call().await;
    let chunked = "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: u\r\n\r\n";
    let sized = "POST /q HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nfghij";
    for byte in [chunked, sized, &last("/r")].concat().into_bytes() {
        caller.send([byte]).await;
        tokio::task::yield_now().await;
    }
    let told = caller.rest().await;
    assert_eq!(count(&told, "200 OK"), 3, "{told}");
    assert!(told.contains("/p abcde") && told.contains("/q fghij") && told.ends_with("/r "), "{told}");
}

#[tokio::test]
async fn a_body_that_goes_wrong_fails_its_call_and_is_the_end() {
    let front = Running::echo(Limits::default()).await;
    let head = "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let told = front.told(format!("{head}3\r\nabcX\r\n0\r\n\r\n{}", get("/smuggled"))).await;
    assert_eq!(count(&told, "HTTP/1.1 "), 1, "{told}");
    assert!(told.ends_with("broken"), "{told}");
}

#[tokio::test]
async fn a_truncated_head_is_told_so() {
    let front = Running::echo(Limits::default()).await;
    let mut caller = front.call().await;
    caller.send("GET / HTTP/1.1\r\nHost: a\r\nX: ").await;
    caller.0.shutdown().await.unwrap();
    let told = caller.rest().await;
    assert!(told.starts_with("HTTP/1.1 400") && told.contains("within the request's head"), "{told}");
}

#[tokio::test]
async fn going_on_is_said_when_the_body_is_wanted() {
    let (asked, wanted) = (Arc::new(Notify::new()), Arc::new(Semaphore::new(0)));
    let (tell, wait) = (Arc::clone(&asked), Arc::clone(&wanted));
    let front = Running::start(Limits::default(), move |request, _| {
        let (tell, wait) = (Arc::clone(&tell), Arc::clone(&wait));
        async move {
            tell.notify_one();
            wait.acquire().await.unwrap().forget();
            let body = request.into_body().collect().await.unwrap().to_bytes();
            Response::new(Body::whole(body))
        }
    })
    .await;
    let mut caller = front.call().await;
    caller.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n").await;
    asked.notified().await;
    assert_eq!(caller.0.try_read(&mut [0; 1]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    wanted.add_permits(1);
    assert_eq!(caller.until("\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
    caller.send("ok").await;
    assert!(caller.until("ok").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test(start_paused = true)]
async fn waiting_has_an_end() {
    let front = Running::echo(Limits::default()).await;
    let begun = tokio::time::Instant::now();

    let mut slow_head = front.call().await;
    slow_head.send("GET / HTTP/1.1\r\nHo").await;
    let told = slow_head.rest().await;
    assert!(told.starts_with("HTTP/1.1 408") && told.contains("connection: close"), "{told}");
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());

    let begun = tokio::time::Instant::now();
    let mut slow_body = front.call().await;
    slow_body.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nabc").await;
    let told = slow_body.rest().await;
    assert!(told.ends_with("broken"), "{told}");
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());

    let begun = tokio::time::Instant::now();
    let mut idle = front.call().await;
    idle.send(get("/")).await;
    idle.until("/ ").await;
    assert_eq!(idle.rest().await, "");
    assert!((30..33).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());

    // Whoever is waited for is not the function.
    let begun = tokio::time::Instant::now();
    let answering = Running::start(Limits::default(), |_, _| async {
        tokio::time::sleep(Duration::from_secs(300)).await;
        Response::new(Body::whole("late"))
    })
    .await;
    assert!(answering.told(last("/")).await.ends_with("late"));
    assert!(begun.elapsed() >= Duration::from_secs(300));
}

#[tokio::test(start_paused = true)]
async fn a_reader_who_stops_is_cut() {
    const ANSWER_BYTES: usize = 64 << 20;
    let front = Running::start(Limits::default(), |_, _| async {
        Response::new(Body::whole(vec![b'x'; ANSWER_BYTES]))
    })
    .await;
    let mut caller = front.call().await;
    caller.send(get("/")).await;
    caller.until("\r\n\r\n").await;
    tokio::time::sleep(Duration::from_secs(40)).await;
    assert!(caller.rest().await.len() < ANSWER_BYTES, "the kernel's buffers may come, no more");
}

/// An answer that breaks off once its reader has had its first piece.
struct Half(Option<Bytes>, oneshot::Receiver<()>);

impl http_body::Body for Half {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, std::io::Error>>> {
        if let Some(piece) = self.0.take() {
            return std::task::Poll::Ready(Some(Ok(http_body::Frame::data(piece))));
        }
        let read = std::pin::Pin::new(&mut self.1).poll(cx);
        read.map(|_| Some(Err(std::io::ErrorKind::Other.into())))
    }
}

#[track_caller]
fn check_half(version: &'static str, ends: &'static str) -> impl Future<Output = ()> {
    let place = std::panic::Location::caller();
    async move {
        let (read, seen) = oneshot::channel();
        let seen = Arc::new(Mutex::new(Some(seen)));
        let front = Running::start(Limits::default(), move |_, _| {
            let seen = seen.lock().unwrap().take().expect("one request");
            async { Response::new(Half(Some(Bytes::from_static(b"half")), seen)) }
        })
        .await;
        let mut caller = front.call().await;
        caller.send(format!("GET / {version}\r\nHost: a\r\n\r\n")).await;
        caller.until("half").await;
        read.send(()).unwrap();
        assert_eq!(caller.rest().await, ends, "{version} at {place}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_never_looks_whole() {
    // Without the last chunk, which is `0`.
    check_half("HTTP/1.1", "\r\n").await;
    // Where only the connection's end says that all has come, it is no orderly end.
    check_half("HTTP/1.0", "…").await;
}

#[tokio::test]
async fn what_came_before_the_break_is_handed_over_however_slowly_it_is_taken() {
    const PIECE_BYTES: usize = 16 << 20;
    let front = Running::start(Limits::default(), |_, _| async {
        let (_, broken) = oneshot::channel();
        Response::new(Half(Some(vec![b'x'; PIECE_BYTES].into()), broken))
    })
    .await;
    let mut caller = front.call().await;
    caller.send(get("/")).await;
    caller.until("\r\n\r\n").await;
    let rest = caller.rest().await;
    assert_eq!(rest.matches('x').count(), PIECE_BYTES);
    assert!(!rest.ends_with("0\r\n\r\n"));
}

#[tokio::test]
async fn places_are_counted() {
    let front = Running::echo(Limits { connections: 1, ..Limits::default() }).await;
    let mut first = front.call().await;
    first.send(get("/first")).await;
    first.until("/first ").await;
    let mut second = front.call().await;
    second.send(last("/second")).await;
    assert!(tokio::time::timeout(Duration::from_millis(50), second.0.readable()).await.is_err());
    drop(first);
    assert!(second.rest().await.ends_with("/second "));
}

#[tokio::test]
async fn the_end_waits_for_calls_and_not_for_the_idle() {
    let (asked, wanted) = (Arc::new(Notify::new()), Arc::new(Semaphore::new(0)));
    let (tell, wait) = (Arc::clone(&asked), Arc::clone(&wanted));
    let front = Running::start(Limits::default(), move |request, _| {
        let (tell, wait) = (Arc::clone(&tell), Arc::clone(&wait));
        async move {
            if request.uri().path() == "/slow" {
                tell.notify_one();
                wait.acquire().await.unwrap().forget();
            }
            Response::new(Body::whole("done"))
        }
    })
    .await;
    let mut idle = front.call().await;
    idle.send(get("/")).await;
    idle.until("done").await;
    let mut running = front.call().await;
    running.send(get("/slow")).await;
    asked.notified().await;
    front.stop.send(()).unwrap();
    assert_eq!(idle.rest().await, "");
    wanted.add_permits(1);
    let told = running.rest().await;
    assert!(told.contains("connection: close") && told.ends_with("done"), "{told}");
    drop(running);
    assert_eq!(front.ended.await.unwrap(), Ended { cut: 0 });
    assert!(TcpStream::connect(front.address).await.is_err());
}

/// The kernel has the request and the runtime has not been told of it: nothing here yields in between.
#[tokio::test]
async fn what_was_sent_before_the_end_is_answered() {
    let front = Running::echo(Limits::default()).await;
    let mut caller = front.call().await;
    caller.send(get("/first")).await;
    caller.until("/first ").await;
    let caller = caller.0.into_std().unwrap();
    std::io::Write::write_all(&mut &caller, get("/second").as_bytes()).unwrap();
    front.stop.send(()).unwrap();
    let mut caller = Caller(TcpStream::from_std(caller).unwrap());
    let told = caller.rest().await;
    assert!(told.contains("connection: close") && told.ends_with("/second "), "{told}");
}

#[tokio::test(start_paused = true)]
async fn calls_that_outlast_the_end_are_cut_and_counted() {
    let asked = Arc::new(Notify::new());
    let tell = Arc::clone(&asked);
    let front = Running::start(Limits::default(), move |_, _| {
        let tell = Arc::clone(&tell);
        async move {
            tell.notify_one();
            pending::<Response<Body>>().await
        }
    })
    .await;
    let mut caller = front.call().await;
    caller.send(get("/")).await;
    asked.notified().await;
    assert_eq!(front.stop().await, Ended { cut: 1 });
    assert_eq!(caller.rest().await, "");
}

/// Exam R7: whatever the handler was asked is answered whole, fifty times.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_accepted_call_is_cut_at_the_end() {
    for round in 0..50 {
        let began = Arc::new(AtomicUsize::new(0));
        let listening = Listening::bind(SocketAddr::from(([127, 0, 0, 1], 0)), NonZeroUsize::new(2).unwrap());
        let listening = listening.unwrap();
        let address = listening.local_addr();
        let (stop, stopped) = oneshot::channel::<()>();
        let counted = Arc::clone(&began);
        let front = tokio::spawn(serve(
            listening,
            Limits::default(),
            async {
                let _dropped = stopped.await;
            },
            Arc::new(()),
            move |_, _| {
                counted.fetch_add(1, SeqCst);
                async {
                    tokio::task::yield_now().await;
                    Response::new(Body::whole(Bytes::from_static(b"whole")))
                }
            },
        ));
        let callers: Vec<_> = (0..16)
            .map(|_| {
                tokio::spawn(async move {
                    let mut answered = 0;
                    while let Ok(stream) = TcpStream::connect(address).await {
                        let mut stream = stream;
                        let mut answer = [0; 256];
                        while stream.write_all(get("/").as_bytes()).await.is_ok() {
                            let read = stream.read(&mut answer).await.unwrap_or(0);
                            if read == 0 {
                                break;
                            }
                            // So short an answer is written in one piece.
                            assert!(answer[..read].ends_with(b"whole"));
                            answered += 1;
                        }
                    }
                    answered
                })
            })
            .collect();
        while began.load(SeqCst) < 200 + 20 * round {
            tokio::task::yield_now().await;
        }
        stop.send(()).unwrap();
        assert_eq!(front.await.unwrap().unwrap(), Ended { cut: 0 });
        let mut answered = 0;
        for caller in callers {
            answered += caller.await.unwrap();
        }
        assert_eq!(answered, began.load(SeqCst), "round {round}");
    }
}
