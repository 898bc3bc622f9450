//! The service itself: one call in, one answer out, whether it came through a socket or from within the process.

use std::{io, sync::Arc, time::SystemTime};

use bytes::Bytes;
use event_queue::EventQueue;
use http::{HeaderMap, HeaderValue, Response, StatusCode, request};
use lambda_protocol::{
    api_error::{ApiError, ErrorCode},
    function::Qualifier,
    invoke::{InvocationType, Invoke, InvokeReply, LogType, Operation, X_AMZN_REQUEST_ID},
    sigv4::Verifier,
};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
};
use uuid::Uuid;

use crate::{
    answer::{Answering, Arrived},
    api::{self, House},
    deploy::Deployments,
    environment::{Call, LAMBDA_RUNTIME_COGNITO_IDENTITY, id_header},
    event_stream::EventStream,
    events::{
        EventLog, SqsQueue,
        config::{self, Configs},
        envelope::Envelope,
        inbox,
        worker::Worker,
    },
    executions::{self, Executions, start::Start},
    front,
    function::{DurableConfig, EventInvokeConfig, Function, RecursiveLoop, Version},
    functions::Functions,
    invoke::{self, Kind},
    logs::LogSink,
    observer::Step,
    pool::driver::{Closing, Driver},
    response_body::Body,
    run::{Runner, Traces, continued},
    settings::Settings,
    warden::Warden,
};

/// A running local Lambda. Cheap to clone; all clones are one service, which runs until [`shutdown`](Self::shutdown)
/// or until its warden ends with this process.
#[derive(Clone, Debug)]
pub struct LocalLambda {
    pub(crate) runner: Runner,
    configs: Arc<Configs>,
    events: Option<Events>,
    deployments: Option<Arc<Deployments>>,
    executions: Option<Durable>,
    verifier: Option<Arc<Verifier>>,
    /// Places for requests that bring an archive.
    pub(crate) uploads: Arc<Semaphore>,
}

/// Where events are kept, and whoever runs them.
#[derive(Clone, Debug)]
struct Events {
    queue: EventQueue,
    /// Closed when the worker has ended.
    worker: watch::Receiver<()>,
}

/// Where executions are kept, and whoever looks after them.
#[derive(Clone, Debug)]
struct Durable {
    executions: Arc<Executions>,
    /// Closed when nothing is left to be done.
    worker: watch::Receiver<()>,
}

impl LocalLambda {
    /// Starts the service. Functions are started when they are first invoked, and by the events that are due.
    ///
    /// # Panics
    /// Outside a Tokio runtime with time and I/O enabled; that is where environments will live.
    ///
    /// # Errors
    /// `InvalidInput`: region, account or scale are none. Else: the events' database cannot be read.
    pub fn start(
        mut settings: Settings,
        functions: Vec<Function>,
        warden: Warden,
        logs: LogSink,
    ) -> io::Result<Self> {
        settings.check().map_err(|message| io::Error::new(io::ErrorKind::InvalidInput, message))?;
        let queue = settings.events.take();
        let deployments = settings.deployments.take();
        let executions = settings.executions.take();
        let (deployed, qualified) = match &deployments {
            Some(deployments) => (deployments.own_functions(), deployments.qualified()),
            None => (Vec::new(), Vec::new()),
        };
        let qualified = qualified.into_iter().map(|(name, qualifier)| config::key(&name, Some(&qualifier)));
        // Of two with one name the template's counts, which is read last.
        let all = deployed.iter().chain(&functions);
        let configs = Configs::load(queue.clone(), all, qualified, SystemTime::now());
        let configs = Arc::new(configs.map_err(io::Error::other)?);
        let functions = Arc::new(Functions::new(functions));
        let verifier = settings.verifier().map(Arc::new);
        let logs = logs.watched_by(settings.observer.clone());
        let driver = Driver::start(settings, Arc::clone(&functions), warden, logs);
        let runner = Runner { functions, driver };
        if let Some(deployments) = &deployments {
            deployments.begin(&runner, SystemTime::now());
        }
        let executions = executions.map(|store| {
            let (executions, worker) = Executions::begin(store, runner.clone(), queue.clone());
            Durable { executions, worker }
        });
        let events = queue.map(|queue| {
            let (runner, configs) = (runner.clone(), Arc::clone(&configs));
            let executions = executions.as_ref().map(|durable| Arc::clone(&durable.executions));
            let worker = Worker { queue: queue.clone(), runner, configs, executions }.start();
            Events { queue, worker }
        });
        Ok(Self {
            runner,
            configs,
            events,
            deployments,
            executions,
            verifier,
            uploads: Arc::new(Semaphore::new(MAX_UPLOADS)),
        })
    }

    /// Answers a request of Lambda's HTTP API as the socket would. The future may be dropped: an invocation that
    /// has begun goes on to its end, as on AWS.
    pub async fn call(&self, head: request::Parts, body: Bytes) -> Response<Body> {
        match self.admit(&head) {
            Ok(admitted) => self.run(admitted, body).await,
            Err(refused) => refused.answer(),
        }
    }

    /// Serves Lambda's HTTP API on `listener` until [`shutdown`](Self::shutdown).
    pub async fn serve(&self, listener: TcpListener) {
        front::serve(self.clone(), listener).await;
    }

    /// In the order in which they were given.
    pub fn functions(&self) -> Vec<Arc<Function>> {
        self.runner.functions.all()
    }

    /// From now on `function` answers for the one of its name: calls that run finish on the old one, those that come
    /// run on the new one, events that wait among them, and nothing is dropped. The reservation, what is done about
    /// events and the URL stay as they were. False: there is none of that name.
    pub fn replace(&self, function: Function) -> bool {
        let Some(at) = self.runner.functions.named(&function.name) else { return false };
        let old = self.runner.functions.get(at);
        let (events, url) = (old.events.clone(), old.url.clone());
        let function = Function { events, url, ..function };
        if let Some(deployments) = &self.deployments {
            deployments.built_again(&function, SystemTime::now());
        }
        self.runner.driver.replace(at, function);
        true
    }

    /// Hears of it when functions come, change or go by calls.
    pub fn renamed(&self) -> watch::Receiver<()> {
        self.runner.functions.renamed()
    }

    /// Who is told how events of the function end: well, and badly. `None`: nobody.
    pub fn destinations(&self, function: &str, qualifier: Option<&str>) -> [Option<String>; 2] {
        let config = self.configs.of(&config::key(function, qualifier)).config.map(|dated| dated.config);
        let EventInvokeConfig { on_success, on_failure, .. } = config.unwrap_or_default();
        [on_success, on_failure]
            .map(|named| named.or_else(|| self.runner.driver.settings.destination.clone()))
    }

    /// The events that wait, run or are dead. `None`: this service keeps none.
    pub fn events(&self) -> Option<EventLog> {
        self.events.as_ref().map(|events| EventLog::new(events.queue.clone()))
    }

    /// The SQS queue of this ARN, where destinations and dead letters go. `None`: this service keeps none, or it is no such
    /// ARN.
    pub fn sqs(&self, arn: &str) -> Option<SqsQueue> {
        SqsQueue::by_arn(self.events.as_ref()?.queue.clone(), arn)
    }

    /// Takes no further call, kills all environments and returns when nothing is left of them. Calls that are
    /// running are answered with a `ServiceException`; events that are running run again at the next start.
    pub async fn shutdown(&self) {
        self.runner.driver.shut_down().await;
        if let Some(Events { worker, .. }) = &self.events {
            // It says nothing and ends.
            let _ = worker.clone().changed().await;
        }
        if let Some(Durable { worker, .. }) = &self.executions {
            let _ = worker.clone().changed().await;
        }
    }

    /// Returns when the warden is gone, and with it every function: no call can run any more.
    pub async fn warden_gone(&self) {
        self.runner.driver.warden.gone().await;
    }

    pub(crate) fn closing(&self) -> Closing {
        self.runner.driver.closing()
    }

    /// Present where a request must be signed.
    pub(crate) fn verifier(&self) -> Option<&Verifier> {
        self.verifier.as_deref()
    }

    /// Everything that can be decided before the body is read.
    ///
    /// # Errors
    /// The request goes no further.
    pub(crate) fn admit(&self, head: &request::Parts) -> Result<Admitted, Refused> {
        let (kind, decoded) = match api::invoke_async(head) {
            Some(decoded) => (Some(Kind::InvokeAsync), Some(decoded)),
            None => (None, Invoke::decode(head)),
        };
        let invoke = match decoded {
            None => {
                let call = api::Call::route(head).ok_or_else(|| Refused::unread(unknown_operation()))?;
                return Ok(Admitted { request_id: Uuid::new_v4(), wanted: Wanted::Configure(call) });
            }
            Some(Err(error)) => return Err(Refused::unread(error)),
            Some(Ok(invoke)) => invoke,
        };
        let kind = kind.unwrap_or(match invoke.invocation_type {
            InvocationType::RequestResponse | InvocationType::DryRun => Kind::Synchronous,
            InvocationType::Event => Kind::Event,
        });
        let request_id = invoke.request_id.unwrap_or_else(Uuid::new_v4);
        let is_handed_on = is_handed_on(&head.headers);
        let admit = || {
            let at = self.runner.functions.find(&invoke, &self.runner.driver.settings)?;
            let client_context = match kind {
                Kind::Synchronous => invoke.client_context_json()?,
                // Events have none, and what is there is not looked at.
                Kind::Event | Kind::InvokeAsync => None,
            };
            if !is_handed_on {
                self.check_durable(at, &invoke)?;
            }
            Ok((at, client_context))
        };
        match admit() {
            Ok((at, client_context)) => {
                let cognito_identity = cognito_identity(&head.headers);
                let invocation =
                    Invocation { at, kind, client_context, cognito_identity, is_handed_on, invoke };
                Ok(Admitted { request_id, wanted: Wanted::Invoke(Box::new(invocation)) })
            }
            Err(error) => Err(Refused { error, request_id }),
        }
    }

    /// The rest: the payload's checks, and the function.
    pub(crate) async fn run(&self, admitted: Admitted, payload: Bytes) -> Response<Body> {
        let Admitted { request_id, wanted } = admitted;
        let outcome = match wanted {
            Wanted::Configure(call) => self.configure(call, &payload, request_id).await,
            Wanted::Invoke(invocation) => self.invoke(*invocation, payload, request_id).await,
        };
        outcome.unwrap_or_else(|error| Refused { error, request_id }.answer())
    }

    async fn configure(
        &self,
        call: api::Call,
        body: &[u8],
        request_id: Uuid,
    ) -> Result<Response<Body>, ApiError> {
        let Self { runner, configs, deployments, executions, .. } = self;
        let executions = executions.as_ref().map(|durable| &durable.executions);
        let house = House { configs, runner, deployments: deployments.as_deref(), executions };
        let mut response = call.answer(body, house).await?;
        response.headers_mut().insert(X_AMZN_REQUEST_ID, id_header(request_id));
        Ok(response.map(Body::from))
    }

    async fn invoke(
        &self,
        invocation: Invocation,
        payload: Bytes,
        request_id: Uuid,
    ) -> Result<Response<Body>, ApiError> {
        let payload = invoke::check_payload(payload, invocation.kind)?;
        let function = self.runner.functions.get(invocation.at);
        if let (Some(config), false) = (function.durable, invocation.is_handed_on)
            && invocation.invoke.invocation_type != InvocationType::DryRun
        {
            return self.begin_execution(invocation, &function, config, payload, request_id).await;
        }
        match invocation.invoke.invocation_type {
            InvocationType::RequestResponse => self.run_and_wait(invocation, payload, request_id).await,
            InvocationType::Event => self.accept(&invocation, payload, request_id).await,
            InvocationType::DryRun => Ok(bare(InvocationType::DryRun, request_id, None)),
        }
    }

    async fn run_and_wait(
        &self,
        invocation: Invocation,
        payload: Bytes,
        request_id: Uuid,
    ) -> Result<Response<Body>, ApiError> {
        let Invocation { at, client_context, cognito_identity, invoke, .. } = invocation;
        let function = self.runner.functions.get(at);
        let name = &*function.name;
        let traces = self.traces(name, given_trace(&invoke), request_id)?;
        let qualifier = invoke.effective_qualifier().map(Qualifier::as_str);
        let call = Call {
            request_id,
            payload,
            arn: invoke::invoked_arn(name, qualifier, &self.runner.driver.settings),
            trace: traces.function,
            client_context,
            cognito_identity,
            keep_tail: invoke.log_type == LogType::Tail,
        };
        let mut head = InvokeReply {
            request_id: Some(id_header(request_id)),
            executed_version: Some(version_header(function.version)),
            trace: Some(traces.caller),
            ..InvokeReply::new(StatusCode::OK)
        };
        let body = match invoke.operation {
            Operation::Invoke => {
                let answer = self.runner.run(at, call).await?;
                head.function_error = answer.failure.map(|_| InvokeReply::UNHANDLED);
                head.log_result = answer.log_result;
                Body::from(answer.payload)
            }
            Operation::InvokeWithResponseStream => {
                let (first, rest) = self.runner.run_in_pieces(at, call).await?;
                Body::event_stream(EventStream::new(first, rest))
            }
        };
        Ok(Response::from_parts(head.encode(invoke.operation), body))
    }

    /// # Errors
    /// This service keeps none.
    pub(crate) fn executions(&self) -> Result<&Arc<Executions>, ApiError> {
        let Some(Durable { executions, .. }) = &self.executions else {
            return Err(api::executions_unavailable());
        };
        Ok(executions)
    }

    /// What a call of a durable function must be.
    ///
    /// # Errors
    /// It is refused. Sources: `reference/lambda-service.md` 6.2 and `reference/durable.md` 4.7.
    fn check_durable(&self, at: usize, invoke: &Invoke) -> Result<(), ApiError> {
        let Some(config) = self.runner.functions.get(at).durable else { return Ok(()) };
        if invoke.effective_qualifier().is_none() {
            return Err(executions::unqualified());
        }
        if invoke.invocation_type == InvocationType::RequestResponse && !config.can_be_awaited() {
            return Err(executions::too_long_to_await());
        }
        Ok(())
    }

    /// A call of a durable function starts an execution. Whoever waits for it waits for all of it.
    async fn begin_execution(
        &self,
        invocation: Invocation,
        function: &Function,
        config: DurableConfig,
        payload: Bytes,
        request_id: Uuid,
    ) -> Result<Response<Body>, ApiError> {
        let executions = self.executions()?;
        let Invocation { kind, invoke, .. } = invocation;
        let traces = self.traces(&function.name, given_trace(&invoke), request_id)?;
        let qualifier = invoke.effective_qualifier().map_or(Qualifier::LATEST, Qualifier::as_str);
        let start = Start {
            name: invoke.durable_execution_name.clone(),
            is_event: kind != Kind::Synchronous,
            ..Start::by_call(function, config, qualifier, &payload, &traces, &request_id.to_string())
        };
        let about = executions.start(start).await?;
        let arn = about.arn(&self.runner.driver.settings);
        let head = InvokeReply {
            request_id: Some(id_header(request_id)),
            trace: Some(traces.caller),
            durable_execution_arn: HeaderValue::try_from(arn).ok(),
            ..InvokeReply::new(invoke.invocation_type.success())
        };
        if kind != Kind::Synchronous {
            return Ok(Response::from_parts(head.encode(invoke.operation), Body::from(Bytes::new())));
        }
        let answer = executions.answer_of(&about).await?;
        let head = InvokeReply {
            executed_version: Some(version_header(function.version)),
            function_error: answer.failure.as_ref().map(|_| InvokeReply::UNHANDLED),
            ..head
        };
        let body = match invoke.operation {
            Operation::Invoke => Body::from(answer.payload),
            Operation::InvokeWithResponseStream => {
                Body::event_stream(EventStream::new(Arrived::End(answer), Answering::over()))
            }
        };
        Ok(Response::from_parts(head.encode(invoke.operation), body))
    }

    /// Of a call of the function of this name.
    ///
    /// # Errors
    /// It calls itself too often.
    pub(crate) fn traces(
        &self,
        name: &str,
        given: Option<&str>,
        request_id: Uuid,
    ) -> Result<Traces, ApiError> {
        let traces = Traces::of_call(given, name, request_id, SystemTime::now());
        if traces.is_loop && self.configs.of(name).recursive_loop == RecursiveLoop::Terminate {
            return Err(ApiError::recursive_invocation());
        }
        Ok(traces)
    }

    /// Answers once the event is durable.
    async fn accept(
        &self,
        invocation: &Invocation,
        payload: Bytes,
        request_id: Uuid,
    ) -> Result<Response<Body>, ApiError> {
        let Invocation { at, invoke, kind, .. } = invocation;
        let Some(Events { queue, .. }) = &self.events else {
            return Err(invoke::asynchronous_unavailable());
        };
        let function = self.runner.functions.get(*at);
        let now = SystemTime::now();
        let mut trace = continued(given_trace(invoke), request_id, now);
        let envelope = Envelope {
            request_id: request_id.to_string(),
            qualifier: invoke.effective_qualifier().map(Qualifier::as_str).map(str::to_owned),
            trace: trace.to_string(),
            redriven: 0,
        };
        inbox::accept(queue, &function.name, &envelope, payload).await?;
        self.runner.driver.settings.tell(request_id, &function.name, Step::Queued { at: now });
        (trace.parent, trace.lineage) = (None, None);
        let trace = Some(trace.to_header()).filter(|_| *kind == Kind::Event);
        Ok(bare(InvocationType::Event, request_id, trace))
    }
}

/// A request that may be read on.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) request_id: Uuid,
    wanted: Wanted,
}

#[derive(Debug)]
enum Wanted {
    Invoke(Box<Invocation>),
    Configure(api::Call),
}

/// A call of a function that is there.
#[derive(Debug)]
struct Invocation {
    /// The function's place.
    at: usize,
    kind: Kind,
    invoke: Invoke,
    client_context: Option<HeaderValue>,
    cognito_identity: Option<HeaderValue>,
    /// One invocation of a durable function, whose execution somebody else keeps.
    is_handed_on: bool,
}

/// A request that goes no further.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) error: ApiError,
    pub(crate) request_id: Uuid,
}

impl Refused {
    /// For a request whose own id nobody has read.
    pub(crate) fn unread(error: ApiError) -> Self {
        Self { error, request_id: Uuid::new_v4() }
    }

    pub(crate) fn answer(&self) -> Response<Body> {
        let (mut head, body) = self.error.encode();
        head.headers.insert(X_AMZN_REQUEST_ID, id_header(self.request_id));
        Response::from_parts(head, Body::from(body))
    }
}

fn bare(kind: InvocationType, request_id: Uuid, trace: Option<HeaderValue>) -> Response<Body> {
    let request_id = Some(id_header(request_id));
    let reply = InvokeReply { request_id, trace, ..InvokeReply::new(kind.success()) };
    Response::from_parts(reply.encode(Operation::Invoke), Body::from(Bytes::new()))
}

fn given_trace(invoke: &Invoke) -> Option<&str> {
    invoke.trace.as_ref()?.to_str().ok()
}

/// What AWS's front doors call a request that no operation answers.
fn unknown_operation() -> ApiError {
    let name = "UnknownOperationException".to_owned();
    let text = "This local Lambda answers the calls that invoke functions and those that deploy and configure them, and nothing else: \
                no layers, event source mappings or provisioned concurrency.";
    ApiError::new(ErrorCode::Other { name, status: StatusCode::NOT_FOUND }, text)
}

fn version_header(version: Version) -> HeaderValue {
    match version {
        Version::Latest => HeaderValue::from_static(Qualifier::LATEST),
        Version::Published(number) => HeaderValue::from(number),
    }
}

/// AWS's own runner for durable functions calls Lambda so, to have one invocation run. Source: `reference/durable.md` 4.1.
fn is_handed_on(headers: &HeaderMap) -> bool {
    headers.get("x-dex-handler-invoke").is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"))
}

fn cognito_identity(headers: &HeaderMap) -> Option<HeaderValue> {
    headers.get(LAMBDA_RUNTIME_COGNITO_IDENTITY).filter(|identity| !identity.is_empty()).cloned()
}

/// Archives at a time: each is up to 70 MB of request and 50 MB of archive in memory. Ours.
const MAX_UPLOADS: usize = 2;
