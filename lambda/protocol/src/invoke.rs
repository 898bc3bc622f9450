//! `Invoke` and `InvokeWithResponseStream`: the request head, the reply head, both directions. Bodies are bytes that pass
//! beside them.

use std::fmt::Write;

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header::CONTENT_TYPE,
    request, response,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use uuid::Uuid;

use crate::{
    api_error::{ApiError, ErrorCode},
    event_stream::EVENT_STREAM,
    function::{FunctionRef, MAX_REF_BYTES, Qualifier},
    quotas::CLIENT_CONTEXT_BYTES,
    validation::{self, Violation},
};

/// Everything of one such request but its payload.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Invoke {
    pub operation: Operation,
    pub function: FunctionRef,
    /// From `?Qualifier=`; the one inside the name is in `function`.
    pub qualifier: Option<Qualifier>,
    pub invocation_type: InvocationType,
    pub log_type: LogType,
    /// Base64 of JSON, as sent; at most 3,583 bytes.
    pub client_context: Option<HeaderValue>,
    pub trace: Option<HeaderValue>,
    /// The caller's own id for this request.
    pub request_id: Option<Uuid>,
    /// What a durable execution is to be called: 1 to 64 of `A-Z a-z 0-9 - _`. Of other functions, nothing.
    pub durable_execution_name: Option<String>,
}

impl Invoke {
    /// A synchronous call without a log.
    pub fn new(function: FunctionRef) -> Self {
        Self {
            operation: Operation::default(),
            function,
            qualifier: None,
            invocation_type: InvocationType::default(),
            log_type: LogType::default(),
            client_context: None,
            trace: None,
            request_id: None,
            durable_execution_name: None,
        }
    }

    /// The `POST` head that asks Lambda for this. Its URI has no scheme and no authority.
    pub fn encode(&self) -> request::Parts {
        let mut head = Request::new(()).into_parts().0;
        head.method = Method::POST;
        head.uri = self.uri();
        let headers = &mut head.headers;
        headers.insert(X_AMZ_INVOCATION_TYPE, HeaderValue::from_static(self.invocation_type.as_str()));
        if self.log_type == LogType::Tail {
            headers.insert(X_AMZ_LOG_TYPE, HeaderValue::from_static("Tail"));
        }
        if let Some(context) = &self.client_context {
            headers.insert(X_AMZ_CLIENT_CONTEXT, context.clone());
        }
        if let Some(trace) = &self.trace {
            headers.insert(X_AMZN_TRACE_ID, trace.clone());
        }
        if let Some(id) = self.request_id {
            let id = HeaderValue::from_str(&id.to_string()).expect("a UUID is ASCII");
            headers.insert(X_AMZN_REQUEST_ID, id);
        }
        if let Some(name) = &self.durable_execution_name {
            // What is no name is not sent as one.
            headers.extend(HeaderValue::from_str(name).ok().map(|name| (X_AMZ_DURABLE_EXECUTION_NAME, name)));
        }
        head
    }

    /// `None`: not the route of either operation.
    ///
    /// Every parameter is judged before the answer: what breaks the model is told together in one
    /// `ValidationException`, and only then come qualifiers that contradict each other and headers that cannot be
    /// read. Whether the function exists is the service's to say.
    pub fn decode(head: &request::Parts) -> Option<Result<Self, ApiError>> {
        if head.method != Method::POST {
            return None;
        }
        let (operation, label) = [Operation::Invoke, Operation::InvokeWithResponseStream]
            .into_iter()
            .find_map(|operation| Some((operation, operation.label(head.uri.path())?)))?;
        Some(read(operation, label, head.uri.query().unwrap_or_default(), &head.headers))
    }

    /// The qualifier that counts: the query's, else the name's.
    pub fn effective_qualifier(&self) -> Option<&Qualifier> {
        self.qualifier.as_ref().or(self.function.qualifier.as_ref())
    }

    /// The client context as the JSON text it carries, fit for `Lambda-Runtime-Client-Context`.
    ///
    /// # Errors
    /// `InvalidRequestContentException`: it is not base64 of JSON. The text is inferred, not recorded.
    pub fn client_context_json(&self) -> Result<Option<HeaderValue>, ApiError> {
        let Some(context) = &self.client_context else { return Ok(None) };
        let json =
            base64_simd::forgiving_decode_to_vec(context.as_bytes()).map_err(|_| bad_client_context())?;
        crate::json::check(&json).map_err(|_| bad_client_context())?;
        HeaderValue::from_bytes(&one_line(json)).map(Some).map_err(|_| bad_client_context())
    }

    fn uri(&self) -> Uri {
        let mut name = self.function.to_string();
        // A name that is too long stays too long for Lambda, and is never too long for a URI.
        name.truncate(name.floor_char_boundary(2 * MAX_REF_BYTES));
        let (start, end) = self.operation.path();
        let mut target = String::with_capacity(start.len() + end.len() + 64 + name.len());
        let written = match &self.qualifier {
            None => write!(target, "{start}{}{end}", label(&name)),
            Some(qualifier) => {
                write!(target, "{start}{}{end}?{QUALIFIER_KEY}={}", label(&name), label(qualifier.as_str()))
            }
        };
        written.expect("writing to a String cannot fail");
        Uri::try_from(target).expect("a percent-encoded label of bounded length")
    }
}

/// How the answer is to come.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Operation {
    /// Whole.
    #[default]
    Invoke,
    /// As the function makes it, in an [event stream](crate::event_stream). Synchronous or `DryRun`.
    InvokeWithResponseStream,
}

impl Operation {
    /// What stands before and after the function in a path.
    fn path(self) -> (&'static str, &'static str) {
        match self {
            Self::Invoke => ("/2015-03-31/functions/", "/invocations"),
            Self::InvokeWithResponseStream => ("/2021-11-15/functions/", "/response-streaming-invocations"),
        }
    }

    /// The function in a path of this operation.
    fn label(self, path: &str) -> Option<&str> {
        let (start, end) = self.path();
        let label = path.strip_prefix(start)?.strip_suffix(end)?;
        (!label.is_empty() && !label.contains('/')).then_some(label)
    }

    /// Lambda's words for the types that it takes.
    fn invocation_types(self) -> &'static str {
        match self {
            Self::Invoke => "Event, RequestResponse, DryRun",
            Self::InvokeWithResponseStream => "RequestResponse, DryRun",
        }
    }

    /// The content type of an answer of status 200.
    fn content_type(self) -> HeaderValue {
        match self {
            Self::Invoke => HeaderValue::from_static("application/json"),
            Self::InvokeWithResponseStream => EVENT_STREAM,
        }
    }
}

/// `X-Amz-Invocation-Type`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum InvocationType {
    #[default]
    RequestResponse,
    Event,
    DryRun,
}

impl InvocationType {
    /// Lambda's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RequestResponse => "RequestResponse",
            Self::Event => "Event",
            Self::DryRun => "DryRun",
        }
    }

    /// Of a successful reply: 200, 202 or 204.
    pub fn success(self) -> StatusCode {
        match self {
            Self::RequestResponse => StatusCode::OK,
            Self::Event => StatusCode::ACCEPTED,
            Self::DryRun => StatusCode::NO_CONTENT,
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::RequestResponse, Self::Event, Self::DryRun].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// `X-Amz-Log-Type`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum LogType {
    #[default]
    None,
    Tail,
}

impl LogType {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "None" => Some(Self::None),
            "Tail" => Some(Self::Tail),
            _ => None,
        }
    }
}

/// Everything of a successful reply (200, 202 or 204) but its payload.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InvokeReply {
    pub status: StatusCode,
    pub request_id: Option<HeaderValue>,
    pub executed_version: Option<HeaderValue>,
    pub function_error: Option<HeaderValue>,
    /// Base64 of the last 4,096 bytes of the invocation's log.
    pub log_result: Option<HeaderValue>,
    pub trace: Option<HeaderValue>,
    /// The execution that the call has started, or found.
    pub durable_execution_arn: Option<HeaderValue>,
}

impl InvokeReply {
    /// What `X-Amz-Function-Error` says of every failure today.
    pub const UNHANDLED: HeaderValue = HeaderValue::from_static("Unhandled");

    /// A reply without any header of its own.
    pub fn new(status: StatusCode) -> Self {
        Self {
            status,
            request_id: None,
            executed_version: None,
            function_error: None,
            log_result: None,
            trace: None,
            durable_execution_arn: None,
        }
    }

    /// The head, without framing headers.
    pub fn encode(&self, operation: Operation) -> response::Parts {
        let mut head = Response::new(()).into_parts().0;
        head.status = self.status;
        if self.status == StatusCode::OK {
            head.headers.insert(CONTENT_TYPE, operation.content_type());
            if operation == Operation::Invoke {
                head.headers.insert(X_AMZN_REMAPPED_CONTENT_LENGTH, HeaderValue::from_static("0"));
            }
        }
        let ours = [
            (X_AMZN_REQUEST_ID, &self.request_id),
            (X_AMZ_EXECUTED_VERSION, &self.executed_version),
            (X_AMZ_FUNCTION_ERROR, &self.function_error),
            (X_AMZ_LOG_RESULT, &self.log_result),
            (X_AMZN_TRACE_ID, &self.trace),
            (X_AMZ_DURABLE_EXECUTION_ARN, &self.durable_execution_arn),
        ];
        for (name, value) in ours {
            if let Some(value) = value {
                head.headers.insert(name, value.clone());
            }
        }
        head
    }

    /// `None`: the status is an API error's; read the body with [`ApiError::decode`].
    pub fn decode(head: &response::Parts) -> Option<Self> {
        let value = |name| head.headers.get(name).cloned();
        head.status.is_success().then(|| Self {
            status: head.status,
            request_id: value(X_AMZN_REQUEST_ID),
            executed_version: value(X_AMZ_EXECUTED_VERSION),
            function_error: value(X_AMZ_FUNCTION_ERROR),
            log_result: value(X_AMZ_LOG_RESULT),
            trace: value(X_AMZN_TRACE_ID),
            durable_execution_arn: value(X_AMZ_DURABLE_EXECUTION_ARN),
        })
    }
}

pub const X_AMZ_INVOCATION_TYPE: HeaderName = HeaderName::from_static("x-amz-invocation-type");
pub const X_AMZ_LOG_TYPE: HeaderName = HeaderName::from_static("x-amz-log-type");
pub const X_AMZ_CLIENT_CONTEXT: HeaderName = HeaderName::from_static("x-amz-client-context");
pub const X_AMZN_TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");
pub const X_AMZN_REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
pub const X_AMZ_EXECUTED_VERSION: HeaderName = HeaderName::from_static("x-amz-executed-version");
pub const X_AMZ_FUNCTION_ERROR: HeaderName = HeaderName::from_static("x-amz-function-error");
pub const X_AMZ_LOG_RESULT: HeaderName = HeaderName::from_static("x-amz-log-result");
pub const X_AMZ_DURABLE_EXECUTION_NAME: HeaderName = HeaderName::from_static("x-amz-durable-execution-name");
pub const X_AMZ_DURABLE_EXECUTION_ARN: HeaderName = HeaderName::from_static("x-amz-durable-execution-arn");
const X_AMZN_REMAPPED_CONTENT_LENGTH: HeaderName = HeaderName::from_static("x-amzn-remapped-content-length");
/// How `cargo lambda invoke` without `--remote` sends the client context: the JSON itself.
const LAMBDA_RUNTIME_CLIENT_CONTEXT: HeaderName = HeaderName::from_static("lambda-runtime-client-context");

const QUALIFIER_KEY: &str = "Qualifier";

/// Everything but RFC 3986's unreserved characters, as AWS's clients encode one label.
const LABEL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

fn label(text: &str) -> impl std::fmt::Display {
    utf8_percent_encode(text, LABEL)
}

fn read(operation: Operation, label: &str, query: &str, headers: &HeaderMap) -> Result<Invoke, ApiError> {
    let mut violations = Vec::new();
    let function = FunctionRef::check(&percent_decode_str(label).decode_utf8_lossy());
    let qualifier = qualifier_of(query).map(|text| Qualifier::check(&text)).transpose();
    let function = function.map_err(|found| violations.extend(found));
    let qualifier = qualifier.map_err(|found| violations.extend(found));
    let mut word = |name: &HeaderName, field: &str, set: &str| {
        let text = String::from_utf8_lossy(headers.get(name)?.as_bytes());
        if !set.split(", ").any(|word| word == text) {
            violations.push(Violation::not_in_set(&text, field, set));
        }
        Some(text)
    };
    let invocation_type = word(&X_AMZ_INVOCATION_TYPE, "invocationType", operation.invocation_types());
    let log_type = word(&X_AMZ_LOG_TYPE, "logType", "None, Tail");
    let durable_execution_name = headers
        .get(X_AMZ_DURABLE_EXECUTION_NAME)
        .map(|name| String::from_utf8_lossy(name.as_bytes()).into_owned());
    if let Some(name) = durable_execution_name.as_deref() {
        violations.extend(durable_execution_name_violations(name));
    }
    let (Ok(function), Ok(qualifier), []) = (function, qualifier, &violations[..]) else {
        return Err(validation::error(&violations));
    };
    if let (Some(inner), Some(outer)) = (&function.qualifier, &qualifier)
        && inner != outer
    {
        return Err(ApiError::qualifier_mismatch());
    }
    Ok(Invoke {
        operation,
        function,
        qualifier,
        invocation_type: invocation_type.and_then(|word| InvocationType::parse(&word)).unwrap_or_default(),
        log_type: log_type.and_then(|word| LogType::parse(&word)).unwrap_or_default(),
        client_context: client_context(headers)?,
        trace: headers.get(X_AMZN_TRACE_ID).cloned(),
        request_id: request_id(headers)?,
        durable_execution_name,
    })
}

/// Source: service model, `DurableExecutionName`.
fn durable_execution_name_violations(name: &str) -> Vec<Violation> {
    const FIELD: &str = "durableExecutionName";
    let mut violations = Vec::new();
    if name.len() > DURABLE_EXECUTION_NAME_BYTES {
        violations.push(Violation::too_long(name, FIELD, DURABLE_EXECUTION_NAME_BYTES));
    }
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) {
        violations.push(Violation::pattern(name, FIELD, "[a-zA-Z0-9-_]+"));
    }
    violations
}

fn qualifier_of(query: &str) -> Option<String> {
    let value = query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (key == QUALIFIER_KEY).then_some(value)
    })?;
    Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
}

fn client_context(headers: &HeaderMap) -> Result<Option<HeaderValue>, ApiError> {
    let context = match (headers.get(X_AMZ_CLIENT_CONTEXT), headers.get(LAMBDA_RUNTIME_CLIENT_CONTEXT)) {
        (Some(context), _) => context.clone(),
        (None, Some(json)) => {
            let base64 = base64_simd::STANDARD.encode_to_string(json.as_bytes());
            HeaderValue::try_from(base64).expect("base64 is ASCII")
        }
        (None, None) => return Ok(None),
    };
    if context.len() > CLIENT_CONTEXT_BYTES { Err(bad_client_context()) } else { Ok(Some(context)) }
}

fn request_id(headers: &HeaderMap) -> Result<Option<Uuid>, ApiError> {
    let Some(value) = headers.get(X_AMZN_REQUEST_ID) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    match Uuid::try_parse(text) {
        Ok(id) if text.len() == HYPHENATED_UUID_BYTES => Ok(Some(id)),
        // Inferred; the model says only that this is the exception.
        Ok(_) | Err(_) => Err(ApiError::new(
            ErrorCode::InvalidRequestContent,
            "The x-amzn-RequestId header is not a valid UUID string.",
        )),
    }
}

/// Source: service model, `DurableExecutionName`.
const DURABLE_EXECUTION_NAME_BYTES: usize = 64;

const HYPHENATED_UUID_BYTES: usize = 36;

fn bad_client_context() -> ApiError {
    let text = format_args!(
        "Client context must be a valid Base64-encoded JSON object of at most {CLIENT_CONTEXT_BYTES} bytes."
    );
    ApiError::new(ErrorCode::InvalidRequestContent, text)
}

/// JSON that means the same and may stand in a header: line breaks between values become blanks, and DEL, which JSON
/// allows in strings and HTTP nowhere, is escaped.
fn one_line(json: Vec<u8>) -> Vec<u8> {
    if json.iter().all(|byte| !matches!(byte, b'\r' | b'\n' | 0x7f)) {
        return json;
    }
    let mut line = Vec::with_capacity(json.len() + 16);
    for byte in json {
        match byte {
            b'\r' | b'\n' => line.push(b' '),
            0x7f => line.extend_from_slice(br"\u007f"),
            _ => line.push(byte),
        }
    }
    line
}

#[cfg(test)]
mod tests;
