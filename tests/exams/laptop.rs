//! `stayput dev` under examination, and asynchronous calls to it.

use std::{
    collections::HashMap,
    io,
    iter::successors,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::Full;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

use super::{
    callers::Connection,
    lives::Lives,
    running::{Running, command_line, root, status_figure},
};

/// The running program.
pub(crate) struct Laptop {
    pub(crate) gateway: SocketAddr,
    admin: SocketAddr,
    running: Running,
}

impl Laptop {
    /// With the sample `echo`, which takes next to no time.
    ///
    /// # Errors
    /// It does not become ready.
    pub(crate) fn of_rust() -> io::Result<Self> {
        Self::of_sample("echo")
    }

    /// With one of the samples in Rust, its answers in streams.
    ///
    /// # Errors
    /// It does not become ready.
    pub(crate) fn of_sample(name: &str) -> io::Result<Self> {
        let folder = root().join("samples").join(name).display().to_string();
        let template = TEMPLATE.replace("FOLDER", &folder).replace("NAME", name);
        let mut lives = Lives::of(template, &["--no-watch", "--release"]);
        Self::go_on(&mut lives, &[("STAYPUT_LAMBDA_CONCURRENCY", "1000".to_owned())])
    }

    /// Where another has ended, or as the first one there.
    ///
    /// # Errors
    /// It does not become ready.
    pub(crate) fn go_on(lives: &mut Lives, variables: &[(&str, String)]) -> io::Result<Self> {
        let running = lives.begin(variables).ok_or_else(|| io::Error::other(lives.stderr()))?;
        let address = |url: &str| url.trim_start_matches("http://").parse().map_err(io::Error::other);
        let (gateway, admin) = (address(&running.shown.gateway)?, address(&running.shown.admin)?);
        Ok(Self { gateway, admin, running })
    }

    pub(crate) fn end(self, lives: &mut Lives) {
        lives.end(Some(self.running));
    }

    /// Resident (`VmRSS`).
    pub(crate) fn memory_kib(&self) -> u64 {
        status_figure(self.running.pid(), "VmRSS:")
    }

    /// Processor time of the program itself, without its functions.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.running.pid())).expect("it runs");
        // Behind the name, which may hold anything: the fields from the third on. Source: proc_pid_stat(5).
        let fields: Vec<_> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
        let ticks: u32 = fields[11..13].iter().map(|ticks| ticks.parse::<u32>().expect("a figure")).sum();
        // For programs there are always 100 a second, whatever the kernel's are.
        Duration::from_millis(10) * ticks
    }

    /// The processes of its function: those below it whose program has that name.
    pub(crate) fn functions(&self, name: &str) -> Vec<i32> {
        let parents = parents();
        let own = i32::try_from(self.running.pid()).expect("a process id");
        let is_below =
            |pid: i32| successors(Some(pid), |pid| parents.get(pid).copied()).any(|pid| pid == own);
        let program = format!("/{name}");
        let is_function = |pid: &i32| is_below(*pid) && command_line(*pid).ends_with(&program);
        parents.keys().copied().filter(is_function).collect()
    }

    /// Files and sockets that it has open.
    pub(crate) fn open_files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.running.pid())).map_or(0, Iterator::count)
    }

    /// Where it runs.
    pub(crate) fn folder(&self) -> &Path {
        self.running.folder()
    }

    /// How many rows of a queue stand so, by its own metrics.
    ///
    /// # Errors
    /// It does not answer.
    pub(crate) async fn rows(&self, queue: &str, state: &str) -> io::Result<u64> {
        self.figure(&format!("stayput_events{{queue=\"{queue}\",state=\"{state}\"}}")).await
    }

    /// A figure of its own metrics; what has nothing to count is not mentioned there.
    ///
    /// # Errors
    /// It does not answer.
    pub(crate) async fn figure(&self, name: &str) -> io::Result<u64> {
        let mut stream = TcpStream::connect(self.admin).await?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let figure =
            answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).unwrap_or("0");
        figure.parse().map_err(io::Error::other)
    }
}

/// Every process's parent.
fn parents() -> HashMap<i32, i32> {
    let processes = std::fs::read_dir("/proc").expect("Linux").flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let parent = |pid: i32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
        Some((pid, line.trim().parse().ok()?))
    };
    pids.filter_map(parent).collect()
}

/// A call of the function, told to `callback` at its end if that is wanted.
pub(crate) fn asynchronous(callback: Option<String>) -> Request<Full<Bytes>> {
    let request = Request::post("/async-function/echo").header(header::HOST, "gateway");
    let request = match callback {
        Some(url) => request.header("x-callback-url", url),
        None => request,
    };
    request.body(Full::new(Bytes::from_static(b"hello"))).expect("a request")
}

/// The same, and its answer waited for.
pub(crate) fn synchronous() -> Request<Full<Bytes>> {
    let request = Request::post("/function/echo").header(header::HOST, "gateway");
    request.body(Full::new(Bytes::from_static(b"hello"))).expect("a request")
}

/// Sends `request` on `connections` connections as long as there is something `left`. How many were answered as they
/// should be, and how many otherwise or not at all.
pub(crate) async fn again_and_again(
    address: SocketAddr,
    connections: usize,
    left: impl Fn() -> bool + Clone + Send + 'static,
    wanted: StatusCode,
    request: impl Fn() -> Request<Full<Bytes>> + Clone + Send + 'static,
) -> (usize, usize) {
    let callers: JoinSet<_> = (0..connections)
        .map(|_| {
            let (left, request) = (left.clone(), request.clone());
            async move {
                let (mut connection, mut good, mut bad) = (Connection::new(address), 0, 0);
                while left() {
                    match connection.send(request()).await {
                        Ok(head) if head.status == wanted => good += 1,
                        Ok(_) | Err(_) => bad += 1,
                    }
                }
                (good, bad)
            }
        })
        .collect();
    let seen = callers.join_all().await;
    seen.into_iter().fold((0, 0), |(good, bad), (more, worse)| (good + more, bad + worse))
}

/// What is left of a time that begins now.
pub(crate) fn time(time: Duration) -> impl Fn() -> bool + Clone + Send + 'static {
    let end = Instant::now() + time;
    move || Instant::now() < end
}

/// What is left of a number.
pub(crate) fn number(most: usize) -> impl Fn() -> bool + Clone + Send + 'static {
    let left = Arc::new(AtomicUsize::new(most));
    move || left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok()
}

const TEMPLATE: &str = "\
Transform: AWS::Serverless-2016-10-31
Resources:
  Sample:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: rust-cargolambda, BuildProperties: {Binary: NAME}}
    Properties:
      FunctionName: NAME
      Runtime: provided.al2023
      Handler: bootstrap
      CodeUri: FOLDER
      Timeout: 60
      FunctionUrlConfig: {AuthType: NONE, InvokeMode: RESPONSE_STREAM}
";
