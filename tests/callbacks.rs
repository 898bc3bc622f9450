//! Where callbacks go, and where they never do: hostile URLs against the deliverer's post, with a network that records what
//! is looked up and dialled.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use stayput::deliverer::{Network, NetworkFuture, Post};
use stayput_core::{
    CallbackUrl,
    callback::{HostPattern, Policy, Verdict, classify},
    delivery::{Attempted, NoAnswer},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

#[tokio::test]
async fn hostile_urls_are_refused_or_forbidden_and_nothing_of_theirs_is_dialled() {
    let network = Arc::new(Recorder::start().await.expect("a port"));
    let post = post(&network);
    let policy = policy();
    let corpus = include_str!("callbacks/urls.txt").lines().filter(|line| !line.starts_with('#'));
    let (mut differences, mut count) = (Vec::new(), 0);
    for line in corpus {
        let (expected, url) = line.split_once(' ').expect("a verdict and a URL");
        let seen = match CallbackUrl::parse(url.trim_start().as_bytes(), &policy) {
            Err(_) => "refused",
            Ok(url) => match post.send(&url, &policy, HeaderMap::new(), Bytes::from_static(b"{}")).await {
                Attempted::NoAnswer(NoAnswer::Forbidden) => "forbidden",
                // The recorder speaks no TLS.
                Attempted::Answered { .. } | Attempted::NoAnswer(NoAnswer::Tls) => "dialled",
                Attempted::NoAnswer(_) => "lost",
            },
        };
        count += 1;
        if seen != expected {
            differences.push(format!("{url}: {seen}, and {expected} was expected"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(count >= 150, "{count} URLs");
    let dialled = network.dialled.lock().expect("no holder panics");
    assert!(!dialled.is_empty());
    for address in dialled.iter() {
        let public = Policy::default();
        assert_eq!(classify(address.ip(), &public), Verdict::Allowed, "{address} was dialled");
    }
}

#[tokio::test]
async fn a_name_that_leads_elsewhere_the_next_time_is_looked_up_at_each_attempt() {
    let network = Arc::new(Recorder::start().await.expect("a port"));
    let (post, policy) = (post(&network), policy());
    let url = CallbackUrl::parse(b"http://rebinds-later.example/", &policy).expect("it looks well");
    let send = async || post.send(&url, &policy, HeaderMap::new(), Bytes::new()).await;
    assert!(matches!(send().await, Attempted::Answered { status: StatusCode::OK, .. }));
    assert_eq!(send().await, Attempted::NoAnswer(NoAnswer::Forbidden));
    assert_eq!(network.dialled.lock().expect("no holder panics").len(), 1);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let network = Arc::new(Recorder::start().await.expect("a port"));
    let url = CallbackUrl::parse(b"http://redirects.example/", &policy()).expect("it looks well");
    let attempted = post(&network).send(&url, &policy(), HeaderMap::new(), Bytes::new()).await;
    assert_eq!(attempted, Attempted::Answered { status: StatusCode::FOUND, retry_after: None });
    assert_eq!(network.dialled.lock().expect("no holder panics").len(), 1);
}

fn policy() -> Policy {
    Policy { own_names: vec![HostPattern::parse("gateway.example").expect("a name")], ..Policy::default() }
}

fn post(network: &Arc<Recorder>) -> Post {
    Post {
        network: Arc::clone(network) as Arc<dyn Network>,
        #[cfg(feature = "tls")]
        tls: Some(stayput::tls::Tls::trusting(rustls::RootCertStore::empty())),
    }
}

/// Answers look-ups from a table, and connects everything to one receiver.
#[derive(Debug)]
struct Recorder {
    receiver: SocketAddr,
    looked_up: Mutex<HashMap<String, usize>>,
    dialled: Mutex<Vec<SocketAddr>>,
}

impl Recorder {
    async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let receiver = listener.local_addr()?;
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(receive(stream));
            }
        });
        Ok(Self { receiver, looked_up: Mutex::default(), dialled: Mutex::default() })
    }

    /// The last answer stays.
    fn answer(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let answers =
            names().find(|(name, _)| *name == host).map_or_else(|| vec![PUBLIC], |(_, answers)| answers);
        let mut looked_up = self.looked_up.lock().expect("no holder panics");
        let turn = looked_up.entry(host.to_owned()).or_default();
        let answer = answers[(*turn).min(answers.len() - 1)];
        *turn += 1;
        answer.split(',').map(|address| address.parse().map_err(io::Error::other)).collect()
    }
}

impl Network for Recorder {
    fn resolve<'a>(&'a self, host: &'a str) -> NetworkFuture<'a, Vec<IpAddr>> {
        Box::pin(async move { self.answer(host) })
    }

    fn dial(&self, address: SocketAddr) -> NetworkFuture<'_, TcpStream> {
        self.dialled.lock().expect("no holder panics").push(address);
        Box::pin(TcpStream::connect(self.receiver))
    }
}

/// Reads a head and answers it: `redirects.example` with a redirect to where nobody should go.
async fn receive(mut stream: TcpStream) -> io::Result<()> {
    let mut read = Vec::new();
    while !read.windows(4).any(|window| window == b"\r\n\r\n") {
        let is_over = stream.read_buf(&mut read).await? == 0;
        if is_over || read[0] == TLS_HANDSHAKE {
            return Ok(());
        }
    }
    let is_redirect = String::from_utf8_lossy(&read).contains("host: redirects.example");
    let answer: &[u8] = if is_redirect {
        b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n"
    } else {
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
    };
    stream.write_all(answer).await
}

/// With which a client that wants TLS begins (RFC 8446 §5.1).
const TLS_HANDSHAKE: u8 = 22;

/// What names lead to, look-up by look-up; all others are public.
fn names() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    let lines = include_str!("callbacks/names.txt").lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| {
        let mut words = line.split_whitespace();
        (words.next().expect("a name"), words.collect())
    })
}

const PUBLIC: &str = "93.184.216.34";
