//! A gateway in front of a Lambda, and a caller who speaks Stedi's dialect to it.

use std::{
    io,
    net::SocketAddr,
    num::NonZeroU32,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, Response, response};
use http_body_util::{BodyExt as _, Full};
use lambda_protocol::{
    function::FunctionRef,
    sigv4::{Credentials, SecretKey},
};
use stayput::{
    access_log::AccessLog,
    backend::{
        LambdaBackend,
        lean::{Identities, Identity, Lean, LeanSettings, Origin, Service},
    },
    body::Body,
    buffer::BufferBudget,
    config::LogFormat,
    gateway::Gateway,
    metrics::{Levels, Metrics},
    rules::{LiveRules, Rules},
    telemetry::Telemetry,
};
use stayput_core::{
    Credential, DIALECTS, FunctionKey,
    keys::{CredentialHash, Key, Keyring, Right, Scope},
    limits::Limits,
    table::{Function, Table},
};
use tokio::runtime::Runtime;

/// Makes a backend that calls a Lambda at an address.
type Backend = fn(SocketAddr) -> Arc<dyn LambdaBackend>;

pub(crate) const BACKENDS: [(&str, Backend); 2] = [("lean", lean), ("sdk", sdk)];

/// The table's patience with the function.
pub(crate) const DEADLINE: Duration = Duration::from_millis(1_500);

/// What the caller got.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Answer {
    Whole {
        status: u16,
        body: Vec<u8>,
    },
    /// A head, and then not all of its body.
    Cut,
}

/// A streamed answer, as far as it came.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) head: response::Parts,
    pub(crate) came: Vec<u8>,
    /// Did it come to its proper end?
    pub(crate) is_whole: bool,
}

pub(crate) struct Caller {
    gateway: Gateway,
    runtime: Runtime,
}

impl Caller {
    pub(crate) fn new(backend: Arc<dyn LambdaBackend>) -> Self {
        let function = Function {
            lambda: FunctionRef::new("echo"),
            qualifier: None,
            payload_is_event: false,
            durable: false,
            streams: false,
            timeout: DEADLINE,
        };
        let mut table = Table::default();
        let streaming = Function { lambda: FunctionRef::new("ticker"), streams: true, ..function.clone() };
        table.add("stedi", FunctionKey::new("echo"), Arc::new(function));
        table.add("altair", FunctionKey::new("dev/ticker"), Arc::new(streaming));
        let mut keys = Keyring::default();
        let key = Key::new("caller", Scope::All, Scope::All, &Right::ALL);
        keys.add(CredentialHash::of(&Credential::new(KEY)), key);
        let metrics = Arc::new(Metrics::new(&table));
        let log = Arc::new(AccessLog::start(LogFormat::Text, io::sink()).expect("a log"));
        let gateway = Gateway {
            dialects: DIALECTS,
            rules: LiveRules::new(Rules { table, keys }).into(),
            backend,
            buffers: BufferBudget::new(64 << 20),
            limits: Limits::new(NonZeroU32::MIN),
            tokens: None,
            acceptance: None,
            telemetry: Telemetry::new(metrics, log),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        Self { gateway, runtime }
    }

    /// A call of a function that streams.
    pub(crate) fn stream(&self) -> Stream {
        self.runtime.block_on(async {
            let (head, mut body) = self.begin_stream().await.into_parts();
            let mut came = Vec::new();
            loop {
                match body.frame().await {
                    None => return Stream { head, came, is_whole: true },
                    Some(Err(_)) => return Stream { head, came, is_whole: false },
                    Some(Ok(frame)) => came.extend_from_slice(&frame.into_data().expect("no trailers")),
                }
            }
        })
    }

    /// Such a call, whose caller goes once the head is here.
    pub(crate) fn leave_stream(&self) {
        drop(self.runtime.block_on(self.begin_stream()));
    }

    async fn begin_stream(&self) -> Response<Body> {
        let request = Request::get("/spaces/dev/functions/ticker/invoke/")
            .header("authorization", format!("Bearer {KEY}"))
            .body(Full::new(Bytes::new()))
            .expect("a request");
        self.gateway.serve(request, ([127, 0, 0, 1], 1).into()).await
    }

    /// The figures' line that begins so; what follows.
    pub(crate) fn figure(&self, name: &str) -> Option<String> {
        let figures = self.gateway.telemetry.metrics.encode(Levels::default());
        figures.lines().find_map(|line| line.strip_prefix(name).map(|value| value.trim().to_owned()))
    }

    /// One call, and how long it took to its end.
    pub(crate) fn call(&self) -> (Answer, Duration) {
        let request = Request::post("/2021-11-16/functions/echo/invocations")
            .header("authorization", format!("Key {KEY}"))
            .header("accept", "application/octet-stream")
            .body(Full::new(Bytes::from_static(b"{\"n\":1}")))
            .expect("a request");
        let begun = Instant::now();
        let answer = self.runtime.block_on(async {
            let response = self.gateway.serve(request, ([127, 0, 0, 1], 1).into()).await;
            let status = response.status().as_u16();
            match response.into_body().collect().await {
                Ok(body) => Answer::Whole { status, body: body.to_bytes().into() },
                Err(_) => Answer::Cut,
            }
        });
        (answer, begun.elapsed())
    }
}

fn lean(address: SocketAddr) -> Arc<dyn LambdaBackend> {
    let identities = Identities::default();
    let credentials = Credentials::new("AKIDEXAMPLE", SecretKey::new("secret"), None).expect("an access key");
    identities.replace(Identity::new(credentials, None));
    let settings = LeanSettings {
        service: Service::lambda(),
        origin: Origin::parse(&format!("http://{address}")).expect("a URL"),
        region: "us-east-1".to_owned(),
        connect_limit: DEADLINE,
        max_connections: 10,
        keep_idle: Duration::from_secs(20),
        stall_limit: Duration::from_millis(300),
        tls: None,
    };
    Arc::new(Lean::new(settings, identities))
}

fn sdk(address: SocketAddr) -> Arc<dyn LambdaBackend> {
    let credentials = aws_credential_types::Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
    let config = aws_config::SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .region(aws_config::Region::new("us-east-1"))
        .http_client(stayput::aws::http_client())
        .endpoint_url(format!("http://{address}"))
        .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(credentials))
        .build();
    Arc::new(stayput::backend::sdk::Sdk::new(stayput::aws::lambda_client(&config)))
}

/// The caller's credential.
const KEY: &str = "the-callers-key";
