//! Function URLs: any HTTP request becomes an event, and what the function answers an HTTP response.
//!
//! ```text
//! address (which function) ─► cors (a browser's question?) ─► auth ─► body ─► event ─► function ─► answer ─► cors
//! ```
//!
//! Source: AWS Lambda developer guide, "Function URLs". Every function has one, whether its template speaks of it or not.

mod address;
mod answer;
mod cors;
mod fields;

use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, Version, header::AUTHORIZATION, request};
use hyper::body::Incoming;
use lambda_protocol::{
    api_error::{ApiError, ErrorCode},
    function::Qualifier,
    http_answer::HttpAnswerError,
    http_event::HttpEvent,
    invoke::X_AMZN_REQUEST_ID,
    quotas::SYNC_REQUEST_BYTES,
    sigv4::{Authorization, Claim, payload_hash},
};
use uuid::Uuid;

use crate::{
    environment::{Call, id_header},
    executions::{self, start::Start},
    front::{self, Allowed, Stopped},
    function::{DurableConfig, Function, FunctionUrl, InvokeMode, UrlAuth},
    invoke,
    response_body::Body,
    run::Traces,
    service::{LocalLambda, Refused},
};
use address::Named;
pub use address::{PATH, url_id};
pub(crate) use {address::Address, answer::Pieces, fields::Ends};

/// Answers a request to a function's URL.
///
/// # Errors
/// The function was not run.
pub(crate) async fn answer(
    local: &LocalLambda,
    address: &Address<'_>,
    ends: Ends,
    head: &request::Parts,
    body: &mut Incoming,
) -> Result<Response<Body>, Stopped> {
    let (at, alias, url) = find(local, address).map_err(Refused::unread)?;
    let function = local.runner.functions.get(at);
    let unsaid = FunctionUrl::default();
    let url = url.as_ref().or(function.url.as_ref()).unwrap_or(&unsaid);
    let visit = Visit { local, at, function: &function, alias, url, ends, head };
    let Some(rules) = &url.cors else { return visit.run(address, body).await };
    if cors::is_preflight(head) {
        let mut response = Response::new(Body::from(Bytes::new()));
        *response.headers_mut() = cors::preflight_headers(rules, &head.headers);
        return Ok(response);
    }
    // Browsers let their pages see a refusal, too, only with these headers.
    let add = |headers: &mut HeaderMap| cors::add_to_answer(rules, &head.headers, headers);
    match visit.run(address, body).await {
        Ok(mut response) => {
            add(response.headers_mut());
            Ok(response)
        }
        Err(Stopped::Refused(mut response)) => {
            add(response.headers_mut());
            Err(Stopped::Refused(response))
        }
        Err(Stopped::Cut) => Err(Stopped::Cut),
    }
}

/// A function's answer as HTTP, or why it is none.
type Answered = Result<Response<Body>, HttpAnswerError>;

/// One request to the URL of a function that is there.
struct Visit<'a> {
    local: &'a LocalLambda,
    /// The function's place.
    at: usize,
    function: &'a Function,
    /// The alias whose URL it is.
    alias: Option<String>,
    url: &'a FunctionUrl,
    ends: Ends,
    head: &'a request::Parts,
}

impl Visit<'_> {
    async fn run(&self, address: &Address<'_>, body: &mut Incoming) -> Result<Response<Body>, Stopped> {
        let request_id = Uuid::new_v4();
        let refused = |error| Refused { error, request_id };
        self.check_version().map_err(refused)?;
        let claim = self.claim().map_err(refused)?;
        let body = front::collect(body, Allowed::Event, request_id).await?;
        if let Some(claim) = claim {
            claim.verify(self.head, &payload_hash(&body)).map_err(refused)?;
        }
        Ok(self.call(address.raw_path, &body, request_id).await.map_err(refused)?)
    }

    /// # Errors
    /// The caller could not tell a broken answer from a whole one: a stream of HTTP/1.0 ends with its connection, however
    /// that ends.
    fn check_version(&self) -> Result<(), ApiError> {
        match self.url.invoke_mode {
            InvokeMode::ResponseStream if self.head.version < Version::HTTP_11 => Err(stream_needs_http_11()),
            InvokeMode::ResponseStream | InvokeMode::Buffered => Ok(()),
        }
    }

    /// What is left to be verified once the body is here.
    ///
    /// # Errors
    /// Whoever calls has to sign, and has not.
    fn claim(&self) -> Result<Option<Claim>, ApiError> {
        let signature = self.head.headers.get(AUTHORIZATION);
        match (self.url.auth, self.local.verifier()) {
            (UrlAuth::Open, _) => Ok(None),
            (UrlAuth::Iam, _) if !signature.is_some_and(is_signature) => Err(forbidden()),
            (UrlAuth::Iam, None) => Ok(None),
            (UrlAuth::Iam, Some(verifier)) => verifier.read(self.head, SystemTime::now()).map(Some),
        }
    }

    async fn call(&self, raw_path: &str, body: &[u8], request_id: Uuid) -> Result<Response<Body>, ApiError> {
        let Self { local, function, head, .. } = *self;
        let given = head.headers.get(fields::X_AMZN_TRACE_ID).and_then(|trace| trace.to_str().ok());
        let traces = local.traces(&function.name, given, request_id)?;
        let event = self.event(raw_path, body, &request_id.to_string(), &traces.caller);
        if event.len() > SYNC_REQUEST_BYTES {
            return Err(ApiError::too_large_sync());
        }
        let answered = match function.durable {
            Some(config) => self.run_execution(config, event, &traces, request_id).await?,
            None => self.run_once(event, &traces, request_id).await?,
        };
        let mut response = answered.unwrap_or_else(|error| self.unusable(&error, request_id));
        response.headers_mut().insert(X_AMZN_REQUEST_ID, id_header(request_id));
        response.headers_mut().insert(fields::X_AMZN_TRACE_ID, traces.caller);
        Ok(response)
    }

    async fn run_once(
        &self,
        event: Vec<u8>,
        traces: &Traces,
        request_id: Uuid,
    ) -> Result<Answered, ApiError> {
        let runner = &self.local.runner;
        let call = Call {
            request_id,
            payload: event.into(),
            arn: invoke::invoked_arn(&self.function.name, self.alias.as_deref(), &runner.driver.settings),
            trace: traces.function.clone(),
            client_context: None,
            cognito_identity: None,
            keep_tail: false,
        };
        Ok(match self.url.invoke_mode {
            InvokeMode::Buffered => answer::whole(&runner.run(self.at, call).await?),
            InvokeMode::ResponseStream => {
                let (first, rest) = runner.run_in_pieces(self.at, call).await?;
                answer::streamed(first, rest).await
            }
        })
    }

    /// A request of a durable function's is an execution, whose result is the answer: whole, whatever the mode, as nothing of it can come earlier.
    async fn run_execution(
        &self,
        config: DurableConfig,
        event: Vec<u8>,
        traces: &Traces,
        request_id: Uuid,
    ) -> Result<Answered, ApiError> {
        if !config.can_be_awaited() {
            return Err(executions::too_long_to_await());
        }
        let executions = self.local.executions()?;
        let qualifier = self.alias.as_deref().unwrap_or(Qualifier::LATEST);
        let request_id = request_id.to_string();
        let start = Start::by_call(self.function, config, qualifier, &event, traces, &request_id);
        let answer = executions.answer_of(&executions.start(start).await?).await?;
        Ok(answer::whole(&answer))
    }

    fn event(&self, raw_path: &str, body: &[u8], request_id: &str, trace: &HeaderValue) -> Vec<u8> {
        let Self { head, ends, url, .. } = *self;
        let headers = fields::for_function(&head.headers, url.auth, ends, trace, body.len());
        let event = HttpEvent {
            method: &head.method,
            version: head.version,
            raw_path,
            raw_query: head.uri.query().unwrap_or_default(),
            headers: &headers,
            source_ip: &ends.source_ip(),
            request_id,
            time: SystemTime::now(),
            ticket: None,
        };
        event.encode(body)
    }

    /// The caller is not told what is wrong with the answer; whoever wrote the function is.
    fn unusable(&self, error: &HttpAnswerError, request_id: Uuid) -> Response<Body> {
        tracing::warn!(function = self.function.name, %request_id, %error, "a function URL's answer is of no use");
        answer::internal_server_error()
    }
}

/// The function's place, and of an alias's own URL the alias and what it says.
fn find(
    local: &LocalLambda,
    address: &Address<'_>,
) -> Result<(usize, Option<String>, Option<FunctionUrl>), ApiError> {
    let functions = &local.runner.functions;
    let (found, what) = match &address.function {
        Named::Id(id) => (functions.with_url_id(id), format!("with the URL id {id}")),
        Named::Name(name) => (functions.named(name).map(|at| (at, None, None)), format!("called {name}")),
    };
    found.ok_or_else(|| {
        ApiError::new(ErrorCode::ResourceNotFound, format_args!("There is no function {what} here."))
    })
}

/// Does it look like Signature Version 4?
fn is_signature(authorization: &HeaderValue) -> bool {
    Authorization::parse(authorization.as_bytes()).is_ok()
}

fn stream_needs_http_11() -> ApiError {
    let name = "HttpVersionNotSupportedException".to_owned();
    let code = ErrorCode::Other { name, status: StatusCode::HTTP_VERSION_NOT_SUPPORTED };
    ApiError::new(code, "This function's answers are streamed, which takes HTTP/1.1.")
}

fn forbidden() -> ApiError {
    ApiError::new(ErrorCode::AccessDenied, "Forbidden")
}
