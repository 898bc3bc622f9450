//! What an `Invoke` must pass before it runs, in the order in which AWS looks.

use bytes::Bytes;
use http::HeaderValue;
use lambda_protocol::{
    api_error::{ApiError, ErrorCode},
    function::FunctionArn,
    json,
    quotas::{EVENT_REQUEST_BYTES, INVOKE_ASYNC_REQUEST_BYTES, SYNC_REQUEST_BYTES},
};

use crate::settings::Settings;

/// What a payload is for, as far as its size goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Synchronous,
    Event,
    /// The deprecated call.
    InvokeAsync,
}

/// The payload, an empty one as the `{}` that it stands for.
///
/// # Errors
/// It is too large or no JSON.
pub(crate) fn check_payload(payload: Bytes, kind: Kind) -> Result<Bytes, ApiError> {
    match (kind, payload.len()) {
        (_, bytes) if bytes > SYNC_REQUEST_BYTES => return Err(ApiError::too_large_sync()),
        (Kind::Event, bytes) if bytes > EVENT_REQUEST_BYTES => return Err(ApiError::too_large_event(bytes)),
        (Kind::InvokeAsync, bytes) if bytes > INVOKE_ASYNC_REQUEST_BYTES => {
            return Err(ApiError::too_large_invoke_async(bytes, INVOKE_ASYNC_REQUEST_BYTES));
        }
        (Kind::Synchronous | Kind::Event | Kind::InvokeAsync, _) => {}
    }
    if payload.is_empty() {
        return Ok(Bytes::from_static(b"{}"));
    }
    json::check(&payload).map_err(ApiError::could_not_parse)?;
    Ok(payload)
}

/// For a service that keeps no events. Not a 5xx, which SDKs would try again.
pub(crate) fn asynchronous_unavailable() -> ApiError {
    let text = "Asynchronous invocation (InvocationType Event) needs a place to keep events, and this local Lambda has \
                none. Use RequestResponse.";
    ApiError::new(ErrorCode::InvalidParameterValue, text)
}

/// The function's ARN as the caller named it: with a qualifier only if there was one.
pub(crate) fn invoked_arn(name: &str, qualifier: Option<&str>, settings: &Settings) -> HeaderValue {
    let (region, account) = (&*settings.region, &*settings.account);
    let arn = FunctionArn { region, account, name, qualifier };
    HeaderValue::try_from(arn.to_string()).expect("names, regions and accounts are ASCII by their checks")
}

#[cfg(test)]
mod tests {
    use lambda_protocol::{
        function::{FunctionRef, Qualifier},
        invoke::Invoke,
    };

    use super::*;

    #[test]
    fn an_empty_payload_stands_for_an_empty_object() {
        assert_eq!(check_payload(Bytes::new(), Kind::Event).unwrap(), "{}");
        assert_eq!(check_payload(Bytes::from_static(b" [1] "), Kind::Event).unwrap(), " [1] ");
    }

    #[test]
    fn a_payload_is_json_of_bounded_size() {
        let error = check_payload(Bytes::from_static(b"{"), Kind::Synchronous).unwrap_err();
        assert!(error.message.starts_with("Could not parse request body into json: Could not parse payload"));
        let error = check_payload(vec![b' '; SYNC_REQUEST_BYTES + 1].into(), Kind::Synchronous).unwrap_err();
        assert_eq!(error.code, ErrorCode::RequestEntityTooLarge);
    }

    #[test]
    fn an_arn_has_a_qualifier_only_if_the_caller_gave_one() {
        let arn = |meant| {
            let invoke = Invoke::new(FunctionRef::parse(meant).unwrap());
            invoked_arn("one", invoke.effective_qualifier().map(Qualifier::as_str), &Settings::default())
        };
        assert_eq!(arn("one"), "arn:aws:lambda:us-east-1:000000000000:function:one");
        assert_eq!(arn("one:$LATEST"), "arn:aws:lambda:us-east-1:000000000000:function:one:$LATEST");
    }
}
