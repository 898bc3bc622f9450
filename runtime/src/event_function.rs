//! Functions over plain events: JSON in, JSON out.

use std::process::ExitCode;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::{RawValue, to_raw_value};

use crate::{
    Context, Error, ServeError,
    serve::{run, serve},
};

/// Runs an event function: the whole `main` of a program. Returns only if Lambda cannot be talked to.
///
/// `In` may be anything that serde reads, `Out` anything that it writes. `Box<serde_json::value::RawValue>` stands for
/// the event's text, or the answer's, exactly as it is.
///
/// ```no_run
/// use serde_json::Value;
/// use stayput_runtime::{Context, Error};
///
/// async fn echo(event: Value, _: Context) -> Result<Value, Error> {
///     Ok(event)
/// }
///
/// fn main() -> std::process::ExitCode {
///     stayput_runtime::run_event(echo)
/// }
/// ```
///
/// # Panics
/// Inside a Tokio runtime; use [`serve_event`] there.
pub fn run_event<In, Out>(handler: impl AsyncFn(In, Context) -> Result<Out, Error>) -> ExitCode
where
    In: DeserializeOwned,
    Out: Serialize,
{
    run(serve_event(handler))
}

/// Like [`run_event`], within your own Tokio runtime and with your own logging.
///
/// # Errors
/// The process was not started by Lambda, or Lambda can no longer be talked to. What the handler returns never ends
/// it.
pub async fn serve_event<In, Out>(
    handler: impl AsyncFn(In, Context) -> Result<Out, Error>,
) -> Result<(), ServeError>
where
    In: DeserializeOwned,
    Out: Serialize,
{
    serve(async |event, context| encode(&call(&handler, event, context).await?)).await
}

/// From the event's text to what the handler returns.
pub(crate) async fn call<In, Out>(
    handler: impl AsyncFn(In, Context) -> Result<Out, Error>,
    event: &RawValue,
    context: Context,
) -> Result<Out, Error>
where
    In: DeserializeOwned,
{
    handler(decode(event.get())?, context).await
}

pub(crate) fn encode(answer: &impl Serialize) -> Result<Box<RawValue>, Error> {
    to_raw_value(answer).map_err(|error| Error::new(Error::INVALID_ANSWER, error.to_string()))
}

/// The message names the field, as `lines[2].amount: invalid type: …`.
pub(crate) fn decode<In: DeserializeOwned>(event: &str) -> Result<In, Error> {
    let mut json = serde_json::Deserializer::from_str(event);
    serde_path_to_error::deserialize(&mut json)
        .map_err(|error| Error::new(Error::INVALID_EVENT, error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::testing;

    fn answer<In: DeserializeOwned, Out: Serialize>(
        handler: impl AsyncFn(In, Context) -> Result<Out, Error>,
        event: &str,
    ) -> Result<String, Error> {
        let event: &RawValue = serde_json::from_str(event).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let answer = runtime.block_on(call(handler, event, testing::context()))?;
        encode(&answer).map(|answer| answer.get().to_owned())
    }

    #[derive(serde::Deserialize)]
    struct Order {
        lines: Vec<u32>,
    }

    async fn total(order: Order, _: Context) -> Result<u32, Error> {
        order
            .lines
            .iter()
            .try_fold(0_u32, |sum, line| sum.checked_add(*line))
            .ok_or_else(|| Error::new("TotalTooLarge", "the total does not fit"))
    }

    #[track_caller]
    fn check_total(event: &str, expected: Result<&str, (&str, &str)>) {
        let answer = answer(total, event);
        let seen = answer.as_deref().map_err(|error| (error.error_type(), error.message()));
        assert_eq!(seen, expected, "answer to {event}");
    }

    #[test]
    fn a_handler_gets_the_event_and_answers() {
        check_total(r#"{"lines":[1,2,3]}"#, Ok("6"));
    }

    #[test]
    fn an_error_keeps_the_name_that_its_author_chose() {
        check_total(r#"{"lines":[4294967295,1]}"#, Err(("TotalTooLarge", "the total does not fit")));
    }

    #[test]
    fn an_event_of_another_shape_is_told_where_it_differs() {
        let message = "lines[1]: invalid type: boolean `true`, expected u32 at line 1 column 16";
        check_total(r#"{"lines":[1,true]}"#, Err((Error::INVALID_EVENT, message)));
        check_total("{}", Err((Error::INVALID_EVENT, "missing field `lines` at line 1 column 2")));
    }

    #[test]
    fn an_answer_that_json_cannot_say_is_a_fault() {
        let handler = async |_: Value, _: Context| Ok(BTreeMap::from([((1, 2), 3)]));
        assert_eq!(answer(handler, "null").unwrap_err().error_type(), Error::INVALID_ANSWER);
    }

    async fn same(event: Box<RawValue>, _: Context) -> Result<Box<RawValue>, Error> {
        Ok(event)
    }

    #[test]
    fn raw_text_passes_as_it_is() {
        let event = r#"{ "b":1.50, "a":1e2, "b":"\u0041" }"#;
        assert_eq!(answer(same, event).unwrap(), event);
    }

    proptest! {
        #[test]
        fn every_text_comes_back(text: String) {
            let event = serde_json::to_string(&text).unwrap();
            let echo = async |event: String, _: Context| Ok(event);
            prop_assert_eq!(answer(echo, &event).unwrap(), event);
        }
    }
}
