//! The deprecated `InvokeAsync`: an `Event` call from before there were invocation types.
//!
//! Source: service model, `POST /2014-11-13/functions/{FunctionName}/invoke-async`; some clients end it with a slash.

use http::{Method, request};
use lambda_protocol::{
    api_error::ApiError,
    function::FunctionRef,
    invoke::{InvocationType, Invoke},
};

use super::{decoded, label};

/// `None`: not this route. It has no headers of its own: no qualifier, no id, no trace.
pub(crate) fn decode(head: &request::Parts) -> Option<Result<Invoke, ApiError>> {
    let path = head.uri.path();
    let path = path.strip_suffix('/').unwrap_or(path);
    let label = label(path, "/2014-11-13/functions/", "/invoke-async")?;
    if head.method != Method::POST {
        return None;
    }
    let event = |function| Invoke { invocation_type: InvocationType::Event, ..Invoke::new(function) };
    Some(FunctionRef::parse(&decoded(label)).map(event))
}
