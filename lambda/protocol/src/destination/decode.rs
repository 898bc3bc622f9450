//! From a record's JSON to what it says. Members that are not known here are passed over.

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::{Condition, DestinationError, DestinationRecord, ResponseContext, VERSION};
use crate::json::object;

impl<'a> DestinationRecord<'a> {
    /// # Errors
    /// The first rule that the record breaks.
    pub fn decode(json: &'a [u8]) -> Result<Self, DestinationError> {
        let members = members(
            json,
            [
                "version",
                "timestamp",
                "requestContext",
                "requestPayload",
                "responseContext",
                "responsePayload",
            ],
        )?;
        let [version, timestamp, context, request_payload, response, response_payload] = members;
        if version.and_then(object::string).as_deref() != Some(VERSION) {
            return Err(DestinationError::Version);
        }
        let timestamp = timestamp.and_then(object::string).and_then(|text| text.parse::<Timestamp>().ok());
        let context = present(context).ok_or(DestinationError::Member("requestContext"))?;
        let context =
            members_of(context, ["requestId", "functionArn", "condition", "approximateInvokeCount"])?;
        let [request_id, function_arn, condition, count] = context;
        let condition = text(condition).ok_or(DestinationError::Member("requestContext.condition"))?;
        Ok(Self {
            timestamp: timestamp.ok_or(DestinationError::Member("timestamp"))?.into(),
            request_id: text(request_id).ok_or(DestinationError::Member("requestContext.requestId"))?,
            function_arn: text(function_arn).ok_or(DestinationError::Member("requestContext.functionArn"))?,
            condition: Condition::parse(&condition).ok_or(DestinationError::Condition)?,
            approximate_invoke_count: number(count)
                .ok_or(DestinationError::Member("requestContext.approximateInvokeCount"))?,
            request_payload: request_payload.ok_or(DestinationError::Member("requestPayload"))?,
            response: present(response).map(ResponseContext::read).transpose()?,
            response_payload,
        })
    }
}

impl ResponseContext {
    fn read(json: &RawValue) -> Result<Self, DestinationError> {
        let [status_code, version, error] =
            members_of(json, ["statusCode", "executedVersion", "functionError"])?;
        Ok(Self {
            status_code: number(status_code).ok_or(DestinationError::Member("responseContext.statusCode"))?,
            executed_version: text(version),
            function_error: text(error),
        })
    }
}

fn members_of<'a, const N: usize>(
    json: &'a RawValue,
    names: [&str; N],
) -> Result<[Option<&'a RawValue>; N], DestinationError> {
    members(json.get().as_bytes(), names)
}

/// The members of these names; of several, the last.
fn members<'a, const N: usize>(
    json: &'a [u8],
    names: [&str; N],
) -> Result<[Option<&'a RawValue>; N], DestinationError> {
    let mut found = [None; N];
    object::members(json, |key, value| {
        if let Some(at) = names.iter().position(|name| *name == key) {
            found[at] = Some(value);
        }
    })
    .map_err(|_| DestinationError::Shape)?;
    Ok(found)
}

fn present(value: Option<&RawValue>) -> Option<&RawValue> {
    value.filter(|value| value.get() != "null")
}

fn text(value: Option<&RawValue>) -> Option<String> {
    value.and_then(object::string).map(std::borrow::Cow::into_owned)
}

fn number<T: std::str::FromStr>(value: Option<&RawValue>) -> Option<T> {
    value?.get().parse().ok()
}
