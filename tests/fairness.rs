//! One caller wants everything; the others get theirs. The exam E2, small enough to run with all other tests: whether
//! anybody is refused is asserted, how long it takes is printed (run it in a release build for figures that count).

use std::{
    io,
    net::SocketAddr,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header, request};
use http_body_util::{BodyExt, Empty};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use lambda_protocol::function::FunctionRef;
use stayput::{
    access_log::AccessLog,
    backend::{BackendFuture, LambdaBackend, Reply, ReplyBody},
    buffer::BufferBudget,
    config::LogFormat,
    front,
    gateway::Gateway,
    metrics::Metrics,
    rules::{LiveRules, Rules},
    telemetry::Telemetry,
};
use stayput_core::{
    Credential, DIALECTS, FunctionKey,
    keys::{CredentialHash, Key, Keyring, Right, Scope},
    limits::Limits,
    table::{Function, Table},
};
use tokio::{net::TcpListener, sync::oneshot, task::JoinSet};

#[test]
fn one_key_at_twenty_times_its_share_has_none_of_the_others_refused() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let (address, _stop) = start().await;
        let alone = others(address).await;

        let (over, refused) = (Arc::<AtomicBool>::default(), Arc::<AtomicU32>::default());
        let greedy = greedy(address, &over, &refused);
        while refused.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        let beside = others(address).await;
        over.store(true, Ordering::Relaxed);
        greedy.join_all().await;

        let refused = refused.load(Ordering::Relaxed);
        println!(
            "p99 alone {:?}, beside the greedy one {:?}; {refused} of its calls refused",
            p99(&alone),
            p99(&beside)
        );
    });
}

/// All keys but the first, each with its connections; every call has to be answered.
async fn others(address: SocketAddr) -> Vec<Duration> {
    let mut connections = JoinSet::new();
    for key in 1..KEYS {
        for _ in 0..CONNECTIONS {
            connections.spawn(async move {
                let client = client();
                let mut times = Vec::with_capacity(CALLS);
                for _ in 0..CALLS {
                    let start = Instant::now();
                    let status = call(&client, address, key).await;
                    assert_eq!(status, StatusCode::OK, "key {key} is refused");
                    times.push(start.elapsed());
                }
                times
            });
        }
    }
    connections.join_all().await.concat()
}

/// The first key.
fn greedy(address: SocketAddr, over: &Arc<AtomicBool>, refused: &Arc<AtomicU32>) -> JoinSet<()> {
    let connections = (0..GREEDY_CONNECTIONS).map(|_| {
        let (over, refused) = (Arc::clone(over), Arc::clone(refused));
        async move {
            let client = client();
            while !over.load(Ordering::Relaxed) {
                if call(&client, address, 0).await != StatusCode::OK {
                    refused.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    });
    connections.collect()
}

async fn call(client: &HttpClient, address: SocketAddr, key: usize) -> StatusCode {
    let request = Request::post(format!("http://{address}/function/echo"))
        .header(header::AUTHORIZATION, format!("Bearer {}", secret(key)))
        .body(Empty::new());
    let response = client.request(request.expect("a request")).await.expect("an answer");
    let status = response.status();
    response.into_body().collect().await.expect("a whole answer");
    status
}

async fn start() -> (SocketAddr, oneshot::Sender<()>) {
    let (keys, table) = (keys(), table());
    let log = AccessLog::start(LogFormat::Text, io::sink()).expect("a thread");
    let telemetry = Telemetry::new(Arc::new(Metrics::new(&table)), Arc::new(log));
    let gateway = Arc::new(Gateway {
        dialects: DIALECTS,
        rules: Arc::new(LiveRules::new(Rules { table, keys })),
        backend: Arc::new(Slow),
        buffers: BufferBudget::new(64 << 20),
        limits: Limits::new(NonZeroU32::new(PLACES).expect("some")),
        tokens: None,
        acceptance: None,
        telemetry,
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("it is bound");
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async move {
        let _dropped = stopped.await;
    };
    tokio::spawn(front::serve_here(
        listener,
        front::Limits::default(),
        stopped,
        Arc::new(()),
        move |request, peer| {
            let gateway = Arc::clone(&gateway);
            async move { gateway.serve(request, peer).await }
        },
    ));
    (address, stop)
}

/// Every call takes as long as a function that waits for something.
#[derive(Debug)]
struct Slow;

impl LambdaBackend for Slow {
    fn call(&self, _: request::Parts, _: Bytes) -> BackendFuture<'_> {
        Box::pin(async {
            tokio::time::sleep(FUNCTION_TIME).await;
            let (head, ()) = Response::new(()).into_parts();
            Ok(Reply { head, body: ReplyBody::Whole(Bytes::from_static(br#"{"statusCode":200}"#)) })
        })
    }
}

fn keys() -> Keyring {
    let mut ring = Keyring::default();
    for key in 0..KEYS {
        let permission = Key::new(format!("key-{key}"), Scope::All, Scope::All, &[Right::Invoke]);
        ring.add(CredentialHash::of(&Credential::new(secret(key))), permission);
    }
    ring
}

fn table() -> Table {
    let mut table = Table::default();
    let timeout = Duration::from_secs(30);
    let function = Function {
        lambda: FunctionRef::new("echo"),
        qualifier: None,
        payload_is_event: false,
        durable: false,
        streams: false,
        timeout,
    };
    table.add("openfaas", FunctionKey::new("echo"), Arc::new(function));
    table
}

fn secret(key: usize) -> String {
    format!("secret-of-key-{key}")
}

fn client() -> HttpClient {
    Client::builder(TokioExecutor::new()).build_http()
}

fn p99(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted[sorted.len() * 99 / 100]
}

type HttpClient = Client<HttpConnector, Empty<Bytes>>;

const PLACES: u32 = 80;

/// Of ten keys each has two places of its own, and a share of eight.
const KEYS: usize = 10;
const CONNECTIONS: usize = 2;
/// Twenty times its share. It comes to hold two and 4/5 of the sixty in common.
const GREEDY_CONNECTIONS: usize = 160;

/// On each connection of the others.
const CALLS: usize = 50;
const FUNCTION_TIME: Duration = Duration::from_millis(20);
/// How long the greedy one waits after a refusal: less than it is told.
const PAUSE: Duration = Duration::from_millis(100);
