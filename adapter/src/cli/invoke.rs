//! `stayput invoke`

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    time::Duration,
};

use bytes::Bytes;
use clap::Args;
use http::{HeaderValue, Request, Uri};
use lambda_protocol::{
    api_error::{ApiError, ErrorCode},
    function::{FunctionRef, Qualifier},
    invoke::{InvokeReply, LogType},
};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    Exit, Failure,
    client::Client,
    terminal::{print, print_json},
};
use crate::config::duration;

/// Call a function through Lambda's API and print what it answers
///
/// Prints JSON: functionName, payload, logTail (lines), invocationId, and error where the function failed.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  stayput invoke echo --payload '{\"width\":3}'
  stayput invoke echo --payload file://event.json
  stayput invoke arn:aws:lambda:us-east-1:000000000000:function:echo --payload - < event.json")]
pub(super) struct Invoke {
    /// The function's name or ARN
    name: String,
    /// The event: JSON, file://PATH, or - for standard input [default: none]
    #[arg(long, value_name = "EVENT", allow_hyphen_values = true)]
    payload: Option<String>,
    /// Where Lambda's API is
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9000")]
    endpoint: Uri,
    /// $LATEST, a version or an alias
    #[arg(long)]
    qualifier: Option<String>,
    /// How long to wait for the answer
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = duration)]
    timeout: Duration,
}

impl Invoke {
    pub(super) fn run(self, json: bool) -> Result<Exit, Failure> {
        let mut invoke =
            lambda_protocol::invoke::Invoke::new(FunctionRef::parse(&self.name).map_err(refused)?);
        invoke.qualifier = self.qualifier.as_deref().map(Qualifier::parse).transpose().map_err(refused)?;
        invoke.log_type = LogType::Tail;
        let payload = self.payload.as_deref().map(payload).transpose()?.unwrap_or_default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let request = Request::from_parts(invoke.encode(), Bytes::from(payload));
        let lambda = Client {
            url: &self.endpoint,
            flag: "--endpoint",
            speaks: "as Lambda does",
            limit: self.timeout,
            more: "--timeout allows more",
        };
        let (head, body) = runtime.block_on(lambda.ask(request))?;
        let Some(reply) = InvokeReply::decode(&head) else {
            return Err(api_failure(&ApiError::decode(&head, &body)));
        };
        let answer = Answer::new(&invoke.function.name, &reply, &body);
        if json {
            print_json(&answer);
        } else {
            print(serde_json::to_string_pretty(&answer).expect("our own types are JSON"));
        }
        Ok(if reply.function_error.is_some() { Exit::Negative } else { Exit::Done })
    }
}

fn payload(argument: &str) -> Result<Vec<u8>, Failure> {
    let unreadable =
        |name: &str, cause: &io::Error| Failure::usage(format_args!("{name} cannot be read")).because(cause);
    match (argument, argument.strip_prefix("file://")) {
        ("-", _) => bounded(io::stdin()).map_err(|cause| unreadable("standard input", &cause)),
        (_, Some(path)) => {
            let read = File::open(Path::new(path)).and_then(bounded);
            read.map_err(|cause| unreadable(path, &cause))
        }
        (json, None) => Ok(json.as_bytes().to_vec()),
    }
}

fn bounded(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(MAX_EVENT_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_EVENT_BYTES {
        return Err(io::Error::other(format!("the event is over the limit of {MAX_EVENT_BYTES} bytes")));
    }
    Ok(bytes)
}

/// What is printed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    function_name: &'a str,
    payload: Payload<'a>,
    log_tail: Vec<String>,
    invocation_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

/// The payload's JSON as it came; what is not JSON, as text.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Payload<'a> {
    Json(&'a RawValue),
    Text(std::borrow::Cow<'a, str>),
}

impl<'a> Answer<'a> {
    fn new(function_name: &'a str, reply: &'a InvokeReply, body: &'a [u8]) -> Self {
        let payload = match serde_json::from_slice(body) {
            Ok(json) => Payload::Json(json),
            Err(_) => Payload::Text(String::from_utf8_lossy(body)),
        };
        Self {
            function_name,
            payload,
            log_tail: reply.log_result.as_ref().map(log_lines).unwrap_or_default(),
            invocation_id: reply.request_id.as_ref().and_then(|id| id.to_str().ok()),
            error: reply.function_error.as_ref().and_then(|error| error.to_str().ok()),
        }
    }
}

fn log_lines(log_result: &HeaderValue) -> Vec<String> {
    let log = base64_simd::STANDARD.decode_to_vec(log_result.as_bytes()).unwrap_or_default();
    String::from_utf8_lossy(&log).lines().map(str::to_owned).collect()
}

fn refused(error: ApiError) -> Failure {
    Failure::usage(error.message)
}

/// Lambda's own refusal.
fn api_failure(error: &ApiError) -> Failure {
    if error.code == ErrorCode::ResourceNotFound {
        Failure::usage(format_args!("{error}; `stayput routes` lists the functions"))
    } else if error.code.status().is_server_error() {
        Failure::unreachable(error)
    } else {
        Failure::usage(error)
    }
}

/// Over all of Lambda's limits: the service is the one to judge.
const MAX_EVENT_BYTES: u64 = 16 << 20;

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    #[track_caller]
    fn check(body: &str, expected: &str) {
        let reply = InvokeReply {
            log_result: Some(HeaderValue::from_static("U1RBUlQKRU5ECg==")),
            request_id: Some(HeaderValue::from_static("id")),
            function_error: Some(InvokeReply::UNHANDLED),
            ..InvokeReply::new(StatusCode::OK)
        };
        let printed = serde_json::to_string(&Answer::new("f", &reply, body.as_bytes())).unwrap();
        let rest = r#""logTail":["START","END"],"invocationId":"id","error":"Unhandled"}"#;
        assert_eq!(printed, format!(r#"{{"functionName":"f","payload":{expected},{rest}"#));
    }

    #[test]
    fn a_json_payload_is_printed_as_it_came() {
        check(r#"{"b":1.50,"a":[]}"#, r#"{"b":1.50,"a":[]}"#);
        check("null", "null");
    }

    #[test]
    fn any_other_payload_is_printed_as_text() {
        check("<html>", r#""<html>""#);
        check("", r#""""#);
    }

    #[test]
    fn an_event_comes_from_the_command_line_or_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("event.json");
        std::fs::write(&path, "[1]").unwrap();
        assert_eq!(payload("{}").unwrap(), b"{}");
        assert_eq!(payload(&format!("file://{}", path.display())).unwrap(), b"[1]");
        assert_eq!(payload("file:///none/such").unwrap_err().exit, Exit::Usage);
    }
}
