//! The embedded Lambda service, as `dev` and `lambda` start it.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path,
    process::Command,
    sync::Arc,
};

use event_queue::EventQueue;
use lambda_local::{
    Deployments, ExecutionStore, LocalLambda, LogSink, Observer, Settings, Signatures,
    languages::{self, Tools},
    rust_build::BuildMode,
    template::Template,
    warden::Warden,
};
use tokio::{net::TcpListener, task::JoinSet};

use super::{
    Exit, Failure,
    listeners::{allow_many_files, bind_both},
    terminal::say,
};
use crate::config::Config;
#[cfg(feature = "aws")]
use crate::{
    aws::Account,
    config::{AwsSettings, LambdaSettings},
    forwarder::Forwarder,
};

/// The service's ports and its warden: what must be ours before anything long begins.
pub(super) struct Embedding {
    listeners: Vec<TcpListener>,
    listen: SocketAddr,
    url: String,
    signatures: Signatures,
    warden: Warden,
    tools: Tools,
    concurrency: u32,
    wait_scale: f64,
    events: Option<EventQueue>,
    executions: Option<ExecutionStore>,
    deployments: Option<path::PathBuf>,
    observer: Option<Arc<dyn Observer>>,
    destination: Option<&'static str>,
    #[cfg(feature = "aws")]
    forwarder: Option<Forwarder>,
}

/// The service at work, on its ports.
pub(super) struct Embedded {
    pub(super) service: LocalLambda,
    logs: LogSink,
    servers: JoinSet<()>,
    /// Ends with this.
    #[cfg(feature = "aws")]
    _sending_on: JoinSet<()>,
}

impl Embedding {
    /// `flag` chooses the port.
    ///
    /// # Errors
    /// A port is taken, or the warden cannot be started.
    pub(super) async fn prepare(config: &Config, flag: &str) -> Result<Self, Failure> {
        let listeners = bind_both(config.lambda.listen, flag).await?;
        let url = shown_url(listeners.first().expect("one at least").local_addr()?);
        // Before the limit below is raised: functions keep the one that this process was given.
        let warden =
            start_warden().map_err(|cause| Failure::usage("the warden cannot be started").because(&cause))?;
        allow_many_files();
        let tools = Tools::from_environment(path::absolute(&config.gateway.data_dir)?);
        Ok(Self {
            listeners,
            listen: config.lambda.listen,
            url,
            signatures: Signatures::Ignored,
            warden,
            tools,
            concurrency: config.lambda.concurrency.get(),
            wait_scale: config.lambda.wait_scale.factor(),
            events: None,
            executions: None,
            deployments: None,
            observer: None,
            destination: None,
            #[cfg(feature = "aws")]
            forwarder: None,
        })
    }

    /// Whose requests are answered; without this, everybody's.
    pub(super) fn asking_for(self, signatures: Signatures) -> Self {
        Self { signatures, ..self }
    }

    /// Where asynchronous events are kept; without this, none are taken.
    pub(super) fn keeping(self, events: EventQueue) -> Self {
        Self { events: Some(events), ..self }
    }

    /// Where durable executions are kept; without this, no durable function is called.
    pub(super) fn executing(self, executions: ExecutionStore) -> Self {
        Self { executions: Some(executions), ..self }
    }

    /// Where functions are kept that calls deploy; without this, none are taken.
    pub(super) fn deploying_into(self, folder: path::PathBuf) -> Self {
        Self { deployments: Some(folder), ..self }
    }

    /// Has what comes into the queues of `events` sent on, but for `kept`, where the settings name an SQS service.
    ///
    /// # Errors
    /// There are no credentials, or no region.
    #[cfg(feature = "aws")]
    pub(super) async fn sending_on(
        self,
        lambda: &LambdaSettings,
        aws: &AwsSettings,
        kept: &[&str],
    ) -> Result<Self, Failure> {
        let (Some(endpoint), Some(store)) = (&lambda.sqs_endpoint, self.events.clone()) else {
            return Ok(self);
        };
        let account = Account::find(aws).await;
        let account =
            account.map_err(|cause| Failure::unreachable("SQS cannot be reached").because(&cause))?;
        let kept = kept.iter().map(|&name| name.to_owned()).collect();
        let forwarder = Forwarder { store, account, endpoint: endpoint.to_string(), kept };
        Ok(Self { forwarder: Some(forwarder), ..self })
    }

    /// Who watches calls; without this, nobody.
    pub(super) fn watched_by(self, observer: Arc<dyn Observer>) -> Self {
        Self { observer: Some(observer), ..self }
    }

    /// Which queue is told how events end whose function names no other; without this, none is.
    pub(super) fn telling(self, destination: &'static str) -> Self {
        Self { destination: Some(destination), ..self }
    }

    /// Where the service answers.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// What functions are made ready with.
    pub(super) fn tools(&self) -> &Tools {
        &self.tools
    }

    /// Builds the functions, then serves Lambda's API. Cancel by dropping.
    pub(super) async fn start(self, template: Template, mode: BuildMode) -> Result<Embedded, Failure> {
        if matches!(self.signatures, Signatures::Ignored) && !self.listen.ip().is_loopback() {
            let address = self.listen;
            say(format_args!(
                "warning: Lambda's API asks for no credential, and {address} can be reached from elsewhere"
            ));
        }
        for note in &template.notes {
            say(format_args!("note: {}", note.message));
        }
        let deployments = match self.deployments {
            Some(folder) => {
                Some(Arc::new(Deployments::open(path::absolute(folder)?, self.tools.clone()).await?))
            }
            None => None,
        };
        let settings = Settings {
            account_concurrency: self.concurrency,
            deployments,
            endpoint: Some(self.url),
            path: self.tools.search_path.clone(),
            signatures: self.signatures,
            events: self.events,
            executions: self.executions,
            wait_scale: self.wait_scale,
            observer: self.observer,
            destination: self.destination.map(str::to_owned),
            ..Settings::default()
        };
        let functions = languages::prepare(template.functions, &self.tools, mode).await;
        let logs = LogSink::stderr();
        let service = LocalLambda::start(settings, functions, self.warden, logs.clone())?;
        let mut servers = JoinSet::new();
        for listener in self.listeners {
            let service = service.clone();
            servers.spawn(async move { service.serve(listener).await });
        }
        Ok(Embedded {
            service,
            logs,
            servers,
            #[cfg(feature = "aws")]
            _sending_on: self.forwarder.into_iter().map(send_on).collect(),
        })
    }
}

impl Embedded {
    /// Returns when it is `asked` to end, or can go on no longer.
    ///
    /// # Errors
    /// The warden was killed.
    pub(super) async fn until_ended(&self, asked: impl Future<Output = ()>) -> Result<Exit, Failure> {
        tokio::select! {
            () = asked => Ok(Exit::Done),
            () = self.service.warden_gone() => {
                Err(Failure::unreachable("the warden was killed, and all functions with it; start stayput again"))
            }
        }
    }

    /// Takes no further call, ends every function, and returns when nothing is left of them.
    pub(super) async fn end(mut self) {
        self.service.shutdown().await;
        while self.servers.join_next().await.is_some() {}
        self.logs.flushed().await;
    }
}

#[cfg(feature = "aws")]
async fn send_on(forwarder: Forwarder) {
    let upkeep = forwarder.account.upkeep();
    tokio::select! {
        ended = forwarder.run() => if let Err(error) = ended {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "messages are no longer sent on to SQS");
        },
        () = upkeep => {}
    }
}

/// Was this process asked to be the warden of another?
pub fn is_warden() -> bool {
    std::env::args_os().nth(1).is_some_and(|word| word == WARDEN) && std::env::args_os().len() == 2
}

/// A URL that a client on this machine can use.
pub(super) fn shown_url(address: SocketAddr) -> String {
    let ip = if address.ip().is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { address.ip() };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}

fn start_warden() -> io::Result<Warden> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(WARDEN);
    Warden::start(command)
}

/// The word with which this program is asked to be the warden. Nobody types it.
const WARDEN: &str = "warden";
