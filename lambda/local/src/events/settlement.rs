//! What follows from the end of an event: the rows that its destinations and its dead-letter queue get. Pure.

use std::{borrow::Cow, time::SystemTime};

use bytes::Bytes;
use event_queue::{NewRow, RowId};
use lambda_protocol::{
    destination::{Condition, DestinationRecord, ResponseContext},
    fault::Fault,
    function::Qualifier,
    quotas::{EVENT_REQUEST_BYTES, SQS_MESSAGE_BYTES},
};
use serde_json::value::{RawValue, to_raw_value};
use uuid::Uuid;

use super::{
    envelope::{self, Envelope},
    sqs::MessageAttributes,
    targets::{Target, function_arn},
};
use crate::{
    function::{EventInvokeConfig, FunctionEvents, Version},
    settings::Settings,
};

/// An event that is over.
#[derive(Debug)]
pub(crate) struct Finished<'a> {
    pub(crate) function: &'a str,
    pub(crate) envelope: &'a Envelope,
    pub(crate) payload: &'a Bytes,
    pub(crate) condition: Condition,
    /// How often the function was started.
    pub(crate) runs: u32,
    pub(crate) response: Option<Response<'a>>,
    /// `X-Amzn-Trace-Id` for what follows, with the function in its lineage.
    pub(crate) trace: &'a str,
    pub(crate) now: SystemTime,
}

/// How the last attempt went.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Response<'a> {
    /// 200 where the function ran, whatever became of it.
    pub(crate) status_code: u16,
    /// What ran, or would have.
    pub(crate) version: Version,
    pub(crate) failed: bool,
    /// What the function answered, or its error object.
    pub(crate) payload: &'a [u8],
}

/// What the end of the event brings.
#[derive(Debug, Default)]
pub(crate) struct Settlement {
    pub(crate) rows: Vec<NewRow>,
    /// What could not be delivered, and why.
    pub(crate) undelivered: Vec<String>,
}

/// Where it goes.
pub(crate) struct Route<'a> {
    pub(crate) config: Option<&'a EventInvokeConfig>,
    pub(crate) events: &'a FunctionEvents,
    pub(crate) settings: &'a Settings,
    /// Whether there is a function of that name.
    pub(crate) exists: &'a dyn Fn(&str, Option<&str>) -> bool,
}

/// `ids` makes message ids and request ids that were not there before.
pub(crate) fn settle(
    finished: &Finished<'_>,
    route: &Route<'_>,
    ids: &mut dyn FnMut() -> Uuid,
) -> Settlement {
    let mut settlement = Settlement::default();
    let succeeded = finished.condition == Condition::Success;
    let destination = route.config.and_then(|config| {
        if succeeded { config.on_success.as_deref() } else { config.on_failure.as_deref() }
    });
    if let Some(arn) = destination.or(route.settings.destination.as_deref()) {
        let kind = if succeeded { "success" } else { "failure" };
        settlement.take(arn, finished.record(kind, arn, route, ids));
    }
    if let Some(arn) = route.events.dead_letter.as_deref().filter(|_| !succeeded) {
        settlement.take(arn, finished.dead_letter(arn, route, ids));
    }
    settlement
}

impl Settlement {
    fn take(&mut self, arn: &str, made: Result<NewRow, String>) {
        match made {
            Ok(row) => self.rows.push(row),
            Err(why) => self.undelivered.push(format!("{arn}: {why}")),
        }
    }
}

impl Finished<'_> {
    /// How the event ended, for people.
    pub(crate) fn reason(&self) -> String {
        let condition = self.condition.as_str();
        match self.response.filter(|response| response.failed) {
            None => condition.to_owned(),
            Some(response) => format!("{condition}: {}", failure(response.payload)),
        }
    }

    fn record(
        &self,
        kind: &str,
        arn: &str,
        route: &Route<'_>,
        ids: &mut dyn FnMut() -> Uuid,
    ) -> Result<NewRow, String> {
        let qualifier = self.envelope.qualifier.as_deref().unwrap_or(Qualifier::LATEST);
        let event = json(self.payload);
        let answer = self.response.map(|response| json(response.payload));
        let record = DestinationRecord {
            timestamp: self.now,
            request_id: self.envelope.request_id.clone(),
            function_arn: function_arn(route.settings, self.function, Some(qualifier)),
            condition: self.condition,
            approximate_invoke_count: self.runs,
            request_payload: &event,
            response: self.response.map(Response::context),
            response_payload: answer.as_deref(),
        };
        let body = Bytes::from(record.encode());
        match Target::parse(arn, route.settings) {
            Target::Sqs(queue) => {
                within(body.len(), SQS_MESSAGE_BYTES, "an SQS message")?;
                let attributes =
                    MessageAttributes { trace_header: Some(self.trace.to_owned()), ..Default::default() };
                Ok(attributes.row(queue, self.message_id(kind, ids()), body))
            }
            Target::Function { name, qualifier } if (route.exists)(&name, qualifier.as_deref()) => {
                within(body.len(), EVENT_REQUEST_BYTES, "an event")?;
                let request_id = ids();
                let envelope = Envelope {
                    request_id: request_id.to_string(),
                    qualifier,
                    trace: self.trace.to_owned(),
                    redriven: 0,
                };
                Ok(envelope.row(&name, envelope::row_id(request_id), body))
            }
            Target::Function { .. } => Err("there is no such function".to_owned()),
            Target::Elsewhere => Err(NOT_HERE.to_owned()),
        }
    }

    /// The event itself, and what went wrong as attributes. Source: Lambda developer guide, "Dead-letter queues"; that the
    /// code is a number is recorded.
    fn dead_letter(
        &self,
        arn: &str,
        route: &Route<'_>,
        ids: &mut dyn FnMut() -> Uuid,
    ) -> Result<NewRow, String> {
        let Target::Sqs(queue) = Target::parse(arn, route.settings) else { return Err(NOT_HERE.to_owned()) };
        let (code, message) = match self.response {
            Some(response) => {
                let fault = Fault::decode(response.payload);
                (response.status_code, fault.error_message.unwrap_or_default())
            }
            // Inferred: what a synchronous call would have been answered with.
            None => (TOO_MANY_REQUESTS, "Rate Exceeded.".to_owned()),
        };
        let mut attributes =
            MessageAttributes { trace_header: Some(self.trace.to_owned()), ..Default::default() };
        attributes.insert("RequestID", "String", self.envelope.request_id.clone());
        attributes.insert("ErrorCode", "Number", code.to_string());
        if !message.is_empty() {
            let end = message.floor_char_boundary(ERROR_MESSAGE_BYTES);
            attributes.insert("ErrorMessage", "String", message[..end].to_owned());
        }
        Ok(attributes.row(queue, self.message_id("dead-letter", ids()), self.payload.clone()))
    }

    /// `0b3a2f1e-….failure.1f2e3d4c`: whoever knows the request finds what came of it.
    fn message_id(&self, kind: &str, unique: Uuid) -> RowId {
        let (high, _) = unique.as_u64_pair();
        RowId::parse(&format!("{}.{kind}.{high:016x}", self.envelope.request_id))
            .expect("an id, a word and digits are visible ASCII")
    }
}

impl Response<'_> {
    fn context(self) -> ResponseContext {
        ResponseContext {
            status_code: self.status_code,
            executed_version: Some(self.version.to_string()),
            function_error: self.failed.then(|| "Unhandled".to_owned()),
        }
    }
}

/// A payload as it is; one that a function made of something else than JSON is told as a text.
fn json(payload: &[u8]) -> Cow<'_, RawValue> {
    match serde_json::from_slice::<&RawValue>(payload) {
        Ok(json) => Cow::Borrowed(json),
        Err(_) if payload.is_empty() => Cow::Borrowed(RawValue::NULL),
        Err(_) => {
            let text = String::from_utf8_lossy(payload);
            Cow::Owned(to_raw_value(&text).expect("a text is always JSON"))
        }
    }
}

/// An error payload in a line.
pub(crate) fn failure(payload: &[u8]) -> String {
    let fault = Fault::decode(payload);
    match (fault.error_type, fault.error_message) {
        (Some(kind), Some(message)) => format!("{kind}: {message}"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => "the function failed".to_owned(),
    }
}

fn within(bytes: usize, limit: usize, what: &str) -> Result<(), String> {
    if bytes <= limit {
        return Ok(());
    }
    Err(format!("the record of {bytes} bytes is over the limit of {limit} bytes for {what}"))
}

const NOT_HERE: &str =
    "this machine has functions and standard SQS queues of its own region and account only";

/// The first 1 KB of it. Source: Lambda developer guide, "Dead-letter queues".
const ERROR_MESSAGE_BYTES: usize = 1024;

const TOO_MANY_REQUESTS: u16 = 429;

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use serde_json::{Value, json};

    use super::*;

    const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:q";
    const TOPIC: &str = "arn:aws:sns:us-east-1:000000000000:t";
    const OTHER: &str = "arn:aws:lambda:us-east-1:000000000000:function:other";

    fn settled(
        condition: Condition,
        response: Option<Response<'_>>,
        on: [Option<&str>; 3],
        payload: &'static [u8],
    ) -> Settlement {
        let envelope = Envelope {
            request_id: "0b3a2f1e-0000-4000-8000-00000000000a".to_owned(),
            qualifier: None,
            trace: "Root=1-5759e988-bd862e3fe1be46a994272793".to_owned(),
            redriven: 0,
        };
        let finished = Finished {
            function: "f",
            envelope: &envelope,
            payload: &Bytes::from_static(payload),
            condition,
            runs: 3,
            response,
            trace: "Root=1-5759e988-bd862e3fe1be46a994272793;Lineage=1:a87bd80c:0",
            now: UNIX_EPOCH,
        };
        let [on_success, on_failure, dead_letter] = on.map(|arn| arn.map(str::to_owned));
        let config = EventInvokeConfig { on_success, on_failure, ..Default::default() };
        let events = FunctionEvents { dead_letter, ..Default::default() };
        let settings = Settings::default();
        let exists = |name: &str, qualifier: Option<&str>| name == "other" && qualifier.is_none();
        let route = Route { config: Some(&config), events: &events, settings: &settings, exists: &exists };
        settle(&finished, &route, &mut || Uuid::from_u128(7))
    }

    const FAILED: Response<'_> = Response {
        status_code: 200,
        version: Version::Latest,
        failed: true,
        payload: br#"{"errorType":"E","errorMessage":"no"}"#,
    };

    #[test]
    fn a_success_goes_where_successes_go_and_nowhere_else() {
        let returned = Response { status_code: 200, version: Version::Latest, failed: false, payload: b"1" };
        let on = [Some(QUEUE), Some(TOPIC), Some(TOPIC)];
        let settlement = settled(Condition::Success, Some(returned), on, b"{}");
        assert_eq!(settlement.undelivered, Vec::<String>::new());
        let [row] = &settlement.rows[..] else { panic!("{settlement:?}") };
        assert_eq!(row.queue.as_str(), "q");
        assert!(row.id.as_str().starts_with("0b3a2f1e-0000-4000-8000-00000000000a.success."));
    }

    #[test]
    fn a_failure_goes_to_its_destination_and_to_the_dead_letter_queue() {
        let on = [None, Some(OTHER), Some(QUEUE)];
        let settlement = settled(Condition::RetriesExhausted, Some(FAILED), on, b"[1]");
        let [record, letter] = &settlement.rows[..] else { panic!("{settlement:?}") };
        assert_eq!((record.queue.as_str(), record.key.as_str()), ("lambda.events", "other"));
        let body: Value = serde_json::from_slice(&record.content.payload).unwrap();
        assert_eq!(body["requestContext"]["condition"], "RetriesExhausted");
        let envelope = Envelope::read(&record.content).unwrap();
        assert_eq!(envelope.trace, "Root=1-5759e988-bd862e3fe1be46a994272793;Lineage=1:a87bd80c:0");
        assert_eq!(envelope.request_id, Uuid::from_u128(7).to_string(), "a call of its own");

        assert_eq!((letter.queue.as_str(), &letter.content.payload[..]), ("q", &b"[1]"[..]));
        let attributes: Value = serde_json::from_slice(&letter.content.attributes).unwrap();
        let expected = json!({
            "RequestID": {"DataType": "String", "StringValue": "0b3a2f1e-0000-4000-8000-00000000000a"},
            "ErrorCode": {"DataType": "Number", "StringValue": "200"},
            "ErrorMessage": {"DataType": "String", "StringValue": "no"},
        });
        assert_eq!(attributes["MessageAttributes"], expected);
    }

    #[test]
    fn an_error_message_is_cut_at_one_kilobyte() {
        let error = format!(r#"{{"errorMessage":"{}"}}"#, "é".repeat(600));
        let response = Response { payload: error.as_bytes(), ..FAILED };
        let on = [None, None, Some(QUEUE)];
        let settlement = settled(Condition::RetriesExhausted, Some(response), on, b"{}");
        let attributes: MessageAttributes =
            serde_json::from_slice(&settlement.rows[0].content.attributes).unwrap();
        assert_eq!(attributes.named["ErrorMessage"].string_value.len(), 1024);
    }

    #[test]
    fn what_cannot_be_delivered_is_told_with_the_reason() {
        let on = [None, Some(TOPIC), Some(QUEUE)];
        let settlement = settled(Condition::RetriesExhausted, Some(FAILED), on, b"{}");
        assert_eq!((settlement.rows.len(), settlement.undelivered.len()), (1, 1));
        assert!(settlement.undelivered[0].starts_with(TOPIC), "{settlement:?}");
        let large = vec![b'1'; SQS_MESSAGE_BYTES];
        let returned =
            Response { status_code: 200, version: Version::Latest, failed: false, payload: &large };
        let settlement = settled(Condition::Success, Some(returned), [Some(QUEUE), None, None], b"{}");
        assert!(settlement.undelivered[0].contains("over the limit of 1048576 bytes"), "{settlement:?}");
    }

    #[test]
    fn an_answer_is_told_as_it_is_or_as_text() {
        assert_eq!(json(br#" {"a":  1e999} "#).get(), r#"{"a":  1e999}"#);
        assert_eq!(json(br#""\ud800""#).get(), r#""\ud800""#);
        assert_eq!(json(b"\"half").get(), r#""\"half""#);
        assert_eq!(json(b"").get(), "null");
    }
}
