//! The service itself: one call in, one answer out, whether it came through a socket or from within the process.

use std::{io, sync::Arc, time::SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, request};
use lambda_protocol::{
    api_error::{ApiError, ErrorCode},
    fault::Fault,
    invoke::{InvocationType, Invoke, InvokeReply, LogType, X_AMZN_REQUEST_ID},
    sigv4::Verifier,
};
use tokio::{net::TcpListener, sync::oneshot};
use uuid::Uuid;

use crate::{
    environment::{Answer, Job, LAMBDA_RUNTIME_COGNITO_IDENTITY, VERSION, id_header},
    front,
    function::{Function, Unavailable},
    invoke::{self, Functions},
    logs::LogSink,
    pool::{
        Refusal,
        driver::{Closing, Driver},
    },
    settings::Settings,
    warden::Warden,
};

/// A running local Lambda. Cheap to clone; all clones are one service, which runs until [`shutdown`](Self::shutdown)
/// or until its warden ends with this process.
#[derive(Clone, Debug)]
pub struct LocalLambda {
    functions: Arc<Functions>,
    driver: Arc<Driver>,
    verifier: Option<Arc<Verifier>>,
}

impl LocalLambda {
    /// Starts the service. Functions are started when they are first invoked.
    ///
    /// # Panics
    /// Outside a Tokio runtime with time and I/O enabled; that is where environments will live.
    ///
    /// # Errors
    /// `InvalidInput`: region or account are none.
    pub fn start(
        settings: Settings,
        functions: Vec<Function>,
        warden: Warden,
        logs: LogSink,
    ) -> io::Result<Self> {
        settings.check().map_err(|message| io::Error::new(io::ErrorKind::InvalidInput, message))?;
        let functions = Arc::new(Functions::new(functions));
        let verifier = settings.verifier().map(Arc::new);
        let driver = Driver::start(settings, Arc::clone(&functions), warden, logs);
        Ok(Self { functions, driver, verifier })
    }

    /// Answers a request of Lambda's HTTP API as the socket would. The future may be dropped: an invocation that
    /// has begun goes on to its end, as on AWS.
    pub async fn call(&self, head: request::Parts, body: Bytes) -> Response<Bytes> {
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
        self.functions.all().collect()
    }

    /// From now on `function` answers for the one of its name: calls that run finish on the old one, those that come
    /// run on the new one, and nothing is dropped. The reservation stays as it was. False: there is none of that name.
    pub fn replace(&self, function: Function) -> bool {
        let Some(at) = self.functions.named(&function.name) else { return false };
        self.driver.replace(at, function);
        true
    }

    /// Takes no further call, kills all environments and returns when nothing is left of them. Calls that are
    /// running are answered with a `ServiceException`.
    pub async fn shutdown(&self) {
        self.driver.shut_down().await;
    }

    /// Returns when the warden is gone, and with it every function: no call can run any more.
    pub async fn warden_gone(&self) {
        self.driver.warden.gone().await;
    }

    pub(crate) fn closing(&self) -> Closing {
        self.driver.closing()
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
        let invoke = match Invoke::decode(head) {
            None => return Err(Refused::unread(unknown_operation())),
            Some(Err(error)) => return Err(Refused::unread(error)),
            Some(Ok(invoke)) => invoke,
        };
        let request_id = invoke.request_id.unwrap_or_else(Uuid::new_v4);
        let admit = || {
            let at = self.functions.find(&invoke, &self.driver.settings)?;
            Ok((at, invoke.client_context_json()?))
        };
        match admit() {
            Ok((at, client_context)) => {
                let cognito_identity = cognito_identity(&head.headers);
                Ok(Admitted { at, client_context, cognito_identity, request_id, invoke })
            }
            Err(error) => Err(Refused { error, request_id }),
        }
    }

    /// The rest: the payload's checks, and the function.
    pub(crate) async fn run(&self, admitted: Admitted, payload: Bytes) -> Response<Bytes> {
        let request_id = admitted.request_id;
        let payload = match invoke::check_payload(payload) {
            Ok(payload) => payload,
            Err(error) => return Refused { error, request_id }.answer(),
        };
        let outcome = match admitted.invoke.invocation_type {
            InvocationType::RequestResponse => self.run_and_wait(admitted, payload).await,
            InvocationType::Event => Err(invoke::asynchronous_unavailable()),
            InvocationType::DryRun => Ok(bare(InvocationType::DryRun.success(), request_id)),
        };
        outcome.unwrap_or_else(|error| Refused { error, request_id }.answer())
    }

    async fn run_and_wait(&self, admitted: Admitted, payload: Bytes) -> Result<Response<Bytes>, ApiError> {
        let Admitted { at, client_context, cognito_identity, request_id, invoke } = admitted;
        let function = &*self.functions.get(at);
        let (trace, callers_trace) = invoke::traces(&invoke, request_id, SystemTime::now());
        let answer = match &function.program {
            Err(unavailable) => cannot_run(function, unavailable, request_id),
            Ok(_) => {
                let (reply, answered) = oneshot::channel();
                let job = Box::new(Job {
                    request_id,
                    payload,
                    arn: invoke::invoked_arn(function, &invoke, &self.driver.settings),
                    trace,
                    client_context,
                    cognito_identity,
                    keep_tail: invoke.log_type == LogType::Tail,
                    reply,
                });
                self.driver.invoke(at, job).map_err(refusal)?;
                answered
                    .await
                    .map_err(|_| ApiError::service("The local Lambda could not run the function."))?
            }
        };
        let head = InvokeReply {
            status: StatusCode::OK,
            request_id: Some(id_header(request_id)),
            executed_version: Some(HeaderValue::from_static(VERSION)),
            function_error: answer.failed.then_some(InvokeReply::UNHANDLED),
            log_result: answer.log_result,
            trace: Some(callers_trace),
        };
        Ok(Response::from_parts(head.encode(), answer.payload))
    }
}

/// A request that may be read on.
#[derive(Debug)]
pub(crate) struct Admitted {
    /// The function's place.
    at: usize,
    invoke: Invoke,
    client_context: Option<HeaderValue>,
    cognito_identity: Option<HeaderValue>,
    pub(crate) request_id: Uuid,
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

    pub(crate) fn answer(&self) -> Response<Bytes> {
        let (mut head, body) = self.error.encode();
        head.headers.insert(X_AMZN_REQUEST_ID, id_header(self.request_id));
        Response::from_parts(head, body.into())
    }
}

fn bare(status: StatusCode, request_id: Uuid) -> Response<Bytes> {
    let reply = InvokeReply { request_id: Some(id_header(request_id)), ..InvokeReply::new(status) };
    Response::from_parts(reply.encode(), Bytes::new())
}

fn refusal(refusal: Refusal) -> ApiError {
    match refusal {
        Refusal::Throttled(reason) => ApiError::throttled(reason),
        Refusal::Closed => ApiError::service("The local Lambda is shutting down."),
    }
}

/// A function whose language or package is missing is there, but fails, and says what to do about it.
fn cannot_run(function: &Function, Unavailable(install): &Unavailable, request_id: Uuid) -> Answer {
    let fault = Fault {
        error_type: Some("Runtime.InvalidEntrypoint".to_owned()),
        error_message: Some(format!(
            "RequestId: {request_id} Error: {} cannot run on this machine: {install}",
            function.name
        )),
        trace: Vec::new(),
    };
    Answer { payload: fault.encode().into(), failed: true, log_result: None }
}

/// What AWS's front doors call a request that no operation answers.
fn unknown_operation() -> ApiError {
    let name = "UnknownOperationException".to_owned();
    let text =
        "This local Lambda answers POST /2015-03-31/functions/{FunctionName}/invocations and nothing else.";
    ApiError::new(ErrorCode::Other { name, status: StatusCode::NOT_FOUND }, text)
}

fn cognito_identity(headers: &HeaderMap) -> Option<HeaderValue> {
    headers.get(LAMBDA_RUNTIME_COGNITO_IDENTITY).filter(|identity| !identity.is_empty()).cloned()
}
