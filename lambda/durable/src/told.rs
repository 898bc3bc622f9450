//! An operation as the function that began it is told of it: the other side of [`Operation::to_json`](crate::Operation::to_json).

use std::time::UNIX_EPOCH;

use serde::Deserialize;
use serde_json::Value;

use crate::{
    error::ErrorObject,
    operation::{OperationType, Status},
    time::{Moment, Notation},
};

/// One operation, with what a client needs of it, whatever sort it is. What it does not know, it leaves alone: the service may tell
/// more than this crate has heard of.
///
/// ```
/// use lambda_durable::{Moment, Notation, Status, Told};
///
/// let told = serde_json::json!({
///     "Id": "w", "Type": "WAIT", "Status": "STARTED", "Colour": "blue",
///     "WaitDetails": {"ScheduledEndTimestamp": 5.5},
/// });
/// let told = Told::read(&told, Notation::Seconds).unwrap();
/// assert_eq!((told.status, told.scheduled_end), (Some(Status::Started), Some(Moment(5_500))));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    pub id: String,
    pub parent: Option<String>,
    pub name: Option<String>,
    pub sub_type: Option<String>,
    /// `None`: a sort that is not known here.
    pub operation_type: Option<OperationType>,
    /// `None`: a state that is not known here, so it is not over.
    pub status: Option<Status>,
    pub ended: Option<Moment>,
    /// Of an execution: JSON text.
    pub input: Option<String>,
    /// Of a step: attempts that are over.
    pub attempt: u32,
    /// Of a wait.
    pub scheduled_end: Option<Moment>,
    pub result: Option<String>,
    pub error: Option<ErrorObject>,
    /// Of a context: what happened inside is told, too.
    pub replay_children: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Written {
    id: String,
    #[serde(default)]
    parent_id: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    sub_type: Option<String>,
    #[serde(default, rename = "Type")]
    operation_type: Option<Value>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    end_timestamp: Option<Value>,
    #[serde(default)]
    execution_details: Option<Details>,
    #[serde(default)]
    step_details: Option<Details>,
    #[serde(default)]
    wait_details: Option<Details>,
    #[serde(default)]
    context_details: Option<Details>,
    #[serde(default)]
    callback_details: Option<Details>,
    #[serde(default)]
    chained_invoke_details: Option<Details>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Details {
    input_payload: Option<String>,
    attempt: Option<u32>,
    scheduled_end_timestamp: Option<Value>,
    result: Option<String>,
    error: Option<ErrorObject>,
    replay_children: Option<bool>,
}

impl Told {
    /// Numbers are read as `notation` has them; text is a moment of ISO 8601 in both.
    ///
    /// # Errors
    /// It has no id, or a member that is known has another form.
    pub fn read(told: &Value, notation: Notation) -> Result<Self, serde_json::Error> {
        let written = Written::deserialize(told)?;
        let details = [
            written.execution_details,
            written.step_details,
            written.wait_details,
            written.context_details,
            written.callback_details,
            written.chained_invoke_details,
        ];
        let details = details.into_iter().flatten().next().unwrap_or_default();
        let moment = |value: Option<Value>| value.and_then(|value| Moment::read(&value, notation));
        Ok(Self {
            id: written.id,
            parent: written.parent_id,
            name: written.name,
            sub_type: written.sub_type,
            operation_type: written.operation_type.and_then(|word| serde_json::from_value(word).ok()),
            status: written.status.and_then(|word| status(&word)),
            ended: moment(written.end_timestamp),
            input: details.input_payload,
            attempt: details.attempt.unwrap_or_default(),
            scheduled_end: moment(details.scheduled_end_timestamp),
            result: details.result,
            error: details.error,
            replay_children: details.replay_children.unwrap_or_default(),
        })
    }

    pub fn is_over(&self) -> bool {
        self.status.is_some_and(Status::is_over)
    }
}

impl Moment {
    /// `None`: no moment, or one before the epoch.
    fn read(value: &Value, notation: Notation) -> Option<Self> {
        match (value, notation) {
            (Value::Number(number), Notation::Milliseconds) => number.as_f64().and_then(whole),
            (Value::Number(number), Notation::Seconds) => {
                number.as_f64().and_then(|seconds| whole(seconds * 1_000.0))
            }
            (Value::String(text), _) => {
                let since = humantime::parse_rfc3339(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
                u64::try_from(since.as_millis()).ok().map(Self)
            }
            _ => None,
        }
    }
}

/// Seconds with a fraction are not exact: the nearest millisecond is meant.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the bounds are checked")]
fn whole(ms: f64) -> Option<Moment> {
    (0.0..=LAST_MS).contains(&ms).then(|| Moment(ms.round() as u64))
}

/// The year 9999.
const LAST_MS: f64 = 253_402_300_799_999.0;

fn status(word: &str) -> Option<Status> {
    const ALL: [Status; 8] = [
        Status::Started,
        Status::Pending,
        Status::Ready,
        Status::Succeeded,
        Status::Failed,
        Status::Cancelled,
        Status::TimedOut,
        Status::Stopped,
    ];
    ALL.into_iter().find(|status| status.as_str() == word)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::operation::{Kind, Operation};

    fn operation(kind: Kind, status: Status, ended: Option<Moment>) -> Operation {
        Operation {
            id: "id".to_owned(),
            parent: Some("parent".to_owned()),
            name: Some("name".to_owned()),
            sub_type: Some("StepRun".to_owned()),
            status,
            started: Moment(1),
            ended,
            kind,
            changed: 7,
        }
    }

    proptest! {
        #[test]
        fn what_is_told_is_read(
            ms in 0_u64..4_102_444_800_000,
            attempt: u32,
            result: Option<String>,
            message: Option<String>,
        ) {
            let error = message.map(|message| ErrorObject::new("Odd", message));
            let kind =
                Kind::Step { attempt, next_attempt: Some(Moment(ms)), result: result.clone(), error: error.clone() };
            let operation = operation(kind, Status::Failed, Some(Moment(ms)));
            for notation in [Notation::Seconds, Notation::Milliseconds] {
                let told = Told::read(&operation.to_json(notation), notation).unwrap();
                prop_assert_eq!(told, Told {
                    id: "id".to_owned(),
                    parent: Some("parent".to_owned()),
                    name: Some("name".to_owned()),
                    sub_type: Some("StepRun".to_owned()),
                    operation_type: Some(OperationType::Step),
                    status: Some(Status::Failed),
                    ended: Some(Moment(ms)),
                    attempt,
                    result: result.clone(),
                    error: error.clone(),
                    ..Told::default()
                });
            }
        }
    }

    #[test]
    fn a_wait_tells_when_it_ends() {
        let kind = Kind::Wait { until: Moment(61_001), seconds: 60 };
        let told = operation(kind, Status::Started, None).to_json(Notation::Seconds);
        let told = Told::read(&told, Notation::Seconds).unwrap();
        assert_eq!((told.scheduled_end, told.is_over()), (Some(Moment(61_001)), false));
    }

    #[test]
    fn a_moment_may_be_text() {
        let told = json!({"Id": "x", "EndTimestamp": "2026-11-27T20:00:00.250Z"});
        let told = Told::read(&told, Notation::Milliseconds).unwrap();
        assert_eq!(told.ended, Some(Moment(1_795_809_600_250)));
    }

    #[test]
    fn what_is_not_known_is_left_alone() {
        let told = json!({"Id": "x", "Type": "DREAM", "Status": "DREAMT", "DreamDetails": {"Of": 1}, "EndTimestamp": {}});
        assert_eq!(
            Told::read(&told, Notation::Seconds).unwrap(),
            Told { id: "x".to_owned(), ..Told::default() }
        );
        assert!(Told::read(&json!({"Type": "STEP"}), Notation::Seconds).is_err());
    }
}
