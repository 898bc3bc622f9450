//! The texts that a Lambda service answers with, as recorded from the real one unless said otherwise.

use std::fmt::Display;

use super::{ApiError, ErrorCode, ThrottleReason};
use crate::{
    function::FunctionArn,
    quotas::{EVENT_REQUEST_BYTES, SYNC_REQUEST_BYTES},
};

impl ApiError {
    /// `arn` with its qualifier: an unqualified call says `:$LATEST`.
    pub fn function_not_found(arn: &FunctionArn<'_>) -> Self {
        Self::new(ErrorCode::ResourceNotFound, format_args!("Function not found: {arn}"))
    }

    /// An ARN names another region than the service's.
    pub fn wrong_region(theirs: &str, ours: &str) -> Self {
        let text = format_args!("Functions from '{theirs}' are not reachable in this region ('{ours}')");
        Self::new(ErrorCode::ResourceNotFound, text)
    }

    /// An ARN names another account than the service's. `user` is the caller's own ARN.
    pub fn access_denied(user: &str, resource: &FunctionArn<'_>) -> Self {
        let text = format_args!(
            "User: {user} is not authorized to perform: lambda:InvokeFunction on resource: {resource} because no \
             resource-based policy allows the lambda:InvokeFunction action"
        );
        Self::new(ErrorCode::AccessDenied, text)
    }

    /// `name:$LATEST` with `Qualifier=1`.
    pub fn qualifier_mismatch() -> Self {
        let text = "The derived qualifier from the function name does not match the specified qualifier.";
        Self::new(ErrorCode::InvalidParameterValue, text)
    }

    /// The payload is no JSON; `detail` is a [`JsonError`](crate::json::JsonError) or says as much.
    pub fn could_not_parse(detail: impl Display) -> Self {
        let text = format_args!(
            "Could not parse request body into json: Could not parse payload into json: {detail}"
        );
        Self::new(ErrorCode::InvalidRequestContent, text)
    }

    /// A synchronous payload is over [`SYNC_REQUEST_BYTES`].
    pub fn too_large_sync() -> Self {
        let text = format_args!(
            "Request must be smaller than {SYNC_REQUEST_BYTES} bytes for the InvokeFunction operation"
        );
        Self::new(ErrorCode::RequestEntityTooLarge, text)
    }

    /// An `Event` payload of `bytes` is over [`EVENT_REQUEST_BYTES`].
    pub fn too_large_event(bytes: usize) -> Self {
        let text = format_args!(
            "{bytes} byte payload is too large for the Event invocation type (limit {EVENT_REQUEST_BYTES} bytes)"
        );
        Self::new(ErrorCode::RequestEntityTooLarge, text)
    }

    pub fn throttled(reason: ThrottleReason) -> Self {
        Self { reason: Some(reason), ..Self::new(ErrorCode::TooManyRequests, "Rate Exceeded.") }
    }

    /// `state` is `Pending` or `Failed`.
    pub fn not_in_state(state: &str) -> Self {
        let text = format_args!(
            "The operation cannot be performed at this time. The function is currently in the following state: {state}"
        );
        Self::new(ErrorCode::ResourceConflict, text)
    }

    /// No `Authorization` header, where signatures are asked for.
    pub fn missing_authentication() -> Self {
        Self::new(ErrorCode::MissingAuthenticationToken, "Missing Authentication Token")
    }

    /// The access key is unknown.
    pub fn unrecognized_client() -> Self {
        let text = "The security token included in the request is invalid.";
        Self::new(ErrorCode::UnrecognizedClient, text)
    }

    pub fn invalid_signature() -> Self {
        let text = "The request signature we calculated does not match the signature you provided. Check your AWS \
                    Secret Access Key and signing method. Consult the service documentation for details.";
        Self::new(ErrorCode::InvalidSignature, text)
    }

    /// The service failed for a reason of its own.
    pub fn service(message: impl Display) -> Self {
        Self::new(ErrorCode::Service, message)
    }
}
