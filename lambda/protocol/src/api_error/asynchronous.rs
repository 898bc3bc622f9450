//! What Lambda says about asynchronous calls and their configuration, as recorded unless said otherwise.

use super::{ApiError, ErrorCode};
use crate::function::FunctionArn;

impl ApiError {
    /// The function was called in a loop too often. The text is the service model's.
    pub fn recursive_invocation() -> Self {
        let text = "Lambda has detected your function being invoked in a recursive loop with other AWS resources and \
                    stopped your function's invocation.";
        Self::new(ErrorCode::RecursiveInvocation, text)
    }

    /// A payload of `bytes` for the deprecated `InvokeAsync` is over `limit`. Inferred from the text for `Event`.
    pub fn too_large_invoke_async(bytes: usize, limit: usize) -> Self {
        let text = format_args!(
            "{bytes} byte payload is too large for the Event invocation type (limit {limit} bytes)"
        );
        Self::new(ErrorCode::RequestEntityTooLarge, text)
    }

    /// An event-invoke-config without any setting.
    pub fn no_setting() -> Self {
        let text = "You must specify at least one of error handling or destination setting.";
        Self::new(ErrorCode::InvalidParameterValue, text)
    }

    /// An event-invoke-config is to be written or listed for a function or qualifier that is not there.
    pub fn no_such_function() -> Self {
        Self::new(ErrorCode::ResourceNotFound, "The function doesn't exist.")
    }

    /// `arn` with its qualifier.
    pub fn no_event_invoke_config(arn: &FunctionArn<'_>) -> Self {
        Self::new(
            ErrorCode::ResourceNotFound,
            format_args!("The function {arn} doesn't have an EventInvokeConfig"),
        )
    }

    /// The destination is a function that is not there.
    pub fn destination_missing(arn: &str) -> Self {
        Self::new(ErrorCode::InvalidParameterValue, format_args!("The destination ARN {arn} is invalid."))
    }

    /// The destination is the function itself.
    pub fn destination_itself() -> Self {
        Self::new(
            ErrorCode::InvalidParameterValue,
            "You can't specify the function as a destination for itself.",
        )
    }

    /// A destination of a service that cannot be one.
    pub fn destination_unsupported(on_success: Option<&str>, on_failure: Option<&str>) -> Self {
        let side = |kind: &str, arn: Option<&str>| match arn {
            Some(arn) => format!("{kind}(destination={arn})"),
            None => "null".to_owned(),
        };
        let (on_success, on_failure) = (side("OnSuccess", on_success), side("OnFailure", on_failure));
        let text = format_args!(
            "The provided destination config DestinationConfig(onSuccess={on_success}, onFailure={on_failure}) is \
             invalid."
        );
        Self::new(ErrorCode::InvalidParameterValue, text)
    }

    /// A JSON body that is none, or has a member of another kind. Inferred: the front door's own words.
    pub fn could_not_deserialize() -> Self {
        let name = "SerializationException".to_owned();
        let status = http::StatusCode::BAD_REQUEST;
        Self::new(ErrorCode::Other { name, status }, "Could not deserialize the request body.")
    }
}
