//! Lambda through `aws-sdk-lambda` as it is: slower than [`lean`](super::lean), and nobody's code but AWS's between
//! the call and the wire. `client = "sdk"`.

use std::error::Error as StdError;

use aws_sdk_lambda::{
    Client,
    config::http::{HttpRequest, HttpResponse},
    error::SdkError,
    operation::{RequestId as _, invoke::InvokeOutput},
    primitives::Blob,
    types::{
        InvocationType as SdkInvocationType, LogType as SdkLogType,
        ResponseStreamingInvocationType as SdkStreamedType,
    },
};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, request, response};
use lambda_protocol::invoke::{
    InvocationType, Invoke, InvokeReply, LogType, Operation, X_AMZN_REQUEST_ID, X_AMZN_TRACE_ID,
};

use super::{BackendError, BackendFuture, LambdaBackend, Reply, ReplyBody};

mod stream;

/// The SDK's client.
#[derive(Clone, Debug)]
pub struct Sdk(Client);

impl Sdk {
    /// `client` must not try again by itself: what was written is never sent twice, and a 429 is the caller's to retry.
    pub fn new(client: Client) -> Self {
        Self(client)
    }

    async fn invoke(&self, head: request::Parts, payload: Bytes) -> Result<Reply, BackendError> {
        let invoke = match Invoke::decode(&head) {
            Some(Ok(invoke)) => invoke,
            Some(Err(error)) => return Err(BackendError::Unreachable(error.message.into())),
            None => {
                return Err(BackendError::Unreachable(
                    "only Invoke and its streamed form go this way".into(),
                ));
            }
        };
        let call = Called::new(&invoke, &head, payload);
        match invoke.operation {
            Operation::Invoke => self.whole(call, invoke.invocation_type).await,
            Operation::InvokeWithResponseStream => self.streamed(call, invoke.invocation_type).await,
        }
    }

    async fn whole(&self, call: Called, invocation_type: InvocationType) -> Result<Reply, BackendError> {
        let Called { function_name, qualifier, log_type, client_context, payload, ours } = call;
        let request = self
            .0
            .invoke()
            .function_name(function_name)
            .set_qualifier(qualifier)
            .invocation_type(match invocation_type {
                InvocationType::RequestResponse => SdkInvocationType::RequestResponse,
                InvocationType::Event => SdkInvocationType::Event,
                InvocationType::DryRun => SdkInvocationType::DryRun,
            })
            .set_log_type(log_type)
            .set_client_context(client_context)
            .payload(payload);
        match request.customize().mutate_request(move |request| add(request, &ours)).send().await {
            Ok(output) => Ok(reply(output)),
            Err(SdkError::ServiceError(error)) => refusal(error.into_raw()),
            Err(error) => Err(lost(error)),
        }
    }

    async fn streamed(&self, call: Called, invocation_type: InvocationType) -> Result<Reply, BackendError> {
        let Called { function_name, qualifier, log_type, client_context, payload, ours } = call;
        let request = self
            .0
            .invoke_with_response_stream()
            .function_name(function_name)
            .set_qualifier(qualifier)
            .invocation_type(SdkStreamedType::from(invocation_type.as_str()))
            .set_log_type(log_type)
            .set_client_context(client_context)
            .payload(payload);
        match request.customize().mutate_request(move |request| add(request, &ours)).send().await {
            Ok(output) => Ok(stream::reply(output)),
            Err(SdkError::ServiceError(error)) => refusal(error.into_raw()),
            Err(error) => Err(lost(error)),
        }
    }
}

/// A call in the SDK's types.
struct Called {
    function_name: String,
    qualifier: Option<String>,
    log_type: Option<SdkLogType>,
    client_context: Option<String>,
    payload: Blob,
    /// Headers that the SDK has no word for.
    ours: Vec<(HeaderName, String)>,
}

impl Called {
    fn new(invoke: &Invoke, head: &request::Parts, payload: Bytes) -> Self {
        let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
        let ours = [X_AMZN_REQUEST_ID, X_AMZN_TRACE_ID].into_iter().filter_map(|name| {
            let value = text(head.headers.get(&name)?)?;
            Some((name, value))
        });
        Self {
            function_name: invoke.function.to_string(),
            qualifier: invoke.qualifier.as_ref().map(|qualifier| qualifier.as_str().to_owned()),
            log_type: (invoke.log_type == LogType::Tail).then_some(SdkLogType::Tail),
            client_context: invoke.client_context.as_ref().and_then(text),
            payload: Blob::new(payload),
            ours: ours.collect(),
        }
    }
}

/// Before the request is signed, so that these are signed as well.
fn add(request: &mut HttpRequest, ours: &[(HeaderName, String)]) {
    for (name, value) in ours {
        request.headers_mut().insert(name.as_str().to_owned(), value.clone());
    }
}

impl LambdaBackend for Sdk {
    fn call(&self, head: request::Parts, payload: Bytes) -> BackendFuture<'_> {
        Box::pin(self.invoke(head, payload))
    }
}

/// The reply as it was on the wire, as far as the SDK tells.
fn reply(output: InvokeOutput) -> Reply {
    let status = u16::try_from(output.status_code()).ok().and_then(|code| StatusCode::from_u16(code).ok());
    let value = |text: Option<&str>| text.and_then(|text| HeaderValue::from_str(text).ok());
    let head = InvokeReply {
        request_id: value(output.request_id()),
        executed_version: value(output.executed_version()),
        durable_execution_arn: value(output.durable_execution_arn()),
        function_error: value(output.function_error()),
        log_result: value(output.log_result()),
        ..InvokeReply::new(status.unwrap_or(StatusCode::BAD_GATEWAY))
    };
    let payload = output.payload.map(Blob::into_inner).unwrap_or_default();
    Reply { head: head.encode(Operation::Invoke), body: ReplyBody::Whole(payload.into()) }
}

/// An error of Lambda's own, as it was on the wire.
fn refusal(raw: HttpResponse) -> Result<Reply, BackendError> {
    let body = raw.body().bytes().map(Bytes::copy_from_slice).unwrap_or_default();
    let response = raw.try_into_http1x().map_err(|cause| BackendError::Broken(cause.into()))?;
    let (head, _): (response::Parts, _) = response.into_parts();
    Ok(Reply { head, body: ReplyBody::Whole(body) })
}

fn lost<E>(error: SdkError<E, HttpResponse>) -> BackendError
where
    E: StdError + Send + Sync + 'static,
{
    match &error {
        SdkError::ConstructionFailure(_) => BackendError::Unreachable(error.into()),
        SdkError::DispatchFailure(failure) => {
            let connector = failure.as_connector_error();
            let unsent = connector.is_none_or(|cause| never_connected(cause));
            if unsent { BackendError::Unreachable(error.into()) } else { BackendError::Broken(error.into()) }
        }
        _ => BackendError::Broken(error.into()),
    }
}

/// Did it fail before there was a connection to write on?
fn never_connected(error: &(dyn StdError + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(client) = error.downcast_ref::<hyper_util::client::legacy::Error>() {
            return client.is_connect();
        }
        cause = error.source();
    }
    false
}
